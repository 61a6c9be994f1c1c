/** What is sent in measurements, and how the receiver checks it: the same for dhmem and for its peers. */
import type { Region } from "../src/index.js";

export const MESSAGE_BYTES = 64;
export const MESSAGE_WORDS = MESSAGE_BYTES / 4;
export const LARGE_BYTES = 2 ** 20;
/** Messages, or records, in a batch. */
export const BATCH = 256;
export const RECORDS = 4096;

/** Writes message number `sequence` at word `at`: every word differs from that of the message before. */
export function fillMessage(words: Uint32Array, at: number, sequence: number): void {
	for (let i = 0; i < MESSAGE_WORDS; i++) words[at + i] = sequence + i;
}

/** Throws unless all of message number `sequence` is there. */
export function checkMessage(words: Uint32Array, at: number, sequence: number): void {
	for (let i = 0; i < MESSAGE_WORDS; i++) {
		if (words[at + i] !== (sequence + i) >>> 0) throw new Error(`Message ${sequence} is wrong at word ${i}`);
	}
}

/** Of contents of large messages: no divisor of how many fit the ring, so what is stale shows. */
const PATTERNS = 3;

/** The byte that fills large message number `sequence`. */
export function patternByte(sequence: number): number {
	return (sequence % PATTERNS) + 1;
}

/** What large messages hold, in turn. */
export function largePatterns(): Uint8Array[] {
	return Array.from({ length: PATTERNS }, (_, index) => new Uint8Array(LARGE_BYTES).fill(patternByte(index)));
}

export function checkRecords(values: Float64Array, count: number, first: number): void {
	for (let i = 0; i < count; i++) {
		if (values[i] !== first + i + 0.5) throw new Error(`Record ${first + i} is ${values[i]}`);
	}
}

export function fillRecords(values: Float64Array, count: number, first: number): void {
	for (let i = 0; i < count; i++) values[i] = first + i + 0.5;
}

/** What the driver asks of its peer. `count` is messages, records or round trips. */
export interface Job {
	name:
		| "messages"
		| "batches"
		| "records"
		| "large"
		| "echo-spinning"
		| "echo-asleep"
		| "socket-messages"
		| "socket-batches"
		| "socket-records"
		| "socket-echo"
		| "line-echo";
	count: number;
	/** For `line-echo`: the handle of the block with the two words. */
	token?: string;
}

/** What the peer answers: it is ready, it has done a job, or it failed. */
export type Answer = "ready" | "done" | { error: string };

export const QUEUES = {
	small: { name: "small", capacity: "1MiB" },
	large: { name: "large", capacity: "8MiB" },
	ping: { name: "ping", capacity: "64KiB" },
	pong: { name: "pong", capacity: "64KiB" },
	records: { name: "records", record: "f64", slots: 4 * RECORDS },
} as const;

/** Distance of the two words of `line-echo`, in words: cache lines are fetched in pairs. */
export const LINE_WORDS = 32;
/** Turns of a busy loop after which a peer that doesn't answer has died. */
export const SPINS = 1e9;

/** The words of a block that was saved under a token. */
export function wordsOf(region: Region, token: string): Int32Array {
	const loaded = region.load(token);
	if (loaded.kind !== "block") throw new Error(`a ${loaded.kind} was saved`);
	return loaded.as("i32");
}
