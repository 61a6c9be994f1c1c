/** The two endpoints of a byte queue, whose messages are written and read in place in its ring. */
import {
	BAD_STATE,
	CORRUPT,
	NO_ROOM,
	OBJECT_CAPACITY,
	OK,
	RECORD_HEADER,
	REFERENCE_BYTES,
	STATUS_LIMIT,
	TOO_LARGE,
} from "../../assembly/layout.js";
import { allocate } from "../attachment/allocation.js";
import { DhmemError, isFull } from "../errors.js";
import { Block } from "../memory/block.js";
import type { NamedObject } from "../objects/named-object.js";
import { bytesOf, type EndpointOptions, lengthIn } from "../values/arguments.js";
import { Consumer } from "./consumer.js";
import type { Message } from "./message.js";
import { Producer, type Sendable } from "./producer.js";
import { Reservation } from "./reservation.js";

export class RingProducer extends Producer {
	/** The largest payload that fits the ring, in bytes. Larger messages travel as a block. */
	override readonly inline: number;
	/** The number of messages that are written and not yet published. */
	#staged = 0;

	constructor(queue: NamedObject, options?: EndpointOptions) {
		super(queue, options);
		const capacity = this.attachment.words[(this.at + OBJECT_CAPACITY) >>> 2] as number;
		this.inline = capacity / 2 - RECORD_HEADER;
	}

	protected override put(bytes: Uint8Array, block: Block | undefined): boolean {
		if (block !== undefined) return this.#sendBlock(bytes, block);
		const length = lengthIn(bytes);
		if (length > this.inline) return this.#sendLarge(bytes, length);
		const payload = this.#reserve(length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		this.attachment.write(bytes, payload);
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

	#sendBlock(bytes: Uint8Array, block: Block): boolean {
		const { attachment } = this;
		const offset = block.owned(attachment);
		const length = lengthIn(bytes);
		const payload = this.#reserve(REFERENCE_BYTES + length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		attachment.write(bytes, payload + REFERENCE_BYTES);
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

	#sendLarge(bytes: Uint8Array, length: number): boolean {
		const { attachment } = this;
		this.checkSize(length);
		const payload = this.#reserve(REFERENCE_BYTES);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		const block = this.#allocate(length);
		if (block === 0) return false;
		attachment.write(bytes, block);
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
			return allocate(this.attachment, length);
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
		if (status === NO_ROOM) return false;
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
		const { attachment, at } = this;
		const { core, me } = attachment;
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
		return new Reservation(attachment, block === 0 ? payload : block, length, {
			commit: (bytes) => {
				this.checkOpen();
				if (block === 0) this.#commit(bytes);
				else this.#commitBlock(REFERENCE_BYTES, 1, block, bytes);
			},
			abort: () => {
				if (this.closed) return;
				core.abort(me, at);
				if (block !== 0) core.free(me, block);
			},
		});
	}

	protected override putMany(items: Iterable<Sendable>): number {
		let sent = 0;
		try {
			for (const item of items) {
				const bytes = bytesOf(item);
				// Checked each time, because the iterable may have used this producer.
				this.checkSending();
				if (!this.#stage(bytes)) break;
				sent++;
			}
		} finally {
			this.#publish();
		}
		return sent;
	}

	/** Writes a message that is published together with others later; false if there is no room. */
	#stage(bytes: Uint8Array): boolean {
		const { attachment, at } = this;
		const { core, me } = attachment;
		const length = lengthIn(bytes);
		if (length > this.inline) {
			// A block is published by itself, after the messages staged before it.
			return this.#sendLarge(bytes, length);
		}
		const payload = this.#reserve(length);
		if (payload < STATUS_LIMIT) return this.#notReserved(payload, length);
		attachment.write(bytes, payload);
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
		this.#publish();
	}

	protected override finish(): void {
		this.#publish();
		const result = this.attachment.core.end(this.attachment.me, this.at) >>> 0;
		if (result === NO_ROOM) throw this.unread();
		this.wake(result);
	}
}

export class RingConsumer extends Consumer {
	protected override next(): number {
		const { core, me } = this.attachment;
		return core.peek(me, this.at) >>> 0;
	}

	protected override finish(hold: number, _block: number, keep: 0 | 1): number {
		const { core, me } = this.attachment;
		return core.release(me, this.at, hold, keep) >>> 0;
	}

	/**
	 * Releases a run by one operation. This is correct because no other message was received between its first
	 * and last.
	 */
	override releaseRun(messages: readonly Message[]): void {
		if (this.closed) return;
		// Released messages are left out: their positions may since have wrapped around and mean other messages.
		const first = messages.find((message) => !message.released);
		const last = messages.findLast((message) => !message.released);
		if (first === undefined || last === undefined) return;
		const { attachment } = this;
		const result = attachment.core.releaseThrough(attachment.me, this.at, first.hold, last.hold) >>> 0;
		if (result !== OK && result < STATUS_LIMIT) throw this.unexpected(result);
		for (const message of messages) message.spend();
		attachment.wake(result);
	}
}
