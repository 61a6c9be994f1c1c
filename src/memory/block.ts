import { inspect } from "node:util";
import {
	DOUBLE_FREE,
	FULL,
	NOT_A_BLOCK,
	OK,
	SHARE_BYTES,
	SHARE_OWNERS,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import { allocateBy } from "../attachment/allocation.js";
import { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import type { DType, TypedArrayOf } from "../values/dtypes.js";
import { checkMade } from "../values/made.js";
import type { Fields, Schema, Struct } from "../values/schema.js";
import { contentsOf, elementsOf, type Payload } from "./payload.js";
import { outside } from "./reads.js";
import { Writes } from "./writes.js";

/**
 * The owner of a block: this participant, a send that is under way, a message, or the region; "spent" after it was
 * freed or handed over.
 */
type Keeper = "participant" | "send" | "message" | "region" | "spent";

/** The owners that are not this participant, and what to do. */
const owners: Readonly<Record<string, string>> = {
	send: "a send that is not over; await it first, or send a clone()",
	message: "its message; release the message, or take() the block",
	region: "the region, not to this participant; free it, or copy its bytes",
};

/** What a block asks of a keeper that is not this participant. */
interface Holder {
	/** True after the message's consumer has left, and its messages with it. */
	isGone?(): boolean;
	/** Throws if a block that belongs to the region was freed through another handle or by another process. */
	check?(): void;
	/** Frees a block that belongs to the region. */
	free?(): void;
}

/**
 * A piece of the region's memory, usually owned by this participant. Returned by `region.allocate`,
 * `message.take()` and `region.load`.
 *
 * Don't post it to a worker: JavaScript would make an object without its memory of it. Send it through a queue, or post
 * the token `String(region.save(block))`.
 *
 * @example
 * ```ts
 * using block = region.allocate(8000);
 * block.as("f64").fill(1);
 * ```
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: its static block gives it the methods of Writes.
export class Block implements Payload {
	static {
		Object.setPrototypeOf(Block.prototype, Writes.prototype);
	}

	readonly kind = "block";
	readonly #length: number;
	readonly #attachment: Attachment;
	/** The offset of the block, or of a reference to it. */
	#offset: number;
	/** The address of the bytes. */
	#data: number | undefined;
	#view: Uint8Array | undefined;
	#window: DataView | undefined;
	readonly #holder: Holder | undefined;
	#keeper: Keeper;

	/**
	 * @param address the address of the bytes, if it is known
	 * @internal
	 */
	constructor(
		attachment: Attachment,
		offset: number,
		length: number,
		keeper: Keeper = "participant",
		holder?: Holder,
		address?: number,
	) {
		checkMade(attachment instanceof Attachment, "A Block", "call region.allocate(bytes)");
		this.#attachment = attachment;
		this.#offset = offset;
		this.#length = length;
		this.#keeper = keeper;
		this.#holder = holder;
		this.#data = address;
	}

	/** Tells whether a value is a real Block, not an imitation. @internal */
	static isBlock(value: unknown): value is Block {
		return typeof value === "object" && value !== null && #keeper in value;
	}

	/** The block's true length, even if the user has replaced its property `length`. @internal */
	static lengthOf(block: Block): number {
		return block.#length;
	}

	get length(): number {
		return this.#length;
	}

	/** @internal */
	get window(): DataView {
		return this.#window ?? this.#findWindow();
	}

	#findWindow(): DataView {
		this.#window = this.#attachment.window(this.#checkedOffset());
		return this.#window;
	}

	/** @internal */
	place(at: number, bytes: number): number {
		const start = this.#checkedOffset() & 0x7fff_ffff;
		if (Number.isInteger(at) && at >= 0 && at <= this.#length - bytes) return start + at;
		throw outside(at, bytes, this.#length);
	}

	/** @internal */
	check(): void {
		this.#attachment.check();
	}

	/** @internal */
	checkWritable(): void {
		const attachment = this.#attachment;
		attachment.check();
		if (attachment.access === "read-only") throw attachment.readOnlyError();
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
	 * it was freed or handed over
	 * @example
	 * ```ts
	 * block.as("f64").fill(1);
	 * for (const point of block.as({ x: "f64", y: "f64" })) point.y = point.x ** 2;
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
	 * Frees the memory, or this reference to it.
	 *
	 * @throws DHMEM_DOUBLE_FREE if it was freed or handed over before; DHMEM_BAD_ARGUMENT while a message owns
	 * it; DHMEM_CLOSED
	 * @example
	 * ```ts
	 * const block = region.allocate(8000);
	 * block.free();
	 * ```
	 */
	free(): void {
		this.#attachment.check();
		if (this.#keeper === "spent") {
			throw new DhmemError(
				"DHMEM_DOUBLE_FREE",
				"This block was freed or handed over before; free it only once",
			);
		}
		if (this.#keeper === "message" || this.#keeper === "send") throw this.#notOurs();
		this.#attachment.trimmer.noteFree(this.#length);
		if (this.#holder?.free === undefined) {
			const status = this.#attachment.core.free(this.#attachment.me, this.#offset) >>> 0;
			if (status === DOUBLE_FREE) {
				throw new DhmemError("DHMEM_DOUBLE_FREE", "This block is already free; free it only once");
			}
			if (status !== OK) throw this.#attachment.unexpected(status, "Freeing a block");
		} else this.#holder.free();
		this.#keeper = "spent";
	}

	/**
	 * Makes another reference to the same memory. Each reference is sent, saved or freed on its own, and
	 * freeing the last one frees the memory.
	 *
	 * @throws DHMEM_REGION_FULL (a block can have 960 references), DHMEM_NO_SPACE, DHMEM_CLOSED,
	 * DHMEM_BAD_ARGUMENT while a message or the region owns it
	 * @example
	 * ```ts
	 * using view = region.queue("view").producer();
	 * using log = region.queue("log").producer();
	 * await view.send("field", { block: block.clone() });
	 * await log.send("field", { block });
	 * ```
	 */
	clone(): Block {
		const attachment = this.#attachment;
		const { core, me } = attachment;
		const block = this.owned(attachment);
		// The address of the bytes does not change when the block gets references.
		this.#data = attachment.addressOf(block);
		let reference = core.addReference(me, block) >>> 0;
		if (reference === NOT_A_BLOCK) {
			const share = allocateBy(attachment, SHARE_BYTES, () => core.allocateShare(me));
			const shared = core.share(me, block, share) >>> 0;
			if (shared < STATUS_LIMIT) throw attachment.unexpected(shared, "Cloning a block");
			this.#offset = shared;
			reference = core.addReference(me, this.#offset) >>> 0;
		}
		if (reference >= STATUS_LIMIT) return new Block(attachment, reference, this.length);
		if (reference !== FULL) throw attachment.unexpected(reference, "Cloning a block");
		const most = SHARE_BYTES - SHARE_OWNERS;
		throw new DhmemError(
			"DHMEM_REGION_FULL",
			`This block has ${most} references, which is the maximum; free some of them`,
		);
	}

	/**
	 * Frees the block. Does nothing if it was freed or handed over, if a message owns it, or if the region is
	 * closed or was opened for reading only.
	 */
	[dispose](): void {
		const { closed, access } = this.#attachment;
		if (closed || access !== "read-write") return;
		if (this.#keeper === "participant" || this.#keeper === "region") this.free();
	}

	/**
	 * The offset of the block, for an operation that hands it over.
	 *
	 * @internal
	 */
	owned(attachment: Attachment): number {
		attachment.check();
		if (attachment !== this.#attachment) {
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`This block belongs to another opening (${this.#attachment.path}), not to this one of ${attachment.path}; allocate it here`,
			);
		}
		if (this.#keeper === "spent") throw this.#gone();
		if (this.#keeper !== "participant") throw this.#notOurs();
		return this.#offset;
	}

	/**
	 * Lends the block to a send that reads its bytes until it is over. Until it is given back, it can't be freed, nor sent
	 * by another call.
	 *
	 * @internal
	 */
	lend(attachment: Attachment): void {
		this.owned(attachment);
		this.#keeper = "send";
	}

	/** @internal */
	giveBack(): void {
		if (this.#keeper === "send") this.#keeper = "participant";
	}

	/**
	 * Notes that the block was handed over.
	 *
	 * @internal
	 */
	spend(): void {
		this.#keeper = "spent";
	}

	/**
	 * The offset of the bytes.
	 *
	 * @throws DHMEM_CLOSED if the block was freed or handed over, or if its message's consumer has left
	 */
	#checkedOffset(): number {
		if (this.#keeper === "spent") throw this.#gone();
		if (this.#holder?.isGone?.()) {
			this.#attachment.check();
			throw new DhmemError(
				"DHMEM_CLOSED",
				"The consumer of this block's message was closed, and its messages with it; take() a block to keep it",
			);
		}
		this.#holder?.check?.();
		this.#data ??= this.#attachment.addressOf(this.#offset);
		return this.#data;
	}

	#gone(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			"This block was freed or handed over; to keep a reference to its memory, clone() it first",
		);
	}

	#notOurs(): DhmemError {
		return new DhmemError("DHMEM_BAD_ARGUMENT", `This block belongs to ${owners[this.#keeper]}`);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Block", () => ({ length: this.length, owner: this.#keeper }));
	}
}

/** The methods that read and write numbers. */
export interface Block extends Writes {}
