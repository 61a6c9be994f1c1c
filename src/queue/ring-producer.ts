/** The producer of a byte queue, whose messages are written in place in its ring. */
import {
	BAD_STATE,
	CORRUPT,
	NO_ROOM,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OK,
	QUEUE_SENT,
	RECORD_ALIGNMENT,
	RECORD_HEADER,
	REFERENCE_BYTES,
	SLOT_RESULT,
	STATUS_LIMIT,
	TOO_LARGE,
} from "../../assembly/layout.js";
import { allocateBlock } from "../attachment/allocation.js";
import { DhmemError, isFull } from "../errors.js";
import { isWatched } from "../events.js";
import { Block } from "../memory/block.js";
import type { NamedObject } from "../objects/named-object.js";
import type { EndpointOptions } from "../values/arguments.js";
import { type Content, contentOf, lengthOf, writeAscii } from "../values/content.js";
import { BatchReservation } from "./batch-reservation.js";
import { FullQueue } from "./full-queue.js";
import { Producer } from "./producer.js";
import { Reservation } from "./reservation.js";
import type { Sendable } from "./sendable.js";

export class RingProducer extends Producer {
	/** The largest payload that fits the ring, in bytes. Larger messages travel as a block. @internal */
	override readonly inline: number;
	/** The number of messages that are written and not yet published. */
	#staged = 0;
	readonly #flush = () => this.#publish();
	readonly #full = new FullQueue();
	readonly #start: number;
	readonly #capacity: number;
	#batch: BatchReservation | undefined;

	constructor(queue: NamedObject, options?: EndpointOptions) {
		super(queue, options);
		this.#capacity = queue.word(OBJECT_CAPACITY);
		this.#start = queue.word(OBJECT_DATA);
		this.inline = this.#capacity / 2 - RECORD_HEADER;
	}

	protected override put(content: Content, block: Block | undefined): boolean {
		if (block === undefined && typeof content === "string") {
			const sent = this.#putAscii(content);
			if (sent !== undefined) return sent;
		}
		const length = lengthOf(content);
		if (block !== undefined) return this.#sendBlock(content, length, block);
		if (length > this.inline) return this.#sendLarge(content, length);
		const payload = this.#reserve(length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		this.attachment.write(content, length, payload);
		this.#commit(length);
		return true;
	}

