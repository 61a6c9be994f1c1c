/**
 * The workflow shapes of the synthetic workloads of the original Dhmem, and the contents of their messages.
 * SYNC: `native/shapes.cpp`.
 */
import type { Job } from "./measure.js";

export type Shape = "simple" | "long" | "wide";

export interface Link {
	from: number;
	to: number;
}

/**
 * The links between tasks 0 (start), 1 to `middle`, and `middle + 1` (end). `simple` has only start and end.
 */
export function linksOf(shape: Shape, middle: number): Link[] {
	const end = middle + 1;
	const between = Array.from({ length: middle }, (_, index) => index + 1);
	switch (shape) {
		case "simple":
			return [{ from: 0, to: 1 }];
		case "long":
			return [0, ...between].map((task) => ({ from: task, to: task + 1 }));
		case "wide":
			return between.flatMap((task) => [
				{ from: 0, to: task },
				{ from: task, to: end },
			]);
	}
}

export function tasksOf(links: readonly Link[]): number {
	return Math.max(...links.map(({ to }) => to)) + 1;
}

/** The number of bytes that native code writes or compares at a time. */
const CHUNK = 2 ** 20;
/**
 * The number of words of the pattern at which a chunk may begin; a prime, so that successive chunks differ.
 */
const PLACES = 16381;

/** The contents of messages. They differ for each task, in each step and at each offset of the message. */
export class Pattern {
	readonly #bytes: Uint8Array;

	constructor() {
		const words = new Uint32Array(CHUNK / 4 + PLACES);
		// Marsaglia's xorshift.
		for (let i = 0, word = 1; i < words.length; i++) {
			word ^= word << 13;
			word ^= word >>> 17;
			word ^= word << 5;
			words[i] = word;
		}
		this.#bytes = new Uint8Array(words.buffer);
	}

	fill({ buffer, byteOffset, length }: Uint8Array, task: number, step: number, { spoilt }: Job): void {
		// A Buffer's `fill` is a memcpy, while a typed array's `set` copies byte by byte if the source is not
		// aligned.
		const message = Buffer.from(buffer, byteOffset, length);
		for (let at = 0; at < length; at += CHUNK) {
			const chunk = this.#chunk(length, at, task, step);
			message.fill(chunk, at, at + chunk.length);
		}
		const last = length - 1;
		if (step === spoilt) message[last] = (message[last] as number) ^ 1;
	}

	check(message: Uint8Array, task: number, step: number): void {
		for (let at = 0; at < message.length; at += CHUNK) {
			const expected = this.#chunk(message.length, at, task, step);
			if (Buffer.compare(message.subarray(at, at + expected.length), expected) === 0) continue;
			throw new Error(`The message of task ${task} in step ${step} is wrong`);
		}
	}

	#chunk(length: number, at: number, task: number, step: number): Uint8Array {
		const place = 4 * ((step + 89 * task + 1021 * (at / CHUNK)) % PLACES);
		return this.#bytes.subarray(place, place + Math.min(CHUNK, length - at));
	}
}
