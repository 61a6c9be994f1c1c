import { inspect } from "node:util";
import {
	BLOCK_ALIGNMENT,
	CORRUPT,
	EMPTY,
	ENDED,
	NO_ROOM,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OK,
	SLOT_RESULT,
	SLOT_RESULT_2,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { badArgument, DhmemError, show } from "../errors.js";
import { NamedObject } from "../objects/named-object.js";
import {
	checkAttached,
	type EndpointOptions,
	kindOf,
	lengthIn,
	type WaitOptions,
} from "../values/arguments.js";
import { inspected } from "../values/console.js";
import { bytesPer, type DType, type TypedArrayOf, typedArray, type ValueOf } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import { PENDING } from "../waiting/waiter.js";
import { Endpoint, type Side } from "./endpoint.js";

/** The ring as a plain sequence: TypeScript cannot index a generic typed array. */
interface Values<D extends DType> {
	[index: number]: ValueOf<D>;
}

/** What runs in the next microtask is put behind this. */
const soon = Promise.resolve();

/** Not as a method: that of an array that the user gives may be the user's. */
const setElements = Uint8Array.prototype.set as (this: unknown, from: unknown, at: number) => void;

/** Records of a piece of a ring that is copied at once, and of how many pieces a ring has at the most. */
const LEAST_PIECE = 256;
const MOST_PIECES = 64;

/** The memory of a queue of records, if it can be what its figures say. */
function ringOf<D extends DType>(queue: NamedObject, side: Side, dtype: D): TypedArrayOf<D> {
	checkMade(queue instanceof NamedObject, `A ${side}`, `call queue.${side}()`);
	queue.check();
	const { attachment } = queue;
	const capacity = queue.word(OBJECT_CAPACITY);
	const data = queue.word(OBJECT_DATA);
	const isWhole = data % BLOCK_ALIGNMENT === 0 && data + capacity * bytesPer(dtype) <= attachment.size;
	if (!isWhole || capacity === 0 || (capacity & (capacity - 1)) !== 0)
		throw attachment.unexpected(CORRUPT, `Queue ${queue.name}`);
	return typedArray(dtype, attachment.buffer, data, capacity);
}

/** What both endpoints of a queue of records have: the ring as a typed array. */
abstract class RecordEndpoint<D extends DType> extends Endpoint {
	protected readonly ring: TypedArrayOf<D>;
	protected readonly mask: number;

	protected constructor(queue: NamedObject, side: Side, dtype: D, options?: EndpointOptions) {
		// Before the endpoint is taken: it would stay taken.
		const ring = ringOf(queue, side, dtype);
		super(queue, side, options);
		this.ring = ring;
		this.mask = ring.length - 1;
	}

	/** How many elements there are. */
	protected checkArray(values: TypedArrayOf<D>): number {
		if (!ArrayBuffer.isView(values)) throw this.#wrongArray(values);
		// Arrays of another realm have another constructor.
		if (values.constructor !== this.ring.constructor && kindOf(values) !== kindOf(this.ring)) {
			throw this.#wrongArray(values.constructor?.name);
		}
		// The engine's length behind the property, which may be a getter that changes it.
		const { length } = values;
		if (length !== lengthIn(values)) throw this.#wrongArray(`one of length ${show(length)}`);
		if (length === 0) checkAttached("The array", values);
		return length;
	}

	#wrongArray(given: unknown): DhmemError {
		return badArgument("The array", given, `a ${kindOf(this.ring)}`);
	}

	/** Wakes the peer if that is what the result says. */
	protected wakeOrThrow(result: number): void {
		if (result >= STATUS_LIMIT) this.attachment.wake(result);
		else if (result !== OK) throw this.unexpected(result);
	}
}

/** The one endpoint that pushes numbers. From `region.queue(name, { record }).producer()`. */
export class RecordProducer<D extends DType = DType> extends RecordEndpoint<D> {
	/** Records there is room for, as last looked up, and where the next one goes. */
	#room = 0;
	#position = 0;
	#ended = false;

	/** @internal */
	constructor(queue: NamedObject, dtype: D, options?: EndpointOptions) {
		super(queue, "producer", dtype, options);
	}

