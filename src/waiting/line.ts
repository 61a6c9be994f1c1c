const LEAST = 32;

/** Waits that take turns, first in, first out. Entering and leaving take constant time. */
export class Line<T extends { readonly settled: boolean }> {
	#waits: (T | undefined)[] = [];
	/** The length at which settled waits are dropped. */
	#most = LEAST;
	/** Index of the first wait that may not be settled. */
	#first = 0;

	enter(wait: T): void {
		if (this.#waits.length >= this.#most) this.#dropSettled();
		this.#waits.push(wait);
	}

	/** Drops waits that were settled behind others, by a timeout for example: the first may wait for very long. */
	#dropSettled(): void {
		this.#waits = this.#waits.filter((wait) => wait?.settled === false);
		this.#first = 0;
		this.#most = Math.max(LEAST, this.#waits.length * 2);
	}

	/** The wait whose turn it is: the first one that is not settled. */
	get first(): T | undefined {
		const waits = this.#waits;
		while (this.#first < waits.length && waits[this.#first]?.settled) waits[this.#first++] = undefined;
		// Half of the array is settled. Moving the rest costs no more than the steps that got here.
		if (this.#first > 16 && this.#first * 2 > waits.length) {
			waits.splice(0, this.#first);
			this.#first = 0;
		}
		return waits[this.#first];
	}
}
