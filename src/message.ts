import { OK, RECORD_BLOCK, RECORD_DATA, REFERENCE_BYTES, STATUS_LIMIT } from "../assembly/layout.js";
import type { Attachment } from "./attachment.js";
import { Block } from "./block.js";
import { DhmemError } from "./errors.js";
import { Payload } from "./payload.js";

/** What the core found when it received: offsets in the region. */
export interface Received {
	/** What the core knows the message by. */
	hold: number;
	kind: number;
	offset: number;
	length: number;
	block: number;
	blockLength: number;
}

/** The consumer, as its messages know it. */
export interface Holder {
	/** Whether it has left, and its messages with it. */
	isGone(): boolean;
	/** Ends a message; what the core says to that. */
	settle(received: Received, keep: 0 | 1): number;
}

/** A received message, read in place. It holds its room in the queue until it is released. */
export class Message extends Payload {
	readonly length: number;
	readonly #attachment: Attachment;
	readonly #holder: Holder;
	readonly #received: Received;
	readonly #offset: number;
	#block: Block | undefined;
	#released = false;

	/** @internal */
	constructor(attachment: Attachment, holder: Holder, received: Received) {
		super(attachment);
		this.#attachment = attachment;
		this.#holder = holder;
		this.#received = received;
		if (received.kind === RECORD_DATA) {
			this.#offset = received.offset;
			this.length = received.length;
		} else if (received.kind === RECORD_BLOCK) {
			this.#offset = received.offset + REFERENCE_BYTES;
			this.length = received.length - REFERENCE_BYTES;
		} else {
			this.#offset = attachment.core.bytesOf(received.block) >>> 0;
			this.length = received.blockLength;
		}
	}

	/** The block that was handed over with the message, if one was. Releasing frees it; `take()` keeps it. */
	get block(): Block | undefined {
		const { kind, block, blockLength } = this.#received;
		if (kind !== RECORD_BLOCK) return undefined;
		const keeper = this.#released || this.#holder.isGone() ? "spent" : "message";
		this.#block ??= new Block(this.#attachment, block, blockLength, keeper);
		return this.#block;
	}

	/**
	 * Takes the message's block for one's own, and releases the message.
	 *
	 * @throws DHMEM_BAD_ARGUMENT if it carries none; DHMEM_CLOSED if it was released
	 * @example
	 * ```ts
	 * using field = message.take();
	 * render(field.as("f32"));
	 * ```
	 */
	take(): Block {
		this.offset();
		const { kind, block, blockLength } = this.#received;
		if (kind === RECORD_DATA) {
			throw new DhmemError("DHMEM_BAD_ARGUMENT", "This message carries no block; use its bytes");
		}
		this.#end(1);
		return new Block(this.#attachment, block, blockLength);
	}

	/**
	 * Gives the room back; the views end here. Releasing twice does nothing, nor does it when the consumer has
	 * left: then the message is the next one's, or gone where the oldest message is dropped.
	 */
	release(): void {
		if (!this.#released && !this.#holder.isGone()) this.#end(0);
	}

	[Symbol.dispose](): void {
		this.release();
	}

	/** Whether it was released. */
	get released(): boolean {
		return this.#released;
	}

	#end(keep: 0 | 1): void {
		const result = this.#holder.settle(this.#received, keep);
		if (result >= STATUS_LIMIT) this.#attachment.wake(result);
		else if (result !== OK) throw this.#attachment.unexpected(result, "Releasing a message");
		this.#released = true;
		this.#block?.spend();
	}

	protected override offset(): number {
		if (this.#released) {
			throw new DhmemError("DHMEM_CLOSED", "This message was released; copy what is needed longer");
		}
		if (this.#holder.isGone()) {
			this.#attachment.check();
			throw new DhmemError(
				"DHMEM_CLOSED",
				"The consumer of this message has left, and the message is no longer its; receive with another",
			);
		}
		return this.#offset;
	}
}
