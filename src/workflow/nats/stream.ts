/** The stream of a link: it holds the messages that were sent and not released. */
import { setTimeout as sleep } from "node:timers/promises";
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import { DhmemError } from "../../errors.js";
import { formatSize } from "../../terminal/format-size.js";
import type { Link } from "../links.js";
import { codeOf, creating, PATIENCE, PAUSE } from "./creating.js";
import { electing } from "./electing.js";
import type { StreamNames } from "./names.js";
import type { Session } from "./session.js";

const DEFAULT_CAPACITY = 2 ** 20;
/** A stream needs room for a message, its subject and its headers. */
const LEAST_CAPACITY = 2 ** 16;

/** Error codes of the server. */
export const NO_ROOM = 10077;
/** That others have written something meanwhile: the second is what the servers of a cluster say while they agree. */
const CONFLICTS: readonly unknown[] = [10071, 10164];
/** The status of a publish that no stream takes. */
export const NO_STREAM_LISTENS = 503;
export const NO_STREAM = 10059;
const NO_STORAGE = 10047;
/** The same, of a message to a stream that has no limit of its own. */
export const NO_RESOURCES = 10023;

/** The capacity of a `block` link's stream in bytes; -1 with other policies, whose senders drop messages. */
export function capacityOf({ policy, capacity }: Link): number {
	return policy === "block" ? Math.max(capacity ?? DEFAULT_CAPACITY, LEAST_CAPACITY) : -1;
}

/**
 * Opens the stream of a link, or creates it.
 *
 * @param isOther true if the process at the other end of the link was here before, and is the one that creates it
 * @throws DHMEM_TYPE_MISMATCH if the other side has other options; DHMEM_NO_SPACE if the server has no room
 */
export async function openStream(
	session: Session,
	names: StreamNames,
	link: Link,
	isOther = false,
): Promise<StreamInfo> {
	const deadline = performance.now() + PATIENCE;
	while (isOther && performance.now() < deadline) {
		const known = await electing(session.connection, () => findStream(session.manager, names.stream));
		if (known !== undefined) return checked(known, link);
		await sleep(PAUSE);
	}
	return creating(session.connection, async () => {
		const known = await findStream(session.manager, names.stream);
		return known === undefined ? await createStream(session, names, link) : checked(known, link);
	});
}

/** @throws DHMEM_TYPE_MISMATCH */
function checked(known: StreamInfo, link: Link): StreamInfo {
	const description = describe(link);
	if (known.config.description === description) return known;
	throw new DhmemError(
		"DHMEM_TYPE_MISMATCH",
		`The other side has opened the link as "${known.config.description}", and this one as "${description}"; give both the same options`,
	);
}

async function createStream(
	{ manager, packages, replicas }: Session,
	names: StreamNames,
	link: Link,
): Promise<StreamInfo> {
	const { RetentionPolicy, StorageType, DiscardPolicy } = packages.jetstream;
	try {
		return await manager.streams.add({
			name: names.stream,
			description: describe(link),
			subjects: [`${names.subject}.*.*`],
			retention: RetentionPolicy.Workqueue,
			storage: StorageType.File,
			discard: DiscardPolicy.New,
			max_bytes: capacityOf(link),
			num_replicas: replicas,
		});
	} catch (error) {
		throw storageError(error, names.link);
	}
}

/** What both sides must agree on. Operators see it too. */
function describe(link: Link): string {
	const options = [
		`policy=${link.policy}`,
		...(link.policy === "block" ? [`capacity=${capacityOf(link)}`] : []),
		...(link.keep === undefined ? [] : [`keep=${link.keep}`]),
	];
	const { from, to } = link;
	return [`${from.task}.${from.port}>${to.task}.${to.port}`, ...options].join(";");
}

/** True if something was not stored because others have written meanwhile. */
export function isConflict(error: unknown): boolean {
	return CONFLICTS.includes(codeOf(error));
}

/** Undefined if there is no such stream. */
export async function findStream(manager: JetStreamManager, name: string): Promise<StreamInfo | undefined> {
	try {
		return await manager.streams.info(name);
	} catch (error) {
		if (codeOf(error) === NO_STREAM) return undefined;
		throw error;
	}
}

/** True if the stream stores what the sender of this epoch publishes. Otherwise it does so from now on. */
export async function admits(
	session: Session,
	{ config }: StreamInfo,
	names: StreamNames,
	epoch: number,
): Promise<boolean> {
	const subjects = [`${names.subject}.*.*`, `${names.subject}.${epoch}.*`];
	if (subjects.some((each) => config.subjects.includes(each))) return true;
	await admitOnly(session, names, epoch);
	return false;
}

/** Lets the stream store only what the sender of this epoch publishes, and nothing of older ones. */
export function admitOnly(
	{ manager }: Session,
	{ stream, subject }: StreamNames,
	epoch: number,
): Promise<StreamInfo> {
	return manager.streams.update(stream, { subjects: [`${subject}.${epoch}.*`] });
}

/** Raises the limit of a stream, for a message that is too large for it. */
export async function enlarge(
	{ manager }: Session,
	{ stream, link }: StreamNames,
	bytes: number,
): Promise<void> {
	try {
		await manager.streams.update(stream, { max_bytes: bytes });
	} catch (error) {
		throw storageError(error, link, bytes);
	}
}

function storageError(error: unknown, link: string, bytes?: number): unknown {
	if (codeOf(error) !== NO_STORAGE) return error;
	return noStorage(link, bytes === undefined ? "its stream" : formatSize(bytes), error);
}

/** The error for a server whose disk, or whose limit for what is on it, is full. */
export function noStorage(link: string, what: string, cause?: unknown): DhmemError {
	return new DhmemError(
		"DHMEM_NO_SPACE",
		`The NATS server has no storage left for ${link} (${what}); raise max_file_store of its JetStream, or let links have a ` +
			"smaller capacity, or keep fewer messages",
		{ cause },
	);
}

/** The answer to a publish: the position of the record, or the number of an error. */
export function parseAnswer(text: string, status: number): { seq?: number; error?: number } {
	if (status !== 0 || text === "") return { error: status };
	const answer = JSON.parse(text) as { seq?: number; error?: { err_code?: number } };
	if (answer.error !== undefined) return { error: answer.error.err_code ?? 0 };
	return answer.seq === undefined ? {} : { seq: answer.seq };
}

/** The error for a stream that somebody has removed during the run. */
export function streamGone({ link, stream }: StreamNames): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`The stream ${stream} of ${link} is gone from the NATS server: it was removed there, or the server has lost its ` +
			"data; run the workflow again",
	);
}

/** The error for a sender that was replaced by another. */
export function taken({ link }: StreamNames): DhmemError {
	return new DhmemError(
		"DHMEM_ENDPOINT_TAKEN",
		`Another process sends to ${link} now; run each task only once at a time`,
	);
}

/** The error for a stream that is shorter than the server has confirmed. */
export function lost({ link }: StreamNames, last: number, known: number): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`The NATS server has lost messages of ${link}: it has ${last} records, and had confirmed ${known}; was its data ` +
			"removed, or did the machine lose power? Run the workflow again",
	);
}
