/** A way for messages to get from one side to the other. */
import type { Queue, Region } from "dhmem";
import { type Checker, mix, type Payloads } from "./payload.js";

/** What a side is given. */
export interface Job {
	path: string;
	region: string;
	side: "producer" | "consumer";
	count: number;
	seed: number;
	/** The length of the largest message in bytes. */
	largest: number;
	/** The fault that the producer makes in the middle, to check that it is found. */
	fault?: "lose" | "repeat" | "tear" | undefined;
}

/** What a side reports. */
export interface Report {
	messages: number;
	bytes: number;
	/** How often the ring was full (a producer's), or empty (a consumer's). */
	waits: number;
	errors: string[];
}

export interface Path {
	/** A description for the listing. */
	what: string;
	/** The number of messages in a full run. */
	count: number;
	/** The size of the region. */
	size: string;
	/** The capacity of the ring, in bytes or records. */
	capacity: number;
	record?: "f64" | "u32";
	/** The length of the largest message in bytes; by default, the largest that fits the region. */
	largest?: number;
	produce(region: Region, job: Job, report: Report): void | Promise<void>;
	consume(region: Region, job: Job, report: Report): void | Promise<void>;
}

export const QUEUE = "endurance";

/** Nothing here takes this long, on a machine however busy. */
export const wait = { timeout: 60_000 };

export function queueOf(region: Region): Queue {
	return region.queue(QUEUE);
}

/** Changes the pace now and then, so that the ring is full at some times and empty at others. */
export function linger(payloads: Payloads, sequence: number, bytes: Uint8Array): void {
	if ((mix(1, sequence >>> 12) & 3) !== 0) return;
	for (let turn = 0; turn < 8; turn++) payloads.isRight(sequence, bytes);
}

export function conclude(checker: Checker, job: Job, report: Report): void {
	checker.finish(job.count);
	report.messages = checker.messages;
	report.bytes = checker.bytes;
	report.errors.push(...checker.errors);
}
