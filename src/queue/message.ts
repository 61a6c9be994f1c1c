import { inspect } from "node:util";
import {
	OK,
	RECORD_BLOCK,
	RECORD_DATA,
	REFERENCE_BYTES,
	SLOT_RESULT,
	SLOT_RESULT_2,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	SLOT_RESULT_5,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { Block } from "../memory/block.js";
import { contentsOf, elementsOf, type Payload, viewOf } from "../memory/payload.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import type { DType, TypedArrayOf } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import type { Fields, Schema, Struct } from "../values/schema.js";

/** A block that came with a message, or that is the message. */
interface Attached {
	/**
	 * True if the block is the message itself, which was too large for the ring. `message.block` is undefined
	 * then.
	 */
	readonly large: boolean;
	readonly offset: number;
	readonly length: number;
}

/** The part of a consumer that its messages use. */
export interface Holder {
	/** True after the consumer has left; its messages are invalid then. */
	isGone(): boolean;
	/** Releases the message that the core knows as `hold`, with its block or 0. Returns the core's result. */
	finish(hold: number, block: number, keep: 0 | 1): number;
}

/**
 * A received message, read in place. It occupies its room in the queue until it is released.
 *
 * @example
 * ```ts
 * using message = await consumer.receive();
 * if (message) process(message.as("f64"));
 * ```
 */
export class Message implements Payload {
	readonly #length: number;
	/**
	 * The core's name for the message.
	 *
	 * @internal
	 */
	readonly hold: number;
	readonly #attachment: Attachment;
	readonly #holder: Holder;
	readonly #offset: number;
	readonly #attached: Attached | undefined;
	#view: Uint8Array | undefined;
	#block: Block | undefined;
	#released = false;

	/**
	 * Makes the message with its payload at `offset` from the core's latest results.
	 *
	 * @internal
	 */
	constructor(attachment: Attachment, holder: Holder, offset: number) {
		checkMade(attachment instanceof Attachment, "A Message", "receive it with a consumer");
		this.#attachment = attachment;
		this.#holder = holder;
		this.hold = attachment.result(SLOT_RESULT);
		const length = attachment.result(SLOT_RESULT_2);
		const kind = attachment.result(SLOT_RESULT_3);
		if (kind === RECORD_DATA) {
			this.#offset = offset;
			this.#length = length;
			return;
		}
		const large = kind !== RECORD_BLOCK;
		const block = attachment.result(SLOT_RESULT_4);
		const blockLength = attachment.result(SLOT_RESULT_5);
		this.#attached = { large, offset: block, length: blockLength };
		this.#offset = large ? attachment.core.bytesOf(block) >>> 0 : offset + REFERENCE_BYTES;
		this.#length = large ? blockLength : length - REFERENCE_BYTES;
	}

	get length(): number {
		return this.#length;
	}

	get bytes(): Uint8Array {
		const offset = this.#checkedOffset();
		this.#attachment.check();
		this.#view ??= viewOf(this.#attachment, offset, this.#length);
		return this.#view;
	}

	as<D extends DType>(dtype: D): TypedArrayOf<D>;
	as<F extends Fields>(schema: F | Schema<F>): readonly Struct<F>[];
	as(type: DType | Fields | Schema): TypedArrayOf<DType> | readonly Struct[] {
		return elementsOf(this.#attachment, this.bytes, type);
	}

	text(): string {
		return contentsOf(this.#attachment, this.bytes);
	}

	json(): unknown {
		return JSON.parse(this.text());
	}

	/**
	 * The block that was handed over with the message; undefined without one. Releasing frees it, `take()`
	 * keeps it.
	 */
	get block(): Block | undefined {
		if (this.#attached === undefined || this.#attached.large) return undefined;
		const keeper = this.#released || this.#holder.isGone() ? "spent" : "message";
		this.#block ??= new Block(this.#attachment, this.#attached.offset, this.#attached.length, keeper);
		return this.#block;
	}

	/**
	 * Makes the message's block this participant's own, and releases the message.
	 *
	 * @throws DHMEM_BAD_ARGUMENT if the message carries no block; DHMEM_CLOSED if it was released
	 * @example
	 * ```ts
	 * using field = message.take();
	 * render(field.as("f32"));
	 * ```
	 */
	take(): Block {
		this.#checkedOffset();
		if (this.#attached === undefined) {
			throw new DhmemError("DHMEM_BAD_ARGUMENT", "This message carries no block; use its bytes");
		}
		this.#end(1);
		return new Block(this.#attachment, this.#attached.offset, this.#attached.length);
	}

	/**
	 * Gives the message's room back. Its views are invalid from then on. A second release does nothing. Nor
	 * does a release after the consumer has left: the message then belongs to the next consumer, or is freed in
	 * a queue that drops its oldest message.
	 */
	release(): void {
		if (!this.#released && !this.#holder.isGone()) this.#end(0);
	}

	[dispose](): void {
		this.release();
	}

	/** True after the message was released. */
	get released(): boolean {
		return this.#released;
	}

	#end(keep: 0 | 1): void {
		const result = this.#holder.finish(this.hold, this.#attached?.offset ?? 0, keep);
		if (result >= STATUS_LIMIT) this.#attachment.wake(result);
		else if (result !== OK) throw this.#attachment.unexpected(result, "Releasing a message");
		this.spend();
	}

	/**
	 * Marks the message as released.
	 *
	 * @internal
	 */
	spend(): void {
		this.#released = true;
		this.#block?.spend();
	}

	/** The offset of the bytes. Throws if they don't belong to this message any more. */
	#checkedOffset(): number {
		if (this.#released) {
			throw new DhmemError(
				"DHMEM_CLOSED",
				"This message was released; copy what you need before releasing it",
			);
		}
		if (this.#holder.isGone()) {
			this.#attachment.check();
			throw new DhmemError(
				"DHMEM_CLOSED",
				"The consumer of this message was closed, and its messages with it; open a new consumer to go on receiving",
			);
		}
		return this.#offset;
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Message", () => ({ length: this.length, released: this.#released }));
	}
}
