/**
 * Copies numbers out of a ring, whole pieces of it by views that are kept: a new view for each copy would be
 * garbage.
 */
import type { DType, TypedArrayOf } from "../values/dtypes.js";
import type { Values } from "./record-endpoint.js";

/** Called as a function, because the user's array may have a `set` method of its own. */
const setElements = Uint8Array.prototype.set as (this: unknown, from: unknown, at: number) => void;

/** The smallest number of records in a piece, and the largest number of pieces. */
const LEAST_PIECE = 256;
const MOST_PIECES = 64;

export class RingPieces {
	readonly #ring: TypedArrayOf<DType>;
	readonly #mask: number;
	/** The number of records in a piece. */
	readonly #size: number;
	/** Views of the pieces, each created at first use. */
	readonly #views: (TypedArrayOf<DType> | undefined)[];

	/** @param capacity the number of records in the ring, a power of two */
	constructor(ring: TypedArrayOf<DType>, capacity: number) {
		this.#ring = ring;
		this.#mask = capacity - 1;
		this.#size = Math.max(Math.min(capacity, LEAST_PIECE), capacity / MOST_PIECES);
		this.#views = new Array(capacity / this.#size);
	}

	/** Copies `count` records from `position` on, modulo the capacity, to the start of `values`. */
	copyOut(position: number, values: TypedArrayOf<DType>, count: number): void {
		const mask = this.#mask;
		const to = values as Values;
		const from = this.#ring as Values;
		const size = this.#size;
		for (let i = 0; i < count; ) {
			const start = (position + i) & mask;
			if (start % size === 0 && count - i >= size) {
				setElements.call(values, this.#viewAt(start), i);
				i += size;
				continue;
			}
			const until = Math.min(count, i + size - (start % size));
			for (let at = start; i < until; i++, at++) to[i] = from[at] as number;
		}
	}

	#viewAt(start: number): TypedArrayOf<DType> {
		const index = start / this.#size;
		let view = this.#views[index];
		if (view === undefined) {
			view = this.#ring.subarray(start, start + this.#size);
			this.#views[index] = view;
		}
		return view;
	}
}
