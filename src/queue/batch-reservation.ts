import { inspect } from "node:util";
import { DhmemError } from "../errors.js";
import { checkCount } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import { checkMade } from "../values/made.js";

/** The part of a producer that its batch uses. */
interface Operations {
	commit(count: number): void;
	abort(): void;
}

/**
 * Room to write several messages of one length in place. From `producer.tryReserveMany`, which returns the same
 * object each time, because no two are open at once.
 *
 * @example
 * ```ts
 * const batch = producer.tryReserveMany(8, 64);
 * if (batch) {
 *   for (let i = 0; i < batch.count; i++) batch.view.setFloat64(batch.offset(i), i, true);
 *   batch.commit();
 * }
 * ```
 */
export class BatchReservation {
	readonly #view: DataView;
	readonly #operations: Operations;
	#first = 0;
	#step = 0;
	#count = 0;
	#open = false;

	/** @internal */
	constructor(view: DataView, operations: Operations) {
		checkMade(view instanceof DataView, "A BatchReservation", "call producer.tryReserveMany(length, count)");
		this.#view = view;
		this.#operations = operations;
	}

	/**
	 * Opens it: the first message is at `first` in the view, and each further one `step` bytes behind the last.
	 *
	 * @internal
	 */
	reopen(first: number, step: number, count: number): this {
		this.#first = first;
		this.#step = step;
		this.#count = count;
		this.#open = true;
		return this;
	}

	/** The number of messages that there is room for: from 1 to as many as were asked for. */
	get count(): number {
		return this.#count;
	}

	/** The queue's ring. Write only at the offsets of this batch. */
	get view(): DataView {
		this.#checkOpen();
		return this.#view;
	}

	/**
	 * The byte of `view` at which message `index` begins, from 0 on. The messages do not lie end to end.
	 *
	 * @throws DHMEM_BAD_ARGUMENT if there is no such message
	 * @example
	 * ```ts
	 * const batch = producer.tryReserveMany(8, 64);
	 * batch?.view.setFloat64(batch.offset(0), 0.5, true);
	 * ```
	 */
	offset(index: number): number {
		if (Number.isInteger(index) && index >= 0 && index < this.#count) return this.#first + index * this.#step;
		return checkCount("The index", index, 0, this.#count - 1);
	}

	/** True until the batch is committed or aborted. */
	get open(): boolean {
		return this.#open;
	}

	/**
	 * Publishes the first `count` messages at once; all of them by default.
	 *
	 * @throws DHMEM_CLOSED if it was committed or aborted; DHMEM_BAD_ARGUMENT
	 * @example
	 * ```ts
	 * const batch = producer.tryReserveMany(8, 64);
	 * batch?.commit(1);
	 * ```
	 */
	commit(count = this.#count): void {
		this.#checkOpen();
		this.#operations.commit(checkCount("The number of messages", count, 0, this.#count));
		this.#open = false;
	}

	/**
	 * Gives the room back without sending. Does nothing after a commit.
	 *
	 * @example
	 * ```ts
	 * const batch = producer.tryReserveMany(8, 64);
	 * batch?.abort(); // nothing is sent
	 * ```
	 */
	abort(): void {
		if (!this.#open) return;
		this.#open = false;
		this.#operations.abort();
	}

	[dispose](): void {
		this.abort();
	}

	#checkOpen(): void {
		if (!this.#open)
			throw new DhmemError("DHMEM_CLOSED", "This batch was committed or aborted; reserve a new one");
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("BatchReservation", () => ({ count: this.#count, open: this.#open }));
	}
}
