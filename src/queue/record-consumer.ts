import { inspect } from "node:util";
import { EMPTY, ENDED, OK, SLOT_RESULT, SLOT_RESULT_2 } from "../../assembly/layout.js";
import type { NamedObject } from "../objects/named-object.js";
import type { EndpointOptions, WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import type { DType, TypedArrayOf, ValueOf } from "../values/dtypes.js";
import { PENDING } from "../waiting/waiter.js";
import { RecordEndpoint, type Values } from "./record-endpoint.js";

/** Chaining onto this promise runs a function in the next microtask. */
const soon = Promise.resolve();

/** Called as a function, because the user's array may have a `set` method of its own. */
const setElements = Uint8Array.prototype.set as (this: unknown, from: unknown, at: number) => void;

/**
 * The smallest number of records in a piece of a ring that is copied at once, and the largest number of
 * pieces.
 */
const LEAST_PIECE = 256;
const MOST_PIECES = 64;

/**
 * The receiving endpoint of a queue of records: it pops numbers.
 * From `region.queue(name, { record }).consumer()`.
 *
 * @example
 * ```ts
 * using samples = region.queue("samples", { record: "f64" }).consumer();
 * const batch = new Float64Array(1024);
 * while (await samples.wait()) {
 *   const count = samples.popInto(batch);
 *   for (const sample of batch.subarray(0, count)) sum += sample;
 * }
 * ```
 */
export class RecordConsumer<D extends DType = DType> extends RecordEndpoint<D> {
	/**
	 * The number of records that could be read when last checked, the position of the next record, and the
	 * number of popped records whose room was not given back yet.
	 */
	#available = 0;
	#position = 0;
	#taken = 0;
	#ended = false;
	#flushing = false;
	/** Room is given back in steps of this many records, because each step costs the producer a cache line. */
	readonly #step: number;
	/**
	 * The number of records in a piece of the ring, and views of the pieces, each created at first use and
	 * kept.
	 */
	readonly #piece: number;
	readonly #pieces: (TypedArrayOf<D> | undefined)[];

	/** @internal */
	constructor(queue: NamedObject, dtype: D, options?: EndpointOptions) {
		super(queue, "consumer", dtype, options);
		this.#step = Math.min(256, this.ring.length >> 1);
		this.#piece = Math.max(Math.min(this.ring.length, LEAST_PIECE), this.ring.length / MOST_PIECES);
		this.#pieces = new Array(this.ring.length / this.#piece);
		this.attachment.flushers.add(this.#flush);
	}

	/** True when the stream has ended and all its records were popped. */
	get ended(): boolean {
		return this.#ended;
	}

	/**
	 * Takes the next record; undefined if there is none now. Never waits. If this consumer dies, the next one
	 * may pop up to 256 of the last records again.
	 *
	 * @throws DHMEM_CLOSED
	 */
	pop(): ValueOf<D> | undefined {
		if (this.#available === 0 && !this.#hasRecords()) return undefined;
		const value = (this.ring as unknown as Values<D>)[this.#position & this.mask];
		// If the region was closed or truncated meanwhile, the ring reads as zeros.
		this.attachment.check();
		this.#take(1);
		return value;
	}

	/**
	 * Fills `values` from its start with as many records as there are now. Never waits, and allocates nothing.
	 *
	 * @returns the number of records popped
	 * @throws DHMEM_CLOSED, DHMEM_BAD_ARGUMENT for an array of another dtype
	 */
	popInto(values: TypedArrayOf<D>): number {
		const count = this.peekInto(values);
		this.discard(count);
		return count;
	}

	/**
	 * Copies records like `popInto`, but leaves them in the queue until `discard`.
	 *
	 * @internal
	 */
	peekInto(values: TypedArrayOf<D>): number {
		const length = this.checkArray(values);
		if (this.#available < length && !this.#hasRecords()) return 0;
		const count = Math.min(length, this.#available);
		this.#copy(values, count);
		this.attachment.check();
		return count;
	}

	/**
	 * Removes the first `count` records, which `peekInto` has copied.
	 *
	 * @internal
	 */
	discard(count: number): void {
		if (count > 0) this.#take(count);
	}

	/** Copies whole pieces of the ring by their kept views: a new view for each copy would be garbage. */
	#copy(values: TypedArrayOf<D>, count: number): void {
		const { mask } = this;
		const to = values as unknown as Values<D>;
		const from = this.ring as unknown as Values<D>;
		const size = this.#piece;
		for (let i = 0; i < count; ) {
			const start = (this.#position + i) & mask;
			if (start % size === 0 && count - i >= size) {
				setElements.call(values, this.#pieceAt(start), i);
				i += size;
				continue;
			}
			const until = Math.min(count, i + size - (start % size));
			for (let at = start; i < until; i++, at++) to[i] = from[at] as ValueOf<D>;
		}
	}

	#pieceAt(start: number): TypedArrayOf<D> {
		const index = start / this.#piece;
		let piece = this.#pieces[index];
		if (piece === undefined) {
			piece = this.ring.subarray(start, start + this.#piece) as TypedArrayOf<D>;
			this.#pieces[index] = piece;
		}
		return piece;
	}

	#take(count: number): void {
		this.#position = (this.#position + count) >>> 0;
		this.#available -= count;
		this.#taken += count;
		if (this.#taken >= this.#step || this.#available === 0) this.#release();
		else if (!this.#flushing) {
			// Given back soon even if the consumer stops popping in the middle of a step: a producer may wait for
			// the room.
			this.#flushing = true;
			soon.then(this.#flush);
		}
	}

	readonly #flush = (): void => {
		this.#flushing = false;
		try {
			if (!this.closed) this.#release();
		} catch {
			// There is no caller to report to; the next call throws.
		}
	};

	#release(): void {
		const { attachment, at } = this;
		const count = this.#taken;
		this.#taken = 0;
		if (count > 0) this.wakeOrThrow(attachment.core.recordsRelease(attachment.me, at, count) >>> 0);
	}

	#hasRecords(): boolean {
		this.checkOpen();
		if (this.#ended) return false;
		this.#release();
		const { attachment, at } = this;
		const status = attachment.core.recordsAvailable(attachment.me, at) >>> 0;
		if (status === ENDED) {
			this.#ended = true;
			attachment.wake(attachment.result(SLOT_RESULT));
			return false;
		}
		if (status !== OK && status !== EMPTY) throw this.unexpected(status);
		this.#available = attachment.result(SLOT_RESULT);
		this.#position = attachment.result(SLOT_RESULT_2);
		return this.#available > 0;
	}

	#look(): boolean | typeof PENDING {
		if (this.#available > 0 || this.#hasRecords()) return true;
		return this.#ended ? false : PENDING;
	}

	/**
	 * Waits for a record, without blocking the event loop. Resolves to false if the stream has ended, otherwise
	 * to true.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_PEER_GONE, DHMEM_CLOSED, the signal's reason
	 */
	wait(options?: WaitOptions): Promise<boolean> {
		return this.waitFor("a record from", () => this.#look(), options);
	}

	/** Waits for a record, blocking this thread. Returns false if the stream has ended. @throws as `wait` */
	waitSync(options?: WaitOptions): boolean {
		return this.waitForSync("a record from", () => this.#look(), options);
	}

	protected override beforeClose(): void {
		this.#release();
		this.#available = 0;
		this.attachment.flushers.delete(this.#flush);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("RecordConsumer", () => ({
			queue: this.queue.name,
			ended: this.#ended,
			closed: this.closed,
		}));
	}
}
