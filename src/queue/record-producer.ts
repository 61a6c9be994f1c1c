import { inspect } from "node:util";
import { NO_ROOM, OK, SLOT_RESULT, SLOT_RESULT_2 } from "../../assembly/layout.js";
import { badArgument, DhmemError } from "../errors.js";
import { isWatched } from "../events.js";
import type { NamedObject } from "../objects/named-object.js";
import { checkCount, type EndpointOptions, type WaitOptions } from "../values/arguments.js";
import { inspected } from "../values/console.js";
import type { DType, TypedArrayOf, ValueOf } from "../values/dtypes.js";
import type { Fields, Struct } from "../values/schema.js";
import { PENDING } from "../waiting/wait.js";
import { FullQueue } from "./full-queue.js";
import { checkWritten } from "./polling.js";
import { RecordEndpoint, type Values } from "./record-endpoint.js";
import type { RecordType } from "./record-type.js";
import type { StructRing } from "./struct-ring.js";

/** The sending endpoint of a queue of records of any type: `V` is a record, and `B` several in memory. */
export abstract class RecordSender<V, B> extends RecordEndpoint {
	/** The number of records that there was room for when last checked, and the position of the next record. */
	#room = 0;
	#position = 0;
	#ended = false;
	/** True while `pushEach` calls its function, and the number of records that this has written. */
	#writing = false;
	#written = 0;
	readonly #full = new FullQueue();

	/** @internal */
	constructor(queue: NamedObject, type: RecordType, options?: EndpointOptions) {
		super(queue, "producer", type, options);
	}

