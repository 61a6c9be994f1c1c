/** A way for messages to go from one side to the other. */
import type { Queue, Region } from "dhmem";
import { type Checker, mix, type Payloads } from "./payload.js";

/** What a side is told. */
export interface Job {
	path: string;
	region: string;
	side: "producer" | "consumer";
	count: number;
	seed: number;
	/** Bytes of the largest message. */
	largest: number;
	/** What the producer does wrong in the middle, to see whether it is found. */
	fault?: "lose" | "repeat" | "tear" | undefined;
}

/** What a side tells. */
export interface Report {
	messages: number;
	bytes: number;
	/** How often the ring was full (a producer's), or empty (a consumer's). */
	waits: number;
	errors: string[];
}

export interface Path {
	/** What it is about, for the listing. */
	what: string;
	/** Messages in a full run. */
	count: number;
	/** Of the region. */
	size: string;
	/** Bytes of the ring, or records. */
	capacity: number;
	record?: "f64" | "u32";
	/** Bytes of the largest message; left out, the largest that the region takes. */
	largest?: number;
	produce(region: Region, job: Job, report: Report): void | Promise<void>;
	consume(region: Region, job: Job, report: Report): void | Promise<void>;
}

export const QUEUE = "endurance";

/** Nothing here takes this long, on however busy a machine. */
export const wait = { timeout: 60_000 };

export function queueOf(region: Region): Queue {
	return region.queue(QUEUE);
}

/** Changes the pace now and then, so that the ring is full at times and empty at others. */
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