	/**
	 * Adds a record, if there is room; whether there was.
	 *
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_CLOSED; DHMEM_BAD_ARGUMENT for an object; a TypeError for a number where the dtype
	 * needs a bigint
	 */
	push(value: ValueOf<D>): boolean {
		// Becoming a number it could use this producer, between choosing the position and writing.
		if (typeof value === "object" || typeof value === "function")
			throw badArgument("The value", value, "a number");
		if (this.#room === 0 && !this.#hasRoom()) return false;
		(this.ring as unknown as Values<D>)[this.#position & this.mask] = value;
		this.#publish(1);
		return true;
	}

	/** Adds as many of `values` as there is room for, at once; how many. Allocates nothing. */
	pushMany(values: TypedArrayOf<D>): number {
		const length = this.checkArray(values);
		if (this.#room < length && !this.#hasRoom()) return 0;
		const count = Math.min(length, this.#room);
		const { ring, mask } = this;
		const start = this.#position & mask;
		// `set` takes a batch that goes in whole, in one piece; another would need a view, and that is garbage.
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
				`This producer of queue ${this.queue.name} has called end(); open another for the next stream`,
			);
		}
		const { attachment, at } = this;
		let status = attachment.core.recordsRoom(attachment.me, at) >>> 0;
		if (status === NO_ROOM) {
			// The consumer may be this region's too, with room that it has not given back yet.
			attachment.flush();
			status = attachment.core.recordsRoom(attachment.me, at) >>> 0;
		}
		if (status !== OK && status !== NO_ROOM) throw this.unexpected(status);
		this.#room = attachment.result(SLOT_RESULT);
		this.#position = attachment.result(SLOT_RESULT_2);
		return this.#room > 0;
	}

	/** Waits until there is room: true. @throws DHMEM_TIMEOUT, DHMEM_PEER_GONE, the signal's reason */
	wait(options?: WaitOptions): Promise<boolean> {
		return this.waitFor("room in", () => this.#room > 0 || this.#hasRoom() || PENDING, options);
	}

	/** The same, blocking this thread. */
	waitSync(options?: WaitOptions): boolean {
		return this.waitForSync("room in", () => this.#room > 0 || this.#hasRoom() || PENDING, options);
	}

	/** Ends the stream; the consumer drains what was pushed. Twice does nothing. */
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

/** The one endpoint that takes numbers out. From `region.queue(name, { record }).consumer()`. */
export class RecordConsumer<D extends DType = DType> extends RecordEndpoint<D> {
	/** Records to be read as last looked up, where the next one is, and how many to give back. */
	#available = 0;
	#position = 0;
	#taken = 0;
	#ended = false;
	#flushing = false;
	/** Room goes back in steps: each costs the producer a cache line. */
	readonly #step: number;
	/** Records of a piece of the ring, and views of the pieces: made when they are needed first, and kept. */
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

	/** Whether the stream has ended: all was popped. */
	get ended(): boolean {
		return this.#ended;
	}

	/**
	 * The next record, if there is one. What was popped in the last moments before a death may be popped
	 * again by the next consumer, at most 256 records.
	 */
	pop(): ValueOf<D> | undefined {
		if (this.#available === 0 && !this.#hasRecords()) return undefined;
		const value = (this.ring as unknown as Values<D>)[this.#position & this.mask];
		// Closed, or cut meanwhile, the ring is zeros.
		this.attachment.check();
		this.#take(1);
		return value;
	}

	/** Fills `values` from its start with what there is; how many. Allocates nothing. */
	popInto(values: TypedArrayOf<D>): number {
		const count = this.peekInto(values);
		this.discard(count);
		return count;
	}

	/**
	 * The same, but the records stay in the queue until they are discarded.
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
	 * Takes the first records, which were peeked at.
	 *
	 * @internal
	 */
	discard(count: number): void {
		if (count > 0) this.#take(count);
	}

	/** A piece of the ring at a time where a whole one is taken, for a view of just what is taken would be garbage. */
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
			// A consumer that stops in the middle of a step must not keep the room from a producer that waits.
			this.#flushing = true;
			soon.then(this.#flush);
		}
	}

	readonly #flush = (): void => {
		this.#flushing = false;
		try {
			if (!this.closed) this.#release();
		} catch {
			// Whoever calls next is told; here is nobody to tell.
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

	/** Waits for a record: true; false when the stream has ended. @throws DHMEM_TIMEOUT, DHMEM_PEER_GONE */
	wait(options?: WaitOptions): Promise<boolean> {
		return this.waitFor("a record from", () => this.#look(), options);
	}

	/** The same, blocking this thread. */
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
