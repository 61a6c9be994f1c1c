/** Those who wait for one thing in turn. Entering and leaving take the same time however many there are. */
export class Line<T extends { readonly settled: boolean }> {
	readonly #waits: (T | undefined)[] = [];
	/** Where the first is that may not have settled. */
	#first = 0;

	enter(wait: T): void {
		this.#waits.push(wait);
	}

	/** The one whose turn it is: the first that has not settled. */
	get first(): T | undefined {
		const waits = this.#waits;
		while (this.#first < waits.length && waits[this.#first]?.settled) waits[this.#first++] = undefined;
		// Half of it is past: as many moves as there were steps.
		if (this.#first > 16 && this.#first * 2 > waits.length) {
			waits.splice(0, this.#first);
			this.#first = 0;
		}
		return waits[this.#first];
	}
}
