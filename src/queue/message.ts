import { inspect } from "node:util";
import { OK, STATUS_LIMIT } from "../../assembly/layout.js";
import { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { Block } from "../memory/block.js";
import { contentsOf, elementsOf, type Payload } from "../memory/payload.js";
import { outside } from "../memory/reads.js";
import { Writes } from "../memory/writes.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import type { DType, TypedArrayOf } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import type { Fields, Schema, Struct } from "../values/schema.js";

/** A block that came with a message, or that is the message. */
export interface Attached {
	/**
	 * True if the block is the message itself, which was too large for the ring. `message.block` is undefined
	 * then.
	 */
	readonly large: boolean;
	readonly offset: number;
	readonly length: number;
}

/** The part of a consumer, or of a link over a network, that its messages use. */
export interface Holder {
	/** True after the consumer was closed. A field, because every access to a message reads it. */
	readonly gone: boolean;
	/** True after the consumer or its region was closed; its messages are invalid then. */
	isGone(): boolean;
	/** Releases the message that the core knows as `hold`, with its block or 0. Returns the core's result. */
	finish(hold: number, block: number, keep: 0 | 1): number;
	/** Takes back a message, which is received again. */
	giveBack(message: Message): void;
}

/**
 * A received message, read in place. It occupies its room in the queue until it is released.
 *
 * @example
 * ```ts
 * using message = await consumer.receive();
 * if (message) console.log(message.length, message.text()); // 6 step 1
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: its static block gives it the methods of Writes.
export class Message implements Payload {
	static {
		Object.setPrototypeOf(Message.prototype, Writes.prototype);
	}

	readonly #length: number;
	/**
	 * The core's name for the message.
	 *
	 * @internal
	 */
	readonly hold: number;
	/**
	 * How many messages its consumer received before it.
	 *
	 * @internal
	 */
	readonly index: number;
	readonly #attachment: Attachment;
	readonly #holder: Holder;
	/** The address of the bytes. */
	readonly #offset: number;
	readonly #attached: Attached | undefined;
	#view: Uint8Array | undefined;
	#window: DataView | undefined;
	#block: Block | undefined;
	#released = false;

	/** @internal */
	constructor(
		attachment: Attachment,
		holder: Holder,
		index: number,
		hold: number,
		offset: number,
		length: number,
		attached?: Attached,
	) {
		checkMade(attachment instanceof Attachment, "A Message", "receive it with a consumer");
		this.#attachment = attachment;
		this.#holder = holder;
		this.index = index;
		this.hold = hold;
		this.#offset = offset;
		this.#length = length;
		this.#attached = attached;
	}

	/**
	 * The offset of a message that lies in the ring and carries no block; undefined for others.
	 *
	 * @internal
	 */
	get ringOffset(): number | undefined {
		return this.#attached === undefined ? this.#offset : undefined;
	}

	get length(): number {
		return this.#length;
	}

	/** @internal */
	get window(): DataView {
		return this.#window ?? this.#findWindow();
	}

	#findWindow(): DataView {
		this.#window = this.#attachment.window(this.#offset);
		return this.#window;
	}

	/** @internal */
	place(at: number, bytes: number): number {
		if (
			Number.isInteger(at) &&
			at >= 0 &&
			at <= this.#length - bytes &&
			!this.#released &&
			!this.#holder.gone
		)
			return (this.#offset & 0x7fff_ffff) + at;
		throw this.#refusal(at, bytes);
	}

	/** The error for an access that `place` refuses. */
	#refusal(at: number, bytes: number): DhmemError {
		this.#checkedOffset();
		return outside(at, bytes, this.#length);
	}

	/** @internal */
	check(): void {
		this.#attachment.check();
	}

	/** @internal */
	checkWritable(): void {
		this.#attachment.check();
	}

	get bytes(): Uint8Array {
		const offset = this.#checkedOffset();
		this.#attachment.check();
		this.#view ??= this.#attachment.view(offset, this.#length);
		return this.#view;
	}

	/**
	 * The bytes as numbers or structs, over the region. See {@link Payload.as}.
	 *
	 * @throws DHMEM_BAD_ARGUMENT for an unknown dtype or a wrong schema; DHMEM_CLOSED after
	 * the message was released
	 * @example
	 * ```ts
	 * const values = message.as("f32");
	 * const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
	 * ```
	 */
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
		const { offset, length } = this.#attached;
		const keeper = this.#released ? "spent" : "message";
		this.#block ??= new Block(this.#attachment, offset, length, keeper, this.#holder);
		return this.#block;
	}

	/**
	 * Makes the message's block this participant's own, and releases the message.
	 *
	 * @throws DHMEM_BAD_ARGUMENT if the message carries no block; DHMEM_CLOSED if it was released
	 * @example
	 * ```ts
	 * for await (const message of consumer) {
	 *   if (!message.block) continue;
	 *   using field = message.take();
	 *   field.as("f32").fill(0);
	 * }
	 * ```
	 */
	take(): Block {
		this.#checkedOffset();
		this.#attachment.check();
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
	 *
	 * @example
	 * ```ts
	 * const message = await consumer.receive();
	 * console.log(message?.text()); // step 1
	 * message?.release();
	 * ```
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
		if (keep === 0) this.noteFree();
		const result = this.#holder.finish(this.hold, this.#attached?.offset ?? 0, keep);
		if (result >= STATUS_LIMIT) this.#attachment.wake(result);
		else if (result !== OK) throw this.#attachment.unexpected(result, "Releasing a message");
		this.spend();
	}

	/**
	 * Gives the message back to its consumer, because its reader did not use it. It is received again.
	 *
	 * @internal
	 */
	giveBack(): void {
		this.#holder.giveBack(this);
	}

	/**
	 * Called before the message is released.
	 *
	 * @internal
	 */
	noteFree(): void {
		if (this.#attached !== undefined) this.#attachment.trimmer.noteFree(this.#attached.length);
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
		if (this.#holder.gone) {
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

/** The methods that read and write numbers. */
export interface Message extends Writes {}
