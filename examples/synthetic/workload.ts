import { statfsSync } from "node:fs";
import { freemem } from "node:os";
import { linksOf, type Shape } from "./shapes.js";

export interface Workload {
	readonly shape: Shape;
	/** Tasks between the first and the last. */
	readonly m: number;
	/** Bytes of each message. */
	readonly size: number;
	readonly iterations: number;
}

/** Of each link's queue: two references to blocks fit. */
export const QUEUE_BYTES = 64;
const IN_QUEUE = 2;

/** Blocks are whole spans. */
const SPAN = 2 ** 16;
const LARGEST_REGION = 2 ** 32 - 2 * SPAN;

/** Bytes of messages that exist at a time, at most: for each task that sends, those in a queue and one being written. */
export function bytesNeeded({ shape, m, size }: Workload): number {
	const senders = new Set(linksOf(shape, m).map(({ from }) => from)).size;
	return senders * (IN_QUEUE + 1) * Math.ceil(size / SPAN) * SPAN;
}

/** Bytes of a region for that: its tables are a sixtieth of it, and its queues small. */
export function regionBytes(workload: Workload): number {
	return Math.ceil(bytesNeeded(workload) * 1.02) + 8 * 2 ** 20;
}

/** Why a workload cannot run here, with the figures; undefined if it can. */
export function refusal(workload: Workload): string | undefined {
	const needed = regionBytes(workload);
	const directory = process.env.DHMEM_DIR || "/dev/shm";
	const { bavail, bsize } = statfsSync(directory);
	const limits = [
		{ what: "a region has at most", bytes: LARGEST_REGION },
		{ what: `${directory} has room for`, bytes: bavail * bsize },
		{ what: "this machine has memory for", bytes: freemem() },
	];
	const tight = limits.find(({ bytes }) => bytes < needed);
	if (tight === undefined) return undefined;
	const { shape, m, size } = workload;
	const which = shape === "simple" ? shape : `${shape} with m = ${m}`;
	return `${which} and messages of ${megabytes(size)} needs a region of ${megabytes(needed)}, and ${tight.what} ${megabytes(tight.bytes)}`;
}

export function megabytes(bytes: number): string {
	return `${Math.floor(bytes / 1e6)} MB`;
}
