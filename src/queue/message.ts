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
	/** That is the message, too large for the ring; only that which was handed over is seen. */
	readonly large: boolean;
	readonly offset: number;
	readonly length: number;
}

/** The consumer, as its messages know it. */
export interface Holder {
	/** Whether it has left, and its messages with it. */
	isGone(): boolean;
	/** Ends the message that the core knows by `hold`, with its block or 0; what the core says to that. */
	finish(hold: number, block: number, keep: 0 | 1): number;
}

/** A received message, read in place. It holds its room in the queue until it is released. */
export class Message implements Payload {
	readonly #length: number;
	/**
	 * What the core knows the message by.
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
	 * The message whose payload is at `offset`, as the core described it last.
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

	/** The block that was handed over with the message, if one was. Releasing frees it; `take()` keeps it. */
	get block(): Block | undefined {
		if (this.#attached === undefined || this.#attached.large) return undefined;
		const keeper = this.#released || this.#holder.isGone() ? "spent" : "message";
		this.#block ??= new Block(this.#attachment, this.#attached.offset, this.#attached.length, keeper);
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
		this.#checkedOffset();
		if (this.#attached === undefined) {
			throw new DhmemError("DHMEM_BAD_ARGUMENT", "This message carries no block; use its bytes");
		}
		this.#end(1);
		return new Block(this.#attachment, this.#attached.offset, this.#attached.length);
	}

	/**
	 * Gives the room back; the views end here. Releasing twice does nothing, nor does it when the consumer has
	 * left: then the message is the next one's, or gone where the oldest message is dropped.
	 */
	release(): void {
		if (!this.#released && !this.#holder.isGone()) this.#end(0);
	}

	[dispose](): void {
		this.release();
	}

	/** Whether it was released. */
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
	 * It was released.
	 *
	 * @internal
	 */
	spend(): void {
		this.#released = true;
		this.#block?.spend();
	}

	/** Where the bytes are; throws if they are not this message's any more. */
	#checkedOffset(): number {
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

	/** @internal */
	[inspect.custom](): string {
		return inspected("Message", () => ({ length: this.length, released: this.#released }));
	}
}
