import { inspect } from "node:util";
import { EMPTY, ENDED, OK, SLOT_RESULT, SLOT_RESULT_2 } from "../../assembly/layout.js";
import { DhmemError } from "../errors.js";
import type { NamedObject } from "../objects/named-object.js";
import type { EndpointOptions, WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import type { DType, TypedArrayOf, ValueOf } from "../values/dtypes.js";
import type { Fields, Struct } from "../values/schema.js";
import { PENDING } from "../waiting/wait.js";
import { checkHandled, checkPoll, type PollOptions } from "./polling.js";
import { RecordEndpoint, type Values } from "./record-endpoint.js";
import type { RecordType } from "./record-type.js";
import { RingPieces } from "./ring-pieces.js";
import type { StructRing } from "./struct-ring.js";

/** Chaining onto this promise runs a function in the next microtask. */
const soon = Promise.resolve();

/** The most records that were popped and whose room was not given back yet. */
const MOST_HELD = 256;

/** The receiving endpoint of a queue of records of any type: `V` is a record, and `B` several in memory. */
export abstract class RecordReceiver<V, B> extends RecordEndpoint {
	/**
	 * The number of records that could be read when last checked, the position of the next record, and the
	 * number of popped records whose room was not given back yet.
	 */
	#available = 0;
	#position = 0;
	#taken = 0;
	#ended = false;
	#flushing = false;
	/** True while `poll` calls its handler. */
	#polling = false;
	/** Room is given back in steps of this many records, because each step costs the producer a cache line. */
	readonly #step: number;
	readonly #pieces: RingPieces;

	/** @internal */
	constructor(queue: NamedObject, type: RecordType, options?: EndpointOptions) {
		super(queue, "consumer", type, options);
		this.#step = Math.min(MOST_HELD, this.capacity >> 1);
		this.#pieces = new RingPieces(this.ring, this.capacity);
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
	 * @example
	 * ```ts
	 * using samples = region.queue("samples", { record: "f64" }).consumer();
	 * console.log(samples.pop(), samples.pop(), samples.pop()); // 0.5 0.25 undefined
	 * ```
	 */
	pop(): V | undefined {
		if (this.#available === 0 && !this.#hasRecords()) return undefined;
		const index = this.#position & this.mask;
		const value = this.structs === undefined ? (this.ring as Values)[index] : this.structs.read(index);
		// If the region was closed or truncated meanwhile, the ring reads as zeros.
		this.attachment.check();
		this.#take(1);
		return value as V;
	}

	/**
	 * Fills `values` from its start with as many records as there are now. Never waits, and allocates nothing.
	 *
	 * @returns the number of records popped
	 * @throws DHMEM_CLOSED, DHMEM_BAD_ARGUMENT for an array of another dtype
	 * @example
	 * ```ts
	 * using samples = region.queue("samples", { record: "f64" }).consumer();
	 * const batch = new Float64Array(1024);
	 * console.log(batch.subarray(0, samples.popInto(batch))); // Float64Array(2) [ 0.5, 0.25 ]
	 * ```
	 */
	popInto(values: B): number {
		const count = this.peekInto(values);
		this.discard(count);
		return count;
	}

	/**
	 * Copies records like `popInto`, but leaves them in the queue until `discard`.
	 *
	 * @internal
	 */
	peekInto(values: B): number {
		if (this.structs !== undefined) return this.#peekStructs(this.structs, values);
		const length = this.checkArray(values as TypedArrayOf<DType>);
		if (this.#available < length && !this.#hasRecords()) return 0;
		const count = Math.min(length, this.#available);
		this.#pieces.copyOut(this.#position, values as TypedArrayOf<DType>, count);
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

	#peekStructs(structs: StructRing, values: unknown): number {
		const bytes = structs.bytesOf(values);
		const length = structs.countIn(bytes);
		if (this.#available < length && !this.#hasRecords()) return 0;
		const count = Math.min(length, this.#available);
		structs.copyOut(this.#position & this.mask, bytes, count);
		this.attachment.check();
		return count;
	}

	/**
	 * Calls `handler` for each record that is there, in order. Never waits. A struct is read in place: the handler
	 * gets the same object each time, which is the next record as soon as the handler returns, and can't be
	 * changed. So no objects are created.
	 *
	 * A record whose handler throws is the next one again. Inside the handler this consumer can only be closed.
	 *
	 * @returns the number of records handled
	 * @throws DHMEM_CLOSED; DHMEM_BAD_ARGUMENT if the handler returns a promise or uses this consumer; what the
	 * handler throws
	 * @example
	 * ```ts
	 * const points = region.queue("points", { record: { id: "u32", x: "f64" } });
	 * points.producer().push({ id: 7, x: 0.5 });
	 * points.consumer().poll(({ id, x }) => console.log(id, x)); // 7 0.5
	 * ```
	 */
	poll(handler: (record: Readonly<V>) => void, options?: PollOptions): number {
		const max = checkPoll(handler, options);
		this.checkOpen();
		this.#checkNotPolling();
		let handled = 0;
		try {
			while (handled < max && !this.closed && (this.#available > 0 || this.#hasRecords())) {
				this.#handle(handler);
				handled++;
			}
		} finally {
			if (this.isWaiting) this.attachment.waiter.onRing();
		}
		return handled;
	}

	#handle(handler: (record: Readonly<V>) => void): void {
		const index = this.#position & this.mask;
		const record = this.structs === undefined ? (this.ring as Values)[index] : this.structs.at(index);
		this.attachment.check();
		// While a handler runs there seem to be no records, so that every use of this consumer asks for them.
		const available = this.#available;
		this.#available = 0;
		this.#polling = true;
		try {
			checkHandled(handler(record as Readonly<V>));
		} finally {
			this.#polling = false;
			if (!this.closed) this.#available = available;
		}
		if (!this.closed) this.#take(1);
	}

	#checkNotPolling(): void {
		if (!this.#polling) return;
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`${this.what} is in use by poll(): its handler can't pop from it; return first, or close it`,
		);
	}

	#take(count: number): void {
		this.#position = (this.#position + count) >>> 0;
		this.#available -= count;
		this.#taken += count;
		if (this.#taken >= this.#step) this.#release();
		else if (!this.#flushing) {
			// Given back soon even if the consumer stops popping in the middle of a step: a producer may wait for
			// the room. Not at once, because the record that was popped should not have to wait for that.
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
		this.#checkNotPolling();
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
		// A wait that began before `poll` goes on after it.
		if (this.#polling) return PENDING;
		if (this.#available > 0 || this.#hasRecords()) return true;
		return this.#ended ? false : PENDING;
	}

	/**
	 * Waits for a record, without blocking the event loop. Resolves to false if the stream has ended, otherwise
	 * to true.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_PEER_GONE, DHMEM_CLOSED, the signal's reason
	 * @example
	 * ```ts
	 * using samples = region.queue("samples", { record: "f64" }).consumer();
	 * while (await samples.wait()) console.log(samples.pop()); // 0.5
	 * ```
	 */
	wait(options?: WaitOptions): Promise<boolean> {
		this.#checkNotPolling();
		return this.waitFor("a record from", () => this.#look(), options);
	}

	/**
	 * Waits for a record, blocking this thread. Returns false if the stream has ended.
	 *
	 * @throws as `wait`
	 * @example
	 * ```ts
	 * using samples = region.queue("samples", { record: "f64" }).consumer();
	 * while (samples.waitSync({ timeout: 1000 })) console.log(samples.pop()); // 0.5
	 * ```
	 */
	waitSync(options?: WaitOptions): boolean {
		this.#checkNotPolling();
		return this.waitForSync("a record from", () => this.#look(), options);
	}

	/** @internal */
	protected override beforeClose(): void {
		this.#release();
		this.#available = 0;
		this.structs?.close();
		this.attachment.flushers.delete(this.#flush);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected(this.structs === undefined ? "RecordConsumer" : "StructConsumer", () => ({
			queue: this.queue.name,
			ended: this.#ended,
			closed: this.closed,
		}));
	}
}

/**
 * The receiving endpoint of a queue of records: it pops numbers.
 * From `region.queue(name, { record }).consumer()`.
 *
 * @example
 * ```ts
 * using samples = region.queue("samples", { record: "f64" }).consumer();
 * const batch = new Float64Array(1024);
 * let sum = 0;
 * while (await samples.wait()) {
 *   const count = samples.popInto(batch);
 *   for (const sample of batch.subarray(0, count)) sum += sample;
 * }
 * ```
 */
export class RecordConsumer<D extends DType = DType> extends RecordReceiver<ValueOf<D>, TypedArrayOf<D>> {}

/**
 * The receiving endpoint of a queue of structs. From `region.queue(name, { record: { … } }).consumer()`.
 *
 * @example
 * ```ts
 * const type = schema({ id: "u32", x: "f64" });
 * const points = region.queue("points", { record: type });
 * points.producer().push({ id: 7, x: 0.5 });
 * using consumer = points.consumer();
 * const batch = new DataView(new ArrayBuffer(100 * type.size));
 * console.log(consumer.popInto(batch), batch.getUint32(0, true)); // 1 7
 * ```
 */
export class StructConsumer<F extends Fields = Fields> extends RecordReceiver<Struct<F>, ArrayBufferView> {}
