/**
 * The data that is sent, and the receiver's check of it, for dhmem and its peers. SYNC:
 * `bench/native/data.hpp`.
 */
import { performance } from "node:perf_hooks";
import type { Job } from "./measure.js";

export const MESSAGE_BYTES = 64;
export const MESSAGE_WORDS = MESSAGE_BYTES / 4;
/** The number of messages in a batch. */
export const BATCH = 256;
/** The number of records in a batch. */
export const RECORDS = 4096;

/**
 * Writes message number `sequence` at word `at`. Every word differs from the same word of the previous
 * message.
 */
export function fillMessage(words: Uint32Array, at: number, sequence: number, { spoilt }: Job): void {
	for (let i = 0; i < MESSAGE_WORDS; i++) words[at + i] = sequence + i;
	if (sequence === spoilt) words[at + MESSAGE_WORDS - 1] = sequence;
}

/** Throws unless message number `sequence` is there, complete. */
export function checkMessage(words: Uint32Array, at: number, sequence: number): void {
	for (let i = 0; i < MESSAGE_WORDS; i++) {
		if (words[at + i] !== (sequence + i) >>> 0) throw new Error(`Message ${sequence} is wrong at word ${i}`);
	}
}

/** Makes one message after another in the same memory; `bytes` is the last one that `next` made. */
export class MessageSource {
	readonly #words = new Uint32Array(MESSAGE_WORDS);
	readonly bytes = new Uint8Array(this.#words.buffer);

	next(sequence: number, job: Job): Uint8Array {
		fillMessage(this.#words, 0, sequence, job);
		return this.bytes;
	}
}

/** Checks messages at any offset, by copying them, because words must be aligned. */
export class MessageCheck {
	readonly #words = new Uint32Array(MESSAGE_WORDS);
	readonly #bytes = new Uint8Array(this.#words.buffer);

	check(bytes: Uint8Array, sequence: number): void {
		if (bytes.length !== MESSAGE_BYTES)
			throw new Error(`Message ${sequence} is wrong: ${bytes.length} bytes`);
		this.#bytes.set(bytes);
		checkMessage(this.#words, 0, sequence);
	}
}

/**
 * Fills `values` with the records from number `first`. They have fractions, because only those make garbage.
 */
export function fillRecords(values: Float64Array, first: number, { spoilt }: Job): void {
	for (let i = 0; i < values.length; i++) values[i] = first + i + 0.5;
	if (spoilt >= first && spoilt < first + values.length) values[spoilt - first] = -1;
}

export function recordOf(sequence: number, { spoilt }: Job): number {
	return sequence === spoilt ? -1 : sequence + 0.5;
}

export function checkRecord(value: number | undefined, sequence: number): void {
	if (value !== sequence + 0.5) throw new Error(`Record ${sequence} is wrong: ${value}`);
}

export function checkRecords(values: Float64Array, count: number, first: number): void {
	for (let i = 0; i < count; i++) checkRecord(values[i], first + i);
}

/** The number of different contents of large messages, so that the check notices a stale part. */
export const PATTERNS = 3;

/** Returns the number that fills large message number `sequence`. */
export function patternOf(sequence: number): number {
	return (sequence % PATTERNS) + 1.5;
}

/** Makes large messages. Each is filled with one number, and has its own record at the end. */
export class LargeMessages {
	readonly #numbers: readonly Float64Array[];
	readonly #bytes: readonly Uint8Array[];
	readonly #last: number;

	constructor(bytes: number) {
		this.#numbers = Array.from({ length: PATTERNS }, (_, index) => {
			return new Float64Array(bytes / 8).fill(patternOf(index));
		});
		this.#bytes = this.#numbers.map(({ buffer }) => new Uint8Array(buffer));
		this.#last = bytes / 8 - 1;
	}

	/** Returns message number `sequence`, which is valid until the next call. */
	next(sequence: number, job: Job): Uint8Array {
		return this.#with(sequence, recordOf(sequence, job));
	}

	/** Throws unless `message` is message number `sequence`, complete. */
	check(message: Uint8Array, sequence: number): void {
		const expected = this.#with(sequence, sequence + 0.5);
		if (Buffer.compare(message, expected) !== 0) throw new Error(`Message ${sequence} is wrong`);
	}

	#with(sequence: number, record: number): Uint8Array {
		const index = sequence % PATTERNS;
		(this.#numbers[index] as Float64Array)[this.#last] = record;
		return this.#bytes[index] as Uint8Array;
	}
}

/**
 * Measures a rate from the first arrival on, without the messages of that arrival, so that start-up does not
 * count.
 */
export class Meter {
	#started = 0;
	#lead = 0;

	/** Notes that `count` messages have arrived and were checked. */
	arrived(count: number): void {
		if (this.#started !== 0) return;
		this.#lead = count;
		this.#started = performance.now();
	}

	/** Returns the rate in millions per second; NaN if all messages came in the first arrival. */
	rate(count: number): number {
		if (count === this.#lead) return Number.NaN;
		return (count - this.#lead) / (performance.now() - this.#started) / 1000;
	}
}

/** Returns the mean time of a trip in microseconds, without the first trip. */
export function meanTrip({ count }: Job, trip: (sequence: number) => void): number {
	trip(0);
	const started = performance.now();
	for (let sequence = 1; sequence < count; sequence++) trip(sequence);
	return ((performance.now() - started) * 1000) / (count - 1);
}

/** Returns the time of each trip in microseconds. */
export async function trips({ count }: Job, trip: (sequence: number) => Promise<void>): Promise<number[]> {
	const times: number[] = [];
	for (let sequence = 0; sequence < count; sequence++) {
		const started = performance.now();
		await trip(sequence);
		times.push((performance.now() - started) * 1000);
	}
	return times;
}