	/**
	 * Adds a record. Never waits.
	 *
	 * @returns false if there is no room
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_CLOSED; DHMEM_BAD_ARGUMENT for an object; a TypeError for a number if
	 * the dtype needs a bigint
	 * @example
	 * ```ts
	 * using values = region.queue("values", { record: "f64" }).producer();
	 * if (!values.push(0.5)) console.log("the queue is full");
	 * ```
	 */
	push(value: V): boolean {
		const { structs } = this;
		if (structs !== undefined) return this.#pushStruct(structs, value);
		// An object's conversion to a number could use this producer after the position is chosen and before the
		// write.
		if (typeof value === "object" || typeof value === "function")
			throw badArgument("The value", value, "a number");
		if (this.#room === 0 && !this.#hasRoom()) return false;
		// If it was declared dead meanwhile, the ring belongs to a successor, whose records it would overwrite.
		this.attachment.check();
		(this.ring as Values)[this.#position & this.mask] = value as number;
		this.#publish(1);
		return true;
	}

	/**
	 * Adds as many of `values` as there is room for, and publishes them together. Never waits, and allocates
	 * nothing.
	 *
	 * @returns the number of records added, from the start of `values`
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_CLOSED, DHMEM_BAD_ARGUMENT for an array of another dtype
	 * @example
	 * ```ts
	 * using values = region.queue("values", { record: "f64" }).producer();
	 * console.log(values.pushMany(Float64Array.of(1, 2, 3))); // 3
	 * ```
	 */
	pushMany(values: B): number {
		return this.structs === undefined
			? this.#pushNumbers(values as TypedArrayOf<DType>)
			: this.#pushStructs(this.structs, values);
	}

	#pushStruct(structs: StructRing, value: unknown): boolean {
		structs.prepare(value);
		if (this.#room === 0 && !this.#hasRoom()) return false;
		this.attachment.check();
		structs.write(this.#position & this.mask);
		this.#publish(1);
		return true;
	}

	#pushStructs(structs: StructRing, values: unknown): number {
		const bytes = structs.bytesOf(values);
		const length = structs.countIn(bytes);
		if (this.#room < length && !this.#hasRoom()) return 0;
		this.attachment.check();
		const count = Math.min(length, this.#room);
		structs.copyIn(this.#position & this.mask, bytes, count);
		if (count > 0) this.#publish(count);
		return count;
	}

	/** @internal */
	protected writeEach(count: number, write: (record: V, index: number) => unknown): number {
		checkCount("The number of records", count, 1, Number.MAX_SAFE_INTEGER);
		if (typeof write !== "function") throw badArgument("The second argument", write, "a function");
		const { structs } = this;
		if (structs === undefined) return 0;
		if (this.#room < count && !this.#hasRoom()) return 0;
		this.attachment.check();
		const room = this.#room;
		const most = Math.min(count, room);
		// While `write` runs there seems to be no room, so that every use of this producer asks for it.
		this.#room = 0;
		this.#writing = true;
		this.#written = 0;
		// `write` may close the region. It stays here until this producer closes: see `Waits` for sets that change often.
		this.attachment.flushers.add(this.#flush);
		let done = 0;
		try {
			while (done < most && !this.closed) {
				checkWritten(write(structs.at((this.#position + this.#written) & this.mask) as V, done));
				if (this.closed) break;
				this.#written++;
				done++;
			}
		} finally {
			this.#writing = false;
			if (!this.closed) {
				this.#room += room;
				this.#publishWritten();
			}
		}
		return done;
	}

	readonly #flush = (): void => {
		if (!this.closed) this.#publishWritten();
	};

	#publishWritten(): void {
		const written = this.#written;
		this.#written = 0;
		if (written > 0) this.#publish(written);
	}

	#pushNumbers(values: TypedArrayOf<DType>): number {
		const length = this.checkArray(values);
		if (this.#room < length && !this.#hasRoom()) return 0;
		this.attachment.check();
		const count = Math.min(length, this.#room);
		const { ring, mask } = this;
		const start = this.#position & mask;
		// `set` copies a whole batch that does not wrap around. Any other batch would need a view, which is
		// garbage.
		if (count === length && start + count <= ring.length) ring.set(values as never, start);
		else {
			const to = ring as Values;
			const from = values as Values;
			for (let i = 0; i < count; i++) to[(start + i) & mask] = from[i] as number;
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
		this.#checkNotWriting();
		if (this.#ended) throw this.endedBefore();
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
		if (this.#room === 0 && isWatched("dhmem:full")) this.#full.note(this.queue, this.#position);
		return this.#room > 0;
	}

	#checkNotWriting(): void {
		if (!this.#writing) return;
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`${this.what} is in use by pushEach(), so its function can't use it too; return first, or close it`,
		);
	}

	/** An attempt of a wait. One that began before `pushEach` goes on after it. */
	#look(): true | typeof PENDING {
		return (!this.#writing && (this.#room > 0 || this.#hasRoom())) || PENDING;
	}

	/**
	 * Waits until there is room for a record, without blocking the event loop. Resolves to true.
	 *
	 * @throws DHMEM_TIMEOUT, DHMEM_PEER_GONE, DHMEM_QUEUE_ENDED, DHMEM_CLOSED, the signal's reason
	 * @example
	 * ```ts
	 * using values = region.queue("values", { record: "f64" }).producer();
	 * while (!values.push(0.5)) await values.wait({ timeout: 1000 });
	 * ```
	 */
	wait(options?: WaitOptions): Promise<boolean> {
		this.#checkNotWriting();
		return this.waitFor("room in", () => this.#look(), options);
	}

	/**
	 * Waits until there is room for a record, blocking this thread. Returns true.
	 *
	 * @throws as `wait`
	 * @example
	 * ```ts
	 * using values = region.queue("values", { record: "f64" }).producer();
	 * while (!values.push(0.5)) values.waitSync({ timeout: 1000 });
	 * ```
	 */
	waitSync(options?: WaitOptions): boolean {
		this.#checkNotWriting();
		return this.waitForSync("room in", () => this.#look(), options);
	}

	/**
	 * Ends the stream. The consumer drains what was pushed, and then sees the end. A second call does nothing.
	 *
	 * @throws DHMEM_CLOSED; DHMEM_TIMEOUT if the queue is full of ended streams that no consumer has read
	 * @example
	 * ```ts
	 * using values = region.queue("values", { record: "f64" }).producer();
	 * values.push(0.5);
	 * values.end();
	 * ```
	 */
	end(): void {
		if (this.#ended) return;
		this.checkOpen();
		this.#checkNotWriting();
		const result = this.attachment.core.recordsEnd(this.attachment.me, this.at) >>> 0;
		if (result === NO_ROOM) throw this.unread();
		this.wakeOrThrow(result);
		this.#ended = true;
		this.#room = 0;
	}

	/** @internal */
	protected override beforeClose(): void {
		this.attachment.flushers.delete(this.#flush);
		if (this.#writing) this.#publishWritten();
		this.#room = 0;
		this.structs?.close();
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected(this.structs === undefined ? "RecordProducer" : "StructProducer", () => ({
			queue: this.queue.name,
			ended: this.#ended,
			closed: this.closed,
		}));
	}
}

/**
 * The sending endpoint of a queue of records: it pushes numbers.
 * From `region.queue(name, { record }).producer()`.
 *
 * @example
 * ```ts
 * using values = region.queue("values", { record: "f64" }).producer();
 * while (!values.push(0.5)) await values.wait();
 * values.end();
 * ```
 */
export class RecordProducer<D extends DType = DType> extends RecordSender<ValueOf<D>, TypedArrayOf<D>> {}

/**
 * The sending endpoint of a queue of structs. From `region.queue(name, { record: { … } }).producer()`.
 *
 * @example
 * ```ts
 * using points = region.queue("points", { record: { id: "u32", x: "f64" } }).producer();
 * while (!points.push({ id: 7, x: 0.5 })) await points.wait();
 * points.end();
 * ```
 */
export class StructProducer<F extends Fields = Fields> extends RecordSender<Struct<F>, ArrayBufferView> {
	/**
	 * Adds up to `count` structs, which `write` fills in place, and publishes them together. Never waits. `write`
	 * gets the same object each time, whose fields have old values. So no objects are created.
	 *
	 * If `write` throws, the records before are published. Inside it this producer can only be closed, which
	 * publishes those too.
	 *
	 * @returns the number of records added
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_CLOSED, DHMEM_BAD_ARGUMENT; what `write` throws
	 * @example
	 * ```ts
	 * const points = region.queue("points", { record: { id: "u32", x: "f64" } }).producer();
	 * console.log(points.pushEach(3, (point, index) => Object.assign(point, { id: index, x: 0.5 }))); // 3
	 * ```
	 */
	pushEach(count: number, write: (record: Struct<F>, index: number) => void): number {
		return this.writeEach(count, write);
	}
}
