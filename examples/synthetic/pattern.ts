import { createCipheriv } from "node:crypto";

/**
 * The number of bytes that native code writes or compares at a time, without a second message to compare
 * with.
 */
const CHUNK = 2 ** 20;
/** The number of places in the pattern where a chunk may begin; a prime, so that successive chunks differ. */
const PLACES = 8191;
const ALIGNMENT = 8;

/**
 * The contents of messages. They differ for each task, in each iteration and at each offset of the message.
 */
export class Pattern {
	/** A key stream, which never repeats, long enough for a chunk at the last place. */
	readonly #stream = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(
		Buffer.alloc(CHUNK + PLACES * ALIGNMENT),
	);

	/** Writes the message of task number `task`. */
	fill(message: Uint8Array, task: number, iteration: number): void {
		for (let at = 0; at < message.length; at += CHUNK) {
			message.set(this.#chunk(message, at, task, iteration), at);
		}
	}

	/** Returns the offset in bytes of the first chunk that differs from what `fill` wrote; -1 if none does. */
	mismatch(message: Uint8Array, task: number, iteration: number): number {
		for (let at = 0; at < message.length; at += CHUNK) {
			const expected = this.#chunk(message, at, task, iteration);
			if (Buffer.compare(message.subarray(at, at + CHUNK), expected) !== 0) return at;
		}
		return -1;
	}

	#chunk(message: Uint8Array, at: number, task: number, iteration: number): Uint8Array {
		const place = ALIGNMENT * ((iteration + 89 * task + 1021 * (at / CHUNK)) % PLACES);
		return this.#stream.subarray(place, place + Math.min(CHUNK, message.length - at));
	}
}
