/** The names of what a link has on the server. */
import { createHash } from "node:crypto";
import { type Link, linkName } from "../links.js";

/**
 * What a record of a stream is: a message, a part of one, a message with a reference to its block, or the end.
 */
export const kinds = ["whole", "first", "more", "refer", "end"] as const;
export type Kind = (typeof kinds)[number];

/** The header with the epoch of the sender. */
export const EPOCH = "Dhmem-Epoch";
/** The header with the number of the record among those of its sender. */
export const NUMBER = "Dhmem-Record";

/** Where the server answers. Users of this library need not be allowed to read answers to others. */
export const INBOX = "_INBOX_dhmem";

export interface StreamNames {
	readonly link: string;
	readonly stream: string;
	/** The beginning of the subjects. The sender's epoch and the kind of record follow. */
	readonly subject: string;
	/** Subject of hints to a sender that there may be room. It is not stored. */
	readonly room: string;
	/** Subject of requests for parts of blocks that can't be pulled otherwise. They are not stored. */
	readonly blocks: string;
	/** The keys in the run's bucket that count the openings of the two endpoints. */
	readonly senderKey: string;
	readonly receiverKey: string;
}

/** The part of a stream's name that says which run it is of: readable, and short enough for a server. */
function readable(run: string): string {
	return run.replaceAll(".", "_").slice(0, 100);
}

function hash(text: string): string {
	return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

export function namesOf(run: string, link: Pick<Link, "from" | "to">): StreamNames {
	const name = linkName(link);
	const stream = `dhmem_${readable(run)}_${hash(`${run}/${name}`)}`;
	const ports = [link.from.task, link.from.port, link.to.task, link.to.port].join(".");
	return {
		link: name,
		stream,
		subject: `dhmem.${keyOf(run)}.${ports}`,
		room: `dhmem_room.${keyOf(run)}.${ports}`,
		blocks: `dhmem_room.${keyOf(run)}.${ports}.blocks`,
		senderKey: `${stream}.sender`,
		receiverKey: `${stream}.receiver`,
	};
}

/** Distinguishes a run from all others, in names and subjects. */
export function keyOf(run: string): string {
	return `${readable(run)}_${hash(run)}`;
}

/** The bucket with the epochs of a run. */
export function bucketOf(run: string): string {
	return `dhmem_${keyOf(run)}`;
}
