/**
 * The two endpoints of a queue that drops its oldest message. Each message is in a block of its own, the
 * envelope, which belongs to the receiver once it is received.
 */
import {
	CORRUPT,
	MAILBOX_END,
	OK,
	QUEUE_HEAD,
	QUEUE_TAIL,
	RECORD_HEADER,
	REFERENCE_BYTES,
	SLOT_RESULT_4,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { allocate } from "../attachment/allocation.js";
import { DhmemError, isFull } from "../errors.js";
import { Block } from "../memory/block.js";
import { type Content, contentOf, lengthOf } from "../values/content.js";
import { Consumer } from "./consumer.js";
import { dropsFor } from "./making-room.js";
import type { Message } from "./message.js";
import { Producer } from "./producer.js";
import { Reservation } from "./reservation.js";
import type { Sendable } from "./sendable.js";

/**
 * The number of attempts to make room for one message. Other participants may take the room that was made,
 * and each attempt searches the whole region.
 */
const TURNS = 3;

export class MailboxProducer extends Producer {
	/** There is no limit, because every message is copied into an envelope of its own. @internal */
	override readonly inline = Number.POSITIVE_INFINITY;

	protected override put(content: Content, block: Block | undefined): boolean {
		const { attachment } = this;
		const offset = block?.owned(attachment) ?? 0;
		const beside = block === undefined ? 0 : REFERENCE_BYTES;
		const length = lengthOf(content);
		const envelope = this.#allocate(beside + length);
		attachment.write(content, length, envelope + RECORD_HEADER + beside);
		this.#commit(envelope, beside + length, offset, block && Block.lengthOf(block));
		block?.spend();
		return true;
	}

	protected override putBlock(block: Block): boolean {
		this.put(block.bytes, undefined);
		block.free();
		return true;
	}

	/** Allocates an envelope for a payload of `length` bytes. */
	#allocate(length: number): number {
		const bytes = RECORD_HEADER + length;
		this.checkSize(bytes);
		return this.tryAllocate(bytes);
	}

	/** The size of the largest message that this send may drop. */
	#largest = 0;

	/**
	 * Allocates, dropping older messages if that makes room. The newest message stays, because this send may
	 * still fail.
	 */
	protected override tryAllocate(bytes: number): number {
		const { attachment } = this;
		for (let turn = 0; ; turn++) {
			try {
				const block = allocate(attachment, bytes);
				if (block + bytes <= attachment.size) return block;
				throw this.unexpected(CORRUPT);
			} catch (error) {
				if (!isFull(error) || this.closed || turn === TURNS || !this.#makeRoom(bytes, error)) throw error;
			}
		}
	}

	/** Drops as many older messages as needed for `bytes`; false, and drops none, if no number is enough. */
	#makeRoom(bytes: number, { code }: DhmemError): boolean {
		const { attachment, at } = this;
		const drops = dropsFor(this.queue, bytes, code === "DHMEM_NO_SPACE");
		if (drops === undefined) return false;
		for (let i = 0; i < drops; i++) if (attachment.core.mailboxDrop(attachment.me, at) >>> 0 !== OK) break;
		return true;
	}

	#commit(envelope: number, length: number, block = 0, blockLength = 0): void {
		const { core, me, trimmer } = this.attachment;
		trimmer.noteFree(this.#largest);
		this.#largest = Math.max(this.#largest, length, blockLength);
		const result = core.mailboxPut(me, this.at, envelope, length, block, blockLength) >>> 0;
		if (result !== OK && result < STATUS_LIMIT) core.free(me, envelope);
		this.wake(result);
	}

	protected override reserve(length: number): Reservation {
		const envelope = this.#allocate(length);
		const offset = envelope + RECORD_HEADER;
		return new Reservation(this.attachment, offset, length, this.#ofReservation, envelope);
	}

	readonly #ofReservation = {
		commit: (bytes: number, envelope: number): void => {
			this.checkOpen();
			this.#commit(envelope, bytes);
			this.onUnreserved();
		},
		abort: (envelope: number): void => {
			if (this.closed) return;
			this.onUnreserved();
			this.attachment.core.free(this.attachment.me, envelope);
		},
	};

	/** The core reads envelopes, so they are in the heap. */
	protected override get largest(): number {
		return this.attachment.largestInHeap;
	}

	protected override hasRoom(length: number): boolean {
		this.checkSize(RECORD_HEADER + length);
		return true;
	}

	protected override reserveMany(): never {
		this.checkOpen();
		throw new DhmemError(
			"DHMEM_UNSUPPORTED",
			`Queue ${this.queue.name} drops its oldest message, so it takes messages one by one: use tryReserve()`,
		);
	}

	protected override putMany(items: Iterable<Sendable>): number {
		let sent = 0;
		for (const item of items) {
			const content = contentOf(item);
			// Checked each time, because the iterable may have used this producer.
			this.checkSending();
			this.put(content, undefined);
			sent++;
		}
		return sent;
	}

	protected override finish(): void {
		const { core, me } = this.attachment;
		this.wake(core.mailboxEnd(me, this.at) >>> 0);
	}
}

export class MailboxConsumer extends Consumer {
	/** The envelopes of received and unreleased messages, each with the block that it carries, or 0. */
	readonly #held = new Map<number, number>();

	protected override next(): Message | number {
		const { attachment } = this;
		const offset = attachment.core.mailboxTake(attachment.me, this.at) >>> 0;
		if (offset < STATUS_LIMIT) return offset;
		this.#held.set(attachment.result(), attachment.result(SLOT_RESULT_4));
		return this.described(offset);
	}

	/** The newest message is never dropped, so it is there unless it was taken. */
	protected override isNextMessage(): boolean {
		const { queue } = this;
		const tail = queue.word(QUEUE_TAIL);
		const unread = (tail - queue.word(QUEUE_HEAD)) >>> 0;
		const hasEnd = queue.word(MAILBOX_END) !== 0;
		return unread > 0 && !(hasEnd && (tail - queue.word(MAILBOX_END + 4)) >>> 0 >= unread);
	}

	protected override finish(hold: number, block: number, keep: 0 | 1): number {
		this.#held.delete(hold);
		return this.#free(hold, keep === 1 ? 0 : block);
	}

	#free(envelope: number, block: number): number {
		const { core, me } = this.attachment;
		const status = block === 0 ? OK : core.free(me, block) >>> 0;
		return status === OK ? core.free(me, envelope) >>> 0 : status;
	}

	/** Frees the messages that were received and not released. */
	protected override beforeClose(): void {
		for (const [envelope, block] of this.#held) this.#free(envelope, block);
		this.#held.clear();
	}
}
