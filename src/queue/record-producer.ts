import { inspect } from "node:util";
import { NO_ROOM, OK, SLOT_RESULT, SLOT_RESULT_2 } from "../../assembly/layout.js";
import { badArgument, DhmemError } from "../errors.js";
import type { NamedObject } from "../objects/named-object.js";
import type { EndpointOptions, WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import type { DType, TypedArrayOf, ValueOf } from "../values/dtypes.js";
import { PENDING } from "../waiting/waiter.js";
import { RecordEndpoint, type Values } from "./record-endpoint.js";

/**
 * The sending endpoint of a queue of records: it pushes numbers.
 * From `region.queue(name, { record }).producer()`.
 *
 * @example
 * ```ts
 * using samples = region.queue("samples", { record: "f64" }).producer();
 * while (!samples.push(0.5)) await samples.wait();
 * samples.end();
 * ```
 */
export class RecordProducer<D extends DType = DType> extends RecordEndpoint<D> {
	/** The number of records that there was room for when last checked, and the position of the next record. */
	#room = 0;
	#position = 0;
	#ended = false;

	/** @internal */
	constructor(queue: NamedObject, dtype: D, options?: EndpointOptions) {
		super(queue, "producer", dtype, options);
	}

	/**
	 * Adds a record. Never waits.
	 *
	 * @returns false if there is no room
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_CLOSED; DHMEM_BAD_ARGUMENT for an object; a TypeError for a number if
	 * the dtype needs a bigint
	 */
	push(value: ValueOf<D>): boolean {
		// An object's conversion to a number could use this producer after the position is chosen and before the
		// write.
		if (typeof value === "object" || typeof value === "function")
			throw badArgument("The value", value, "a number");
		if (this.#room === 0 && !this.#hasRoom()) return false;
		(this.ring as unknown as Values<D>)[this.#position & this.mask] = value;
		this.#publish(1);
		return true;
	}

	/**
	 * Adds as many of `values` as there is room for, and publishes them together. Never waits, and allocates
	 * nothing.
	 *
	 * @returns the number of records added, from the start of `values`
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_CLOSED, DHMEM_BAD_ARGUMENT for an array of another dtype
	 */
	pushMany(values: TypedArrayOf<D>): number {
		const length = this.checkArray(values);
		if (this.#room < length && !this.#hasRoom()) return 0;
		const count = Math.min(length, this.#room);
		const { ring, mask } = this;
		const start = this.#position & mask;
		// `set` copies a whole batch that does not wrap around. Any other batch would need a view, which is
		// garbage.
		if (count === length && start + count <= ring.length) ring.set(values as never, start);
		else {
			const to = ring as unknown as Values<D>;
			const from = values as unknown as Values<D>;
			for (let i = 0; i < count; i++) to[(start + i) & mask] = from[i] as ValueOf<D>;
		}
		if (count > 0) this.#publish(count);
		return count;
	}

	#publish(count: number): void {
		const { attachment, at } = this;
		const result = attachment.core.recordsPublish(attachment.me, at, count) >>> 0;
		if (result !== OK) this.wakeOrThrow(result);
		this.#position = (this.#position + count) >>> 0;
		this.#room -= count;
	}

	#hasRoom(): boolean {
		this.checkOpen();
		if (this.#ended) {
			throw new DhmemError(
				"DHMEM_QUEUE_ENDED",
				`This producer of queue ${this.queue.name} has called end(); open a new one for the next stream`,
			);
		}
		const { attachment, at } = this;
		let status = attachment.core.recordsRoom(attachment.me, at) >>> 0;
		if (status === NO_ROOM) {
			// The consumer may belong to this opening too, and hold room that it has not given back yet.
			attachment.flush();
			status = attachment.core.recordsRoom(attachment.me, at) >>> 0;
		}
		if (status !== OK && status !== NO_ROOM) throw this.unexpected(status);
		this.#room = attachment.result(SLOT_RESULT);
		this.#position = attachment.result(SLOT_RESULT_2);
		return this.#room > 0;
	}

	/**
	 * Waits until there is room for a record, without blocking the event loop. Resolves to true.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_PEER_GONE, DHMEM_QUEUE_ENDED, DHMEM_CLOSED, the signal's reason
	 */
	wait(options?: WaitOptions): Promise<boolean> {
		return this.waitFor("room in", () => this.#room > 0 || this.#hasRoom() || PENDING, options);
	}

	/** Waits until there is room for a record, blocking this thread. Returns true. @throws as `wait` */
	waitSync(options?: WaitOptions): boolean {
		return this.waitForSync("room in", () => this.#room > 0 || this.#hasRoom() || PENDING, options);
	}

	/**
	 * Ends the stream. The consumer drains what was pushed, and then sees the end. A second call does nothing.
	 *
	 * @throws DHMEM_CLOSED; DHMEM_TIMEOUT if the queue is full of ended streams that no consumer has read
	 */
	end(): void {
		if (this.#ended) return;
		this.checkOpen();
		const result = this.attachment.core.recordsEnd(this.attachment.me, this.at) >>> 0;
		if (result === NO_ROOM) throw this.unread();
		this.wakeOrThrow(result);
		this.#ended = true;
		this.#room = 0;
	}

	protected override beforeClose(): void {
		this.#room = 0;
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("RecordProducer", () => ({
			queue: this.queue.name,
			ended: this.#ended,
			closed: this.closed,
		}));
	}
}
