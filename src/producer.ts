import type { Writable } from "node:stream";
import {
	BAD_STATE,
	CORRUPT,
	NO_ROOM,
	OBJECT_CAPACITY,
	OK,
	REFERENCE_BYTES,
	STATUS_LIMIT,
	TOO_LARGE,
} from "../assembly/layout.js";
import { Block } from "./block.js";
import { Endpoint } from "./endpoint.js";
import { badArgument, DhmemError } from "./errors.js";
import type { NamedObject } from "./named.js";
import { bytesOf, checkCount, type EndpointOptions, type WaitOptions } from "./options.js";
import { Slot } from "./slot.js";
import { writable } from "./streams.js";
import { PENDING } from "./waiter.js";

/** What can be sent: text goes as UTF-8, a view as the bytes it shows. */
export type Sendable = string | ArrayBufferView;

export interface SendOptions extends WaitOptions {
	/** A block to hand over with the message, without copying it. */
	block?: Block | undefined;
}

/** The one end that sends. From `queue.producer()`. */
export class Producer extends Endpoint {
	/** The largest payload that fits the ring; what is larger travels as a block. */
	readonly #inRing: number;
	#ended = false;
	#slot: Slot | undefined;

	/** @internal */
	constructor(queue: NamedObject, options?: EndpointOptions) {
		super(queue, "producer", options);
		const capacity = this.attachment.words[(this.at + OBJECT_CAPACITY) >>> 2] as number;
		this.#inRing = capacity / 2 - 8;
	}

	/**
	 * Sends if there is room now; whether it did.
	 *
	 * @throws DHMEM_QUEUE_ENDED, DHMEM_MESSAGE_TOO_LARGE, DHMEM_BAD_ARGUMENT, DHMEM_CLOSED; and where nothing that
	 * was sent is left to be released, DHMEM_REGION_FULL and DHMEM_NO_SPACE
	 */
	trySend(data: Sendable, options?: { block?: Block | undefined }): boolean {
		return this.#attempt(bytesOf(data), options?.block);
	}

	/**
	 * Sends, blocking this thread until there is room.
	 *
	 * @throws as `trySend`; DHMEM_TIMEOUT, DHMEM_PEER_GONE
	 */
	sendSync(data: Sendable, options?: SendOptions): void {
		const bytes = bytesOf(data);
		this.waitForSync("room in", () => this.#attempt(bytes, options?.block) || PENDING, options);
	}

	/**
	 * Sends, waiting for room without blocking the event loop. Don't change `data` before the promise settles.
	 *
	 * @throws as `trySend`; DHMEM_TIMEOUT, DHMEM_PEER_GONE, the signal's reason
	 * @example
	 * ```ts
	 * await producer.send("step 1");
	 * await producer.send(new Float64Array([1, 2, 3]), { timeout: 1000 });
	 * await producer.send("a field", { block });
	 * ```
	 */
	async send(data: Sendable, options?: SendOptions): Promise<void> {
		const bytes = bytesOf(data);
		await this.waitFor("room in", () => this.#attempt(bytes, options?.block) || PENDING, options);
	}

	/**
	 * Sends a block that is the message, as what is too large for the ring travels.
	 *
	 * @internal
	 */
	async sendBlock(block: Block, options?: WaitOptions): Promise<void> {
		await this.waitFor("room in", () => this.#sendWhole(block) || PENDING, options);
	}

	/**
	 * The largest message that is copied into the ring, bytes.
	 *
	 * @internal
	 */
	get inline(): number {
		return this.#inRing;
	}

	#attempt(bytes: Uint8Array, block: Block | undefined): boolean {
		this.#checkSending();
		if (block !== undefined) return this.#sendBlock(bytes, block);
		if (bytes.length > this.#inRing) return this.#sendLarge(bytes);
		const { attachment, at } = this;
		const payload = this.#reserve(bytes.length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, bytes.length);
		attachment.bytes.set(bytes, payload);
		this.#wake(attachment.core.commit(attachment.me, at, bytes.length) >>> 0);
		return true;
	}

	/** Room in the ring, or a status. */
	#reserve(length: number): number {
		const { core, me } = this.attachment;
		let payload = core.reserve(me, this.at, length) >>> 0;
		if (payload === BAD_STATE) {
			// No slot is open, so a send was cut off before its commit: by the end of the stack, where all can throw.
			core.abort(me, this.at);
			payload = core.reserve(me, this.at, length) >>> 0;
		}
		if (payload < STATUS_LIMIT || payload + length <= this.attachment.size) return payload;
		throw this.unexpected(CORRUPT);
	}

	#sendBlock(bytes: Uint8Array, block: Block): boolean {
		if (!(block instanceof Block)) throw badArgument("block", block, "a Block of this region");
		const { attachment } = this;
		const offset = block.owned(attachment);
		const payload = this.#reserve(REFERENCE_BYTES + bytes.length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, bytes.length);
		attachment.bytes.set(bytes, payload + REFERENCE_BYTES);
		this.#commitBlock(REFERENCE_BYTES + bytes.length, 0, offset, block.length);
		block.spend();
		return true;
	}

	#sendWhole(block: Block): boolean {
		this.#checkSending();
		const offset = block.owned(this.attachment);
		const payload = this.#reserve(REFERENCE_BYTES);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, 0);
		this.#commitBlock(REFERENCE_BYTES, 1, offset, block.length);
		block.spend();
		return true;
	}

