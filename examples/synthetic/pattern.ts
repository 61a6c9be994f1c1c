import { createCipheriv } from "node:crypto";

/** Bytes that are written or compared at a time: at the speed of native code, with no second message to compare with. */
const CHUNK = 2 ** 20;
/** How many places of the pattern a chunk may begin at; a prime, so that the places of successive chunks differ. */
const PLACES = 8191;
const ALIGNMENT = 8;

/** What every message holds: different in each iteration, from each task and at each place of the message. */
export class Pattern {
	/** A key stream, which never repeats itself, long enough for a chunk at the last place. */
	readonly #stream = createCipheriv("aes-128-ctr", Buffer.alloc(16), Buffer.alloc(16)).update(
		Buffer.alloc(CHUNK + PLACES * ALIGNMENT),
	);

	/** Writes the message of the task with this number. */
	fill(message: Uint8Array, task: number, iteration: number): void {
		for (let at = 0; at < message.length; at += CHUNK) {
			message.set(this.#chunk(message, at, task, iteration), at);
		}
	}

	/** The first chunk that is not as `fill` wrote it, as an offset in bytes; -1 if all is. */
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
