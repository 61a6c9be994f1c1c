/** The length at which settled waits are dropped. */
const LEAST = 32;

/**
 * Waits that are not settled, in the order in which they came. Each enters and leaves in constant time.
 *
 * Not a Set: waits come and go all the time, and V8 then replaces the set's table again and again. A table refers to
 * the one that replaces it. So once one of them is old, all later ones, and the waits in them, survive young
 * collections, and these take many times as long.
 */
export class Waits<T extends { readonly settled: boolean }> {
	#waits: T[] = [];
	#most = LEAST;
	#size = 0;

	/** The number of waits that are not settled. */
	get size(): number {
		return this.#size;
	}

	add(wait: T): void {
		if (this.#waits.length >= this.#most) {
			this.#waits = this.all();
			this.#most = Math.max(LEAST, this.#waits.length * 2);
		}
		this.#waits.push(wait);
		this.#size++;
	}

	/** Must be called for each wait, once it is settled. */
	leave(): void {
		this.#size--;
		while (this.#waits.at(-1)?.settled) this.#waits.pop();
	}

	/** A copy, because waits come and go while it is used. */
	all(): T[] {
		return this.#waits.filter(({ settled }) => !settled);
	}
}