	#sendLarge(bytes: Uint8Array): boolean {
		const { attachment } = this;
		this.#checkSize(bytes.length);
		const payload = this.#reserve(REFERENCE_BYTES);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, bytes.length);
		const block = this.#allocate(bytes.length);
		if (block === 0) return false;
		attachment.bytes.set(bytes, block);
		this.#commitBlock(REFERENCE_BYTES, 1, block, bytes.length);
		return true;
	}

	/** A block for the open reservation; 0, and the reservation is given up, if there will be room for one later. */
	#allocate(length: number): number {
		const { attachment, at } = this;
		// Looked at first: what is released while the allocation fails has made room, if too late for it.
		const roomWillCome = this.hasContents;
		try {
			return attachment.allocate(length);
		} catch (error) {
			if (!this.closed) attachment.core.abort(attachment.me, at);
			const full = error instanceof DhmemError && /FULL|SPACE/.test(error.code);
			if (full && roomWillCome) return 0;
			throw error;
		}
	}

	#commitBlock(bytes: number, large: 0 | 1, block: number, length: number): void {
		const { attachment, at } = this;
		const result = attachment.core.commitBlock(attachment.me, at, bytes, large, block, length) >>> 0;
		if (result !== OK && result < STATUS_LIMIT) attachment.core.abort(attachment.me, at);
		this.#wake(result);
	}

	#wake(result: number): void {
		if (result >= STATUS_LIMIT) this.attachment.wake(result);
		else if (result !== OK) throw this.unexpected(result);
	}

	#notReserved(status: number, length: number): false {
		if (status === NO_ROOM) return false;
		if (status === TOO_LARGE) {
			throw new DhmemError(
				"DHMEM_MESSAGE_TOO_LARGE",
				`${length} bytes beside a block don't fit queue ${this.queue.name}, which takes ` +
					`${this.#inRing - REFERENCE_BYTES}; put them into the block, or make its capacity larger`,
			);
		}
		throw this.unexpected(status);
	}

	#checkSize(length: number): void {
		const largest = this.attachment.largestBlock;
		if (length <= largest) return;
		throw new DhmemError(
			"DHMEM_MESSAGE_TOO_LARGE",
			`A message of ${length} bytes exceeds the region ${this.attachment.path}, whose largest is ` +
				`${largest}; split it, or make the region larger`,
		);
	}

	#checkSending(): void {
		this.checkOpen();
		if (this.#ended) {
			throw new DhmemError(
				"DHMEM_QUEUE_ENDED",
				`This producer of queue ${this.queue.name} has called end(); open another for the next stream`,
			);
		}
		if (this.#slot?.open) {
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`A reservation of queue ${this.queue.name} is open; commit() or abort() it first`,
			);
		}
	}

	/**
	 * Room to write a message of up to `length` bytes in place; undefined if there is none now. One at a time.
	 *
	 * @throws as `trySend`
	 * @example
	 * ```ts
	 * const slot = producer.tryReserve(4096);
	 * if (slot) {
	 *   slot.as("f64").fill(0.5);
	 *   slot.commit();
	 * }
	 * ```
	 */
	tryReserve(length: number): Slot | undefined {
		this.#checkSending();
		checkCount("The length", length, 0, Number.MAX_SAFE_INTEGER);
		const { attachment, at } = this;
		const { core, me } = attachment;
		const large = length > this.#inRing;
		if (large) this.#checkSize(length);
		const payload = this.#reserve(large ? REFERENCE_BYTES : length);
		if (payload < STATUS_LIMIT) {
			this.#notReserved(payload, length);
			return undefined;
		}
		let block = 0;
		if (large) {
			block = this.#allocate(length);
			if (block === 0) return undefined;
		}
		this.#slot = new Slot(attachment, block === 0 ? payload : block, length, {
			commit: (bytes) => {
				this.checkOpen();
				if (block === 0) this.#wake(core.commit(me, at, bytes) >>> 0);
				else this.#commitBlock(REFERENCE_BYTES, 1, block, bytes);
			},
			abort: () => {
				if (this.closed) return;
				core.abort(me, at);
				if (block !== 0) core.free(me, block);
			},
		});
		return this.#slot;
	}

	/**
	 * Sends as many as there is room for, published at once; how many. An item that is not sent is taken
	 * from the iterable all the same, unless it is an array.
	 *
	 * @throws as `trySend`; what came before is sent
	 */
	sendMany(items: Iterable<Sendable>): number {
		this.#checkSending();
		if (typeof items?.[Symbol.iterator] !== "function") throw badArgument("The items", items, "an iterable");
		const { attachment, at } = this;
		const { core, me } = attachment;
		let staged = 0;
		let sent = 0;
		try {
			for (const item of items) {
				const bytes = bytesOf(item);
				if (bytes.length > this.#inRing) {
					// A block is handed over by a publication of its own.
					if (!this.#sendLarge(bytes)) break;
					staged = 0;
				} else {
					const payload = this.#reserve(bytes.length);
					if (payload < STATUS_LIMIT) {
						this.#notReserved(payload, bytes.length);
						break;
					}
					attachment.bytes.set(bytes, payload);
					const status = core.stage(me, at, bytes.length) >>> 0;
					if (status !== OK) throw this.unexpected(status);
					staged++;
				}
				sent++;
			}
		} finally {
			if (staged > 0 && !this.closed) this.#wake(core.publish(me, at) >>> 0);
		}
		return sent;
	}

	/**
	 * Ends the stream: the consumer drains what was sent, and then sees the end. Twice does nothing.
	 *
	 * @throws DHMEM_BAD_ARGUMENT while a reservation is open
	 */
	end(): void {
		if (this.#ended) return;
		this.#checkSending();
		const result = this.attachment.core.end(this.attachment.me, this.at) >>> 0;
		if (result === NO_ROOM) throw this.unread();
		this.#wake(result);
		this.#ended = true;
	}

	/** A Node stream that sends what is written to it, copying, and ends the queue with itself. */
	writable(): Writable {
		return writable(this);
	}

	protected override beforeClose(): void {
		this.#slot?.abort();
	}
}
