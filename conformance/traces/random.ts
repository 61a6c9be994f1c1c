/** A generator whose numbers depend only on its seed (xorshift32), so that a seed names a trace. */
export class Random {
	#state: number;

	constructor(seed: number) {
		this.#state = Math.imul(seed, 2654435761) >>> 0 || 1;
	}

	/** A whole number below `limit`. */
	below(limit: number): number {
		let x = this.#state;
		x ^= x << 13;
		x ^= x >>> 17;
		x ^= x << 5;
		this.#state = x >>> 0;
		return limit === 0 ? 0 : this.#state % limit;
	}

	/** True in one of `many` cases. */
	oneIn(many: number): boolean {
		return this.below(many) === 0;
	}

	pick<T>(from: readonly T[]): T | undefined {
		return from[this.below(from.length)];
	}

	/** Removes one of the items. */
	take<T>(from: T[]): T | undefined {
		return from.splice(this.below(from.length), 1)[0];
	}

	bytes(length: number): Uint8Array {
		return Uint8Array.from({ length }, () => this.below(256));
	}
}
