/**
 * Messages whose length and contents follow from a seed and their sequence number, so the receiver knows
 * what must come without being told. Every byte depends on the number: a message in the wrong place, one from an
 * earlier lap of the ring, or half of one and half of another is not the expected one.
 */

/** A well-mixed 32-bit number (the finalizer of MurmurHash3). */
export function mix(seed: number, value: number): number {
	let hash = Math.imul(value + 1, 0x9e3779b1) ^ seed;
	hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
	hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
	return (hash ^ (hash >>> 16)) >>> 0;
}

const CHUNK = 65536;
const OFFSETS = 1 << 18;

export class Payloads {
	readonly #seed: number;
	readonly #range: number;
	/** Random bytes. A chunk of a message is a part of them, from an offset that depends on its number. */
	readonly #noise = Buffer.alloc(OFFSETS + CHUNK);
	#long = new Uint8Array(0);

	/** Sizes are log-uniform from 0 to `largest` bytes. */
	constructor(seed: number, largest: number) {
		this.#seed = seed;
		this.#range = Math.log(largest + 2);
		const words = new Uint32Array(this.#noise.buffer, this.#noise.byteOffset, this.#noise.length / 4);
		for (let index = 0; index < words.length; index++) words[index] = mix(seed, index);
	}

	size(sequence: number): number {
		return Math.floor(Math.exp((mix(this.#seed ^ 0x517e, sequence) / 2 ** 32) * this.#range)) - 1;
	}

	#offset(sequence: number, chunk: number): number {
		return mix(this.#seed ^ Math.imul(chunk, 0x2545f491), sequence) & (OFFSETS - 1);
	}

	/** The message with this number. A long one is valid until the next call. */
	bytes(sequence: number, length = this.size(sequence)): Uint8Array {
		if (length <= CHUNK) {
			const start = this.#noise.byteOffset + this.#offset(sequence, 0);
			return new Uint8Array(this.#noise.buffer, start, length);
		}
		if (this.#long.length < length) this.#long = new Uint8Array(length);
		return this.write(sequence, this.#long.subarray(0, length));
	}

	/** Fills `bytes` with the contents of the message with this number. */
	write(sequence: number, bytes: Uint8Array): Uint8Array {
		for (let at = 0; at < bytes.length; at += CHUNK) {
			const offset = this.#offset(sequence, at / CHUNK);
			bytes.set(this.#noise.subarray(offset, offset + Math.min(CHUNK, bytes.length - at)), at);
		}
		return bytes;
	}

	/** True if these are the message's bytes from `from` on, which may be in the middle of it. */
	isRight(sequence: number, bytes: Uint8Array, from = 0): boolean {
		let at = 0;
		while (at < bytes.length) {
			const within = (from + at) % CHUNK;
			const offset = this.#offset(sequence, (from + at - within) / CHUNK) + within;
			const count = Math.min(CHUNK - within, bytes.length - at);
			if (this.#noise.compare(bytes, at, at + count, offset, offset + count) !== 0) return false;
			at += count;
		}
		return true;
	}
}

/** The expected message, and what came instead. */
export class Checker {
	readonly errors: string[] = [];
	/** The number of messages and bytes that came, right or wrong. */
	messages = 0;
	bytes = 0;
	#due = 0;
	readonly #payloads: Payloads;

	constructor(payloads: Payloads) {
		this.#payloads = payloads;
	}

	/** The number of the expected message. */
	get due(): number {
		return this.#due;
	}

	/** Takes the next message. True if it is the expected one. */
	check(bytes: Uint8Array): boolean {
		this.messages++;
		this.bytes += bytes.length;
		const right = bytes.length === this.#payloads.size(this.#due) && this.#payloads.isRight(this.#due, bytes);
		if (!right) this.#diagnose(bytes);
		this.#due++;
		return right;
	}

	fail(error: string): void {
		if (this.errors.length < 10) this.errors.push(error);
		else if (this.errors.length === 10) this.errors.push("and more");
	}

	#diagnose(bytes: Uint8Array): void {
		const due = this.#due;
		for (let distance = 1; distance < 2000; distance++) {
			for (const other of [due + distance, due - distance]) {
				// A short one looks like too many others.
				if (other < 0 || bytes.length < 4 || bytes.length !== this.#payloads.size(other)) continue;
				if (!this.#payloads.isRight(other, bytes)) continue;
				this.fail(`message ${other} came when ${due} was due: ${other > due ? "lost" : "repeated"}`);
				this.#due = other;
				return;
			}
		}
		const size = this.#payloads.size(due);
		if (bytes.length !== size) this.fail(`message ${due} has ${bytes.length} bytes, not ${size}`);
		else this.fail(`message ${due} of ${size} bytes is torn`);
	}

	/** Call this after what should be `count` messages. */
	finish(count: number): void {
		if (this.#due !== count) this.fail(`${this.#due} of ${count} messages came before the end`);
	}
}

/** The same for bytes that keep their order, but not the boundaries between messages. */
export class StreamChecker {
	readonly errors: string[] = [];
	bytes = 0;
	#message = 0;
	#within = 0;
	readonly #payloads: Payloads;

	constructor(payloads: Payloads) {
		this.#payloads = payloads;
	}

	check(chunk: Uint8Array): void {
		this.bytes += chunk.length;
		let at = 0;
		while (at < chunk.length) {
			const size = this.#payloads.size(this.#message);
			const count = Math.min(chunk.length - at, size - this.#within);
			const part = chunk.subarray(at, at + count);
			if (!this.#payloads.isRight(this.#message, part, this.#within) && this.errors.length < 10) {
				this.errors.push(`bytes from ${this.#within} of message ${this.#message} are wrong`);
			}
			at += count;
			this.#within += count;
			if (this.#within === size) {
				this.#message++;
				this.#within = 0;
			}
		}
	}

	finish(count: number): void {
		// Empty messages leave no trace in a stream.
		while (this.#within === 0 && this.#payloads.size(this.#message) === 0 && this.#message < count)
			this.#message++;
		if (this.#message !== count || this.#within !== 0) {
			this.errors.push(`${this.#message} of ${count} messages came, and ${this.#within} bytes`);
		}
	}
}
