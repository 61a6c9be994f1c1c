/** Saving blocks under handles. */
import { getRandomValues } from "node:crypto";
import { HEADER_IDENTITY, OK } from "../../assembly/layout.js";
import { allocateBy } from "../attachment/allocation.js";
import type { Attachment } from "../attachment/attachment.js";
import { Block } from "../memory/block.js";
import { encodeHandle, type Handle } from "./handle.js";

/** Bytes of a handle's record. */
const RECORD_BYTES = 64;

/**
 * A handle that is known before a block is saved under it. Until then, loading it fails as if the block had been freed.
 *
 * @internal
 */
export class ReservedHandle {
	readonly #attachment: Attachment;
	readonly #at: number;
	readonly #nonce: readonly [number, number];

	/** @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE */
	constructor(attachment: Attachment) {
		attachment.checkWritable();
		this.#attachment = attachment;
		this.#at = allocateBy(attachment, RECORD_BYTES, () => attachment.core.allocateHandle(attachment.me));
		this.#nonce = getRandomValues(new Uint32Array(2)) as unknown as [number, number];
	}

	get handle(): Handle<Block> {
		const region = identityOf(this.#attachment);
		return encodeHandle({ of: "block", region, at: this.#at, nonce: this.#nonce });
	}

	/** From now on, the block belongs to the region. */
	save(block: Block): void {
		const attachment = this.#attachment;
		const offset = block.owned(attachment);
		const status =
			attachment.core.save(attachment.me, this.#at, ...this.#nonce, offset, Block.lengthOf(block)) >>> 0;
		if (status !== OK) throw attachment.unexpected(status, "Saving a block");
		block.spend();
	}

	/** No block is saved under it. */
	cancel(): void {
		const { closed, core, me } = this.#attachment;
		if (!closed) core.free(me, this.#at);
	}
}

/** A random number that distinguishes the region from all others. @internal */
export function identityOf(attachment: Attachment): readonly [number, number] {
	return [attachment.header(HEADER_IDENTITY), attachment.header(HEADER_IDENTITY + 4)];
}