	/**
	 * Sends text as if it were ASCII, as most text is: counting its bytes first would take as long as encoding.
	 * Undefined if it is not, or if it does not fit the ring.
	 */
	#putAscii(text: string): boolean | undefined {
		const { attachment, at } = this;
		const { length } = text;
		if (length > this.inline) return undefined;
		const payload = this.#reserve(length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		if (!writeAscii(text, attachment.whole, payload)) {
			attachment.core.abort(attachment.me, at);
			return undefined;
		}
		this.#commit(length);
		return true;
	}

	#commit(length: number): void {
		// The iterable of `sendMany` may call this too, so the messages staged before are published first.
		this.#publish();
		this.wake(this.attachment.core.commit(this.attachment.me, this.at, length) >>> 0);
	}

	/** Reserves room in the ring and returns its offset, or a status. */
	#reserve(length: number): number {
		const { core, me } = this.attachment;
		let payload = core.reserve(me, this.at, length) >>> 0;
		if (payload === BAD_STATE) {
			// No reservation is open, so an earlier send threw before its commit. On a stack overflow any call can
			// throw.
			core.abort(me, this.at);
			payload = core.reserve(me, this.at, length) >>> 0;
		}
		if (payload < STATUS_LIMIT || payload + length <= this.attachment.size) return payload;
		throw this.unexpected(CORRUPT);
	}

	#sendBlock(content: Content, length: number, block: Block): boolean {
		const { attachment } = this;
		const offset = block.owned(attachment);
		const payload = this.#reserve(REFERENCE_BYTES + length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		attachment.write(content, length, payload + REFERENCE_BYTES);
		this.#commitBlock(REFERENCE_BYTES + length, 0, offset, Block.lengthOf(block));
		block.spend();
		return true;
	}

	protected override putBlock(block: Block): boolean {
		const offset = block.owned(this.attachment);
		const payload = this.#reserve(REFERENCE_BYTES);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, 0);
		this.#commitBlock(REFERENCE_BYTES, 1, offset, Block.lengthOf(block));
		block.spend();
		return true;
	}

	#sendLarge(content: Content, length: number): boolean {
		const { attachment } = this;
		this.checkSize(length);
		const payload = this.#reserve(REFERENCE_BYTES);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		const block = this.#allocate(length);
		if (block === 0) return false;
		attachment.write(content, length, attachment.addressOf(block));
		this.#commitBlock(REFERENCE_BYTES, 1, block, length);
		return true;
	}

	/**
	 * Allocates a block for the open reservation. Returns 0 if there is no memory now but there will be later.
	 * The reservation is aborted unless a block is returned.
	 */
	#allocate(length: number): number {
		let block = 0;
		try {
			block = this.tryAllocate(length);
			return block;
		} finally {
			if (block === 0 && !this.closed) this.attachment.core.abort(this.attachment.me, this.at);
		}
	}

	protected override tryAllocate(length: number): number {
		// Read before the attempt: a message that is released while the allocation fails makes room for the next
		// attempt.
		const roomWillCome = this.hasContents;
		try {
			return allocateBlock(this.attachment, length);
		} catch (error) {
			if (isFull(error) && roomWillCome) return 0;
			throw error;
		}
	}

	#commitBlock(bytes: number, large: 0 | 1, block: number, length: number): void {
		const { attachment, at } = this;
		this.#publish();
		const result = attachment.core.commitBlock(attachment.me, at, bytes, large, block, length) >>> 0;
		if (result !== OK && result < STATUS_LIMIT) attachment.core.abort(attachment.me, at);
		this.wake(result);
	}

	#notReserved(status: number, length: number): false {
		if (status === NO_ROOM) {
			if (isWatched("dhmem:full")) this.#full.note(this.queue, this.queue.word(QUEUE_SENT) + this.#staged);
			return false;
		}
		if (status === TOO_LARGE) {
			throw new DhmemError(
				"DHMEM_MESSAGE_TOO_LARGE",
				`${length} bytes sent along with a block do not fit queue ${this.queue.name}, which takes at most ` +
					`${this.inline - REFERENCE_BYTES}; put them into the block, or give the queue a larger capacity`,
			);
		}
		throw this.unexpected(status);
	}

	protected override reserve(length: number): Reservation | undefined {
		const large = length > this.inline;
		if (large) this.checkSize(length);
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
		return new Reservation(
			this.attachment,
			block === 0 ? payload : this.attachment.addressOf(block),
			length,
			this.#ofReservation,
			block,
		);
	}

	/** One object for all reservations, because one for each would be garbage. */
	readonly #ofReservation = {
		commit: (bytes: number, block: number): void => {
			this.checkOpen();
			if (block === 0) this.#commit(bytes);
			else this.#commitBlock(REFERENCE_BYTES, 1, block, bytes);
			this.onUnreserved();
		},
		abort: (block: number): void => {
			if (this.closed) return;
			this.onUnreserved();
			const { core, me } = this.attachment;
			core.abort(me, this.at);
			if (block !== 0) core.free(me, block);
		},
	};

	protected override hasRoom(length: number): boolean {
		const large = length > this.inline;
		if (large) this.checkSize(length);
		const payload = this.#reserve(large ? REFERENCE_BYTES : length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		this.attachment.core.abort(this.attachment.me, this.at);
		return true;
	}

	protected override reserveMany(length: number, count: number): BatchReservation | undefined {
		if (length > this.inline) {
			throw new DhmemError(
				"DHMEM_MESSAGE_TOO_LARGE",
				`Messages of ${length} bytes do not fit the ring of queue ${this.queue.name}, where a message of a batch can ` +
					`have at most ${this.inline}; give the queue a larger capacity, or use tryReserve()`,
			);
		}
		const { attachment, at } = this;
		const { core, me } = attachment;
		let payload = core.reserveMany(me, at, length, count) >>> 0;
		if (payload === BAD_STATE) {
			// As in `#reserve`.
			core.abort(me, at);
			payload = core.reserveMany(me, at, length, count) >>> 0;
		}
		if (payload < STATUS_LIMIT) {
			this.#notReserved(payload, length);
			return undefined;
		}
		this.#batch ??= this.#makeBatch();
		const step = RECORD_HEADER + Math.ceil(length / RECORD_ALIGNMENT) * RECORD_ALIGNMENT;
		const fitting = attachment.result(SLOT_RESULT);
		const first = payload - this.#start;
		// A faulty peer may have moved the ring.
		if (first < 0 || first + fitting * step > this.#capacity + RECORD_HEADER) throw this.unexpected(CORRUPT);
		return this.#batch.reopen(first, step, fitting);
	}

	#makeBatch(): BatchReservation {
		const { attachment, at } = this;
		if (this.#start + this.#capacity > attachment.size) throw this.unexpected(CORRUPT);
		return new BatchReservation(new DataView(attachment.buffer, this.#start, this.#capacity), {
			commit: (count) => {
				this.checkOpen();
				this.#publish();
				this.wake(attachment.core.commitMany(attachment.me, at, count) >>> 0);
				this.onUnreserved();
			},
			abort: () => {
				if (this.closed) return;
				this.onUnreserved();
				attachment.core.abort(attachment.me, at);
			},
		});
	}

	protected override putMany(items: Iterable<Sendable>): number {
		let sent = 0;
		// The iterable may close the region. It stays here until this producer closes: see `Waits` for sets that change often.
		this.attachment.flushers.add(this.#flush);
		try {
			for (const item of items) {
				const content = contentOf(item);
				// Checked each time, because the iterable may have used this producer.
				this.checkSending();
				if (!this.#stage(content)) break;
				sent++;
			}
		} finally {
			this.#publish();
		}
		return sent;
	}

	/** Writes a message that is published together with others later; false if there is no room. */
	#stage(content: Content): boolean {
		const { attachment, at } = this;
		const { core, me } = attachment;
		const length = lengthOf(content);
		if (length > this.inline) {
			// A block is published by itself, after the messages staged before it.
			return this.#sendLarge(content, length);
		}
		const payload = this.#reserve(length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		attachment.write(content, length, payload);
		const status = core.stage(me, at, length) >>> 0;
		if (status !== OK) throw this.unexpected(status);
		this.#staged++;
		return true;
	}

	#publish(): void {
		if (this.#staged === 0 || this.closed) return;
		const count = this.#staged;
		this.#staged = 0;
		this.wake(this.attachment.core.publish(this.attachment.me, this.at, count) >>> 0);
	}

	/** The iterable of `sendMany` may close this producer. The items before that are sent. */
	protected override beforeClose(): void {
		super.beforeClose();
		this.attachment.flushers.delete(this.#flush);
		this.#publish();
	}

	protected override finish(): void {
		this.#publish();
		const result = this.attachment.core.end(this.attachment.me, this.at) >>> 0;
		if (result === NO_ROOM) throw this.unread();
		this.wake(result);
	}
}
