import { statfsSync } from "node:fs";
import { freemem } from "node:os";
import { linksOf, type Shape } from "./shapes.js";

export interface Workload {
	readonly shape: Shape;
	/** The number of tasks between the first and the last. */
	readonly m: number;
	/** The size of each message, in bytes. */
	readonly size: number;
	readonly iterations: number;
}

/** The capacity of each link's queue. Two references to blocks fit. */
export const QUEUE_BYTES = 64;
const IN_QUEUE = 2;

/** Large blocks consist of whole spans. */
const SPAN = 2 ** 16;
/** In a region that is larger than this, blocks of 8 MiB and more lie behind it. */
const HEAP = 2 ** 32 - 2 * SPAN;

/**
 * Returns the largest size of all messages at a time: for each sending task, those in a queue and one being
 * written.
 */
export function bytesNeeded({ shape, m, size }: Workload): number {
	const senders = new Set(linksOf(shape, m).map(({ from }) => from)).size;
	return senders * (IN_QUEUE + 1) * Math.ceil(size / SPAN) * SPAN;
}

/** Returns how much memory a region takes for them. Its tables take a sixtieth of it, and its queues are small. */
function memoryNeeded(workload: Workload): number {
	return Math.ceil(bytesNeeded(workload) * 1.02) + 8 * 2 ** 20;
}

/** Returns the size of such a region. So much in all is only needed for messages that are larger than 8 MiB. */
export function regionBytes(workload: Workload): number {
	const memory = memoryNeeded(workload);
	return memory <= HEAP ? memory : HEAP + memory;
}

/** Explains with figures why a workload can't run here; undefined if it can. */
export function refusal(workload: Workload): string | undefined {
	const needed = memoryNeeded(workload);
	const directory = process.env.DHMEM_DIR || "/dev/shm";
	const { bavail, bsize } = statfsSync(directory);
	const limits = [
		{ what: `${directory} has room for only`, bytes: bavail * bsize },
		{ what: "this machine has free memory for only", bytes: freemem() },
	];
	const tight = limits.find(({ bytes }) => bytes < needed);
	if (tight === undefined) return undefined;
	const { shape, m, size } = workload;
	const which = shape === "simple" ? shape : `${shape} with m = ${m}`;
	return `${which} and messages of ${megabytes(size)} needs ${megabytes(needed)} of memory, but ${tight.what} ${megabytes(tight.bytes)}`;
}

export function megabytes(bytes: number): string {
	return `${Math.floor(bytes / 1e6)} MB`;
}
