/**
 * The two endpoints of a queue that drops its oldest message. Each message is in a block of its own, the
 * envelope, which belongs to the receiver once it is received.
 */
import {
	CORRUPT,
	OK,
	RECORD_HEADER,
	REFERENCE_BYTES,
	SLOT_RESULT_4,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { allocate } from "../attachment/allocation.js";
import { type DhmemError, isFull } from "../errors.js";
import { Block } from "../memory/block.js";
import { bytesOf, lengthIn } from "../values/arguments.js";
import { Consumer } from "./consumer.js";
import { dropsFor } from "./making-room.js";
import { Producer, type Sendable } from "./producer.js";
import { Reservation } from "./reservation.js";

/**
 * The number of attempts to make room for one message. Other participants may take the room that was made,
 * and each attempt searches the whole region.
 */
const TURNS = 3;

export class MailboxProducer extends Producer {
	/** There is no limit, because every message is copied into an envelope of its own. */
	override readonly inline = Number.POSITIVE_INFINITY;

	protected override put(bytes: Uint8Array, block: Block | undefined): boolean {
		const { attachment } = this;
		const offset = block?.owned(attachment) ?? 0;
		const beside = block === undefined ? 0 : REFERENCE_BYTES;
		const length = beside + lengthIn(bytes);
		const envelope = this.#allocate(length);
		attachment.write(bytes, envelope + RECORD_HEADER + beside);
		this.#commit(envelope, length, offset, block && Block.lengthOf(block));
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
		const { core, me } = this.attachment;
		const result = core.mailboxPut(me, this.at, envelope, length, block, blockLength) >>> 0;
		if (result !== OK && result < STATUS_LIMIT) core.free(me, envelope);
		this.wake(result);
	}

	protected override reserve(length: number): Reservation {
		const { attachment } = this;
		const envelope = this.#allocate(length);
		return new Reservation(attachment, envelope + RECORD_HEADER, length, {
			commit: (bytes) => {
				this.checkOpen();
				this.#commit(envelope, bytes);
			},
			abort: () => {
				if (!this.closed) attachment.core.free(attachment.me, envelope);
			},
		});
	}

	protected override putMany(items: Iterable<Sendable>): number {
		let sent = 0;
		for (const item of items) {
			const bytes = bytesOf(item);
			// Checked each time, because the iterable may have used this producer.
			this.checkSending();
			this.put(bytes, undefined);
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

	protected override next(): number {
		const { attachment } = this;
		const offset = attachment.core.mailboxTake(attachment.me, this.at) >>> 0;
		if (offset >= STATUS_LIMIT) this.#held.set(attachment.result(), attachment.result(SLOT_RESULT_4));
		return offset;
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
