/**
 * Lets two doctors, one on each side, check that they see the same folder, by sending a message each way
 * through it.
 */

import { DhmemError } from "../errors.js";
import { isOwnSharedMemory, SHARE } from "../host/advice.js";
import type { Consumer } from "../queue/consumer.js";
import type { Message } from "../queue/message.js";
import type { Producer } from "../queue/producer.js";
import { Region } from "../region.js";
import type { WaitOptions } from "../values/arguments.js";
import type { Facts } from "./facts.js";
import type { Finding } from "./findings.js";

/** The region in which they meet. It is removed when the last of them leaves. */
const MEETING = "dhmem-doctor";
/** The folder's group may write too, as in regions that containers share. */
const PERMISSIONS = 0o660;

/** An upper limit for the size of a card, in bytes. */
const CARD_BYTES = 4096;

/** The facts that a doctor sends to the other about itself. */
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
		return {
			about,
			status: "problem",
			text: "can't exchange messages with the other side",
			todo: error.message,
		};
	}
}

function cardOf({ host, user, process, version }: Facts): Card {
	return { host, user: user.user, process, version };
}

/** Sends a card and receives the other doctor's; undefined if the received message is not a card. */
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

/** Parses a card. Any program may have written it, so it is checked. */
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

/** Undefined if the endpoint is taken, which means that this is the second doctor. */
function tryProducer(open: () => Producer): Producer | undefined {
	try {
		return open();
	} catch (error) {
		if (error instanceof DhmemError && error.code === "DHMEM_ENDPOINT_TAKEN") return undefined;
		throw error;
	}
}

function foundBy(other: Card, { version }: Facts): Omit<Finding, "about"> {
	const text = `exchanged messages with process ${other.process} of user ${other.user} on ${other.host}`;
	if (other.version === version) return { status: "ok", text };
	return {
		status: "warning",
		text: `${text}; dhmem is version ${other.version} there and ${version} here`,
		todo: "use the same version on all sides",
	};
}

function foundStranger({ path }: Region): Omit<Finding, "about"> {
	return {
		status: "problem",
		text: `the message in ${path} is not from a doctor`,
		todo: `another program uses that region: end the program, remove the region with \`dhmem rm ${MEETING}\`, and try again`,
	};
}

/** Explains why no other doctor was met. */
export function nobody({ folder: { path, identity, mount } }: Pick<Facts, "folder">): Omit<Finding, "about"> {
	const text = `no other doctor came to ${path}, number ${identity}`;
	if (isOwnSharedMemory(mount)) {
		return {
			status: "problem",
			text: `${text}, which is this container's own /dev/shm`,
			todo:
				`if \`dhmem doctor --peer\` is running in the other container, that container also has its own: give both one ` +
				`folder (${SHARE}), or start one with --ipc=shareable and the other with --ipc=container:THAT`,
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
			"if `dhmem doctor --peer` is running on the other side, it uses another folder: compare the numbers, mount " +
			`${root} on both sides (-v), and set DHMEM_DIR to its path`,
	};
}
