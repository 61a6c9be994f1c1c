/** Two doctors, one on each side: whether they see one folder, shown by a message each way through it. */

import { DhmemError } from "../errors.js";
import { isOwnSharedMemory, SHARE } from "../host/advice.js";
import type { Consumer } from "../queue/consumer.js";
import type { Message } from "../queue/message.js";
import type { Producer } from "../queue/producer.js";
import { Region } from "../region.js";
import type { WaitOptions } from "../values/arguments.js";
import type { Facts } from "./facts.js";
import type { Finding } from "./findings.js";

/** Where they meet. It is gone with the last of them. */
const MEETING = "dhmem-doctor";
/** For others of the folder's group, as regions that containers share should be. */
const PERMISSIONS = 0o660;

/** More bytes than a card has. */
const CARD_BYTES = 4096;

/** What one tells the other of itself. */
interface Card {
	host: string;
	user: number;
	process: number;
	version: string;
}

/** Waits for the other doctor. @throws the signal's reason */
export async function meet(facts: Facts, wait: WaitOptions): Promise<Finding> {
	const about = "peer";
	try {
		using region = Region.open(MEETING, {
			directory: facts.folder.path,
			lifetime: "last-close",
			permissions: PERMISSIONS,
			size: "1MiB",
		});
		const other = await exchange(region, cardOf(facts), wait);
		return { about, ...(other === undefined ? foundStranger(region) : foundBy(other, facts)) };
	} catch (error) {
		if (!(error instanceof DhmemError)) throw error;
		if (error.code === "DHMEM_TIMEOUT") return { about, ...nobody(facts) };
		return { about, status: "problem", text: "the other side can't be met", todo: error.message };
	}
}

function cardOf({ host, user, process, version }: Facts): Card {
	return { host, user: user.user, process, version };
}

/** Sends a card one way, and has one from the other way; undefined if what came is none. */
async function exchange(region: Region, mine: Card, wait: WaitOptions): Promise<Card | undefined> {
	const there = region.queue("there", { capacity: "4KiB" });
	const back = region.queue("back", { capacity: "4KiB" });
	const isFirst = tryProducer(() => there.producer());
	using producer: Producer = isFirst ?? back.producer();
	using consumer: Consumer = (isFirst === undefined ? there : back).consumer();
	await producer.send(JSON.stringify(mine), wait);
	using message = await consumer.receive(wait);
	return message === undefined ? undefined : readCard(message);
}

/** Anybody may have written it. */
function readCard(message: Message): Card | undefined {
	if (message.length > CARD_BYTES) return undefined;
	const text = message.text();
	let value: unknown;
	try {
		value = JSON.parse(text);
	} catch {
		return undefined;
	}
	return isCard(value) ? value : undefined;
}

function isCard(value: unknown): value is Card {
	if (typeof value !== "object" || value === null) return false;
	const { host, user, process, version } = value as Partial<Record<keyof Card, unknown>>;
	const areNumbers = Number.isSafeInteger(user) && Number.isSafeInteger(process);
	return areNumbers && typeof host === "string" && typeof version === "string";
}

/** Undefined if another one has it: then this is the second doctor. */
function tryProducer(open: () => Producer): Producer | undefined {
	try {
		return open();
	} catch (error) {
		if (error instanceof DhmemError && error.code === "DHMEM_ENDPOINT_TAKEN") return undefined;
		throw error;
	}
}

function foundBy(other: Card, { version }: Facts): Omit<Finding, "about"> {
	const text = `met user ${other.user}, process ${other.process} of ${other.host}: a message went each way`;
	if (other.version === version) return { status: "ok", text };
	return {
		status: "warning",
		text: `${text}; it has dhmem ${other.version}, and this one is ${version}`,
		todo: "use one version on all sides",
	};
}

function foundStranger({ path }: Region): Omit<Finding, "about"> {
	return {
		status: "problem",
		text: `what came through ${path} is not from a doctor`,
		todo: `another program uses that region: end it, remove the region by \`dhmem rm ${MEETING}\`, and try again`,
	};
}

/** Why nobody came. */
export function nobody({ folder: { path, identity, mount } }: Pick<Facts, "folder">): Omit<Finding, "about"> {
	const text = `nobody came to ${path}, number ${identity}`;
	if (isOwnSharedMemory(mount)) {
		return {
			status: "problem",
			text: `${text}, which is a /dev/shm of this container's own`,
			todo:
				`if \`dhmem doctor --peer\` runs in the other container now, that one has its own too: give both one folder ` +
				`(${SHARE}), or start one with --ipc=shareable and the other with --ipc=container:THAT`,
		};
	}
	const root =
		mount === undefined || mount.root === "/"
			? "the same folder"
			: `the same folder, ${mount.root} of its file system`;
	return {
		status: "problem",
		text,
		todo:
			"if `dhmem doctor --peer` runs on the other side now, it looks at another folder: compare the numbers, mount " +
			`${root} on both sides (-v), and set DHMEM_DIR to where it is`,
	};
}
