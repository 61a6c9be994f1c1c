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
import { contentsOf, elementsOf, type Payload, viewOf } from "./payload.js";

/**
 * The owner of a block: this participant, a message, or the region; "spent" after it was freed or handed
 * over.
 */
type Keeper = "participant" | "message" | "region" | "spent";

/**
 * A piece of the region's memory, usually owned by this participant. Returned by `region.allocate`,
 * `message.take()` and `region.load`.
 *
 * @example
 * ```ts
 * using block = region.allocate(8000);
 * block.as("f64").fill(1);
 * ```
 */
export class Block implements Payload {
	readonly kind = "block";
	readonly #length: number;
	readonly #attachment: Attachment;
	/** The offset of the block, or of a reference to it. */
	#offset: number;
	#data: number | undefined;
	#view: Uint8Array | undefined;
	readonly #free: (() => void) | undefined;
	#keeper: Keeper;

	/** @internal */
	constructor(
		attachment: Attachment,
		offset: number,
		length: number,
		keeper: Keeper = "participant",
		free?: () => void,
	) {
		checkMade(attachment instanceof Attachment, "A Block", "call region.allocate(bytes)");
		this.#attachment = attachment;
		this.#offset = offset;
		this.#length = length;
		this.#keeper = keeper;
		this.#free = free;
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
	 * Frees the memory, or this reference to it.
	 *
	 * @throws DHMEM_DOUBLE_FREE if it was freed or handed over before; DHMEM_BAD_ARGUMENT while a message owns
	 * it; DHMEM_CLOSED
	 */
	free(): void {
		this.#attachment.check();
		if (this.#keeper === "spent") {
			throw new DhmemError(
				"DHMEM_DOUBLE_FREE",
				"This block was freed or handed over before; free it only once",
			);
		}
		if (this.#keeper === "message") throw this.#notOurs();
		if (this.#free === undefined) {
			const status = this.#attachment.core.free(this.#attachment.me, this.#offset) >>> 0;
			if (status === DOUBLE_FREE) {
				throw new DhmemError("DHMEM_DOUBLE_FREE", "This block is already free; free it only once");
			}
			if (status !== OK) throw this.#attachment.unexpected(status, "Freeing a block");
		} else this.#free();
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
	 * await left.send("field", { block: block.clone() });
	 * await right.send("field", { block });
	 * ```
	 */
	clone(): Block {
		const attachment = this.#attachment;
		const { core, me } = attachment;
		const block = this.owned(attachment);
		// The address of the bytes does not change when the block gets references.
		this.#data = core.bytesOf(block) >>> 0;
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
	 * closed.
	 */
	[dispose](): void {
		if (this.#attachment.closed || this.#keeper === "message" || this.#keeper === "spent") return;
		this.free();
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
				`The block belongs to another opening (${this.#attachment.path}) than this one of ${attachment.path}; allocate it here`,
			);
		}
		if (this.#keeper === "spent") throw this.#gone();
		if (this.#keeper !== "participant") throw this.#notOurs();
		return this.#offset;
	}

	/**
	 * Notes that the block was handed over.
	 *
	 * @internal
	 */
	spend(): void {
		this.#keeper = "spent";
	}

	/** The offset of the bytes. @throws DHMEM_CLOSED if the block was freed or handed over */
	#checkedOffset(): number {
		if (this.#keeper === "spent") throw this.#gone();
		this.#data ??= this.#attachment.core.bytesOf(this.#offset) >>> 0;
		return this.#data;
	}

	#gone(): DhmemError {
		return new DhmemError(
			"DHMEM_CLOSED",
			"This block was freed or handed over; to keep a reference to its memory, clone() it first",
		);
	}

	#notOurs(): DhmemError {
		return new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			this.#keeper === "message"
				? "This block belongs to its message; release the message, or take() the block"
				: "This block belongs to the region, not to this participant; free it, or copy its bytes",
		);
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Block", () => ({ length: this.length, owner: this.#keeper }));
	}
}
