/**
 * The blocks of a link that went by reference. Each is saved in the region of its sender, so it outlives that process, and
 * is noted in a map there: for the keeper, which gives it to receivers and frees it when its message is released, and for
 * the sender and its successors, which wait for room. It is noted before it is saved, and until it was freed, so nothing is
 * saved that is not noted.
 */
import type { SharedMap } from "../../../collections/map.js";
import { isFull } from "../../../errors.js";
import { ReservedHandle } from "../../../handles/reserved-handle.js";
import type { Block } from "../../../memory/block.js";
import type { Region } from "../../../region.js";
import { type Link, linkName } from "../../links.js";
import { unlessGone } from "./unless-gone.js";

const note = { epoch: "f64", position: "f64", length: "f64" } as const;

/** A block, by its handle. */
export interface Kept {
	readonly handle: string;
	/** The epoch of its sender. */
	readonly epoch: number;
	/** The position of its message in the stream; 0 while it is not known. */
	readonly position: number;
	readonly length: number;
}

export class KeptBlocks {
	readonly #region: Region;
	readonly #notes: SharedMap<"string", typeof note>;

	/** @throws DHMEM_REGION_FULL, DHMEM_NO_SPACE */
	constructor(region: Region, link: Pick<Link, "from" | "to">) {
		this.#region = region;
		this.#notes = region.map(`${linkName(link)}#blocks`, { key: "string", value: note });
	}

	get size(): number {
		return this.#notes.size;
	}

	/** The bytes of all of them. */
	get bytes(): number {
		return this.all().reduce((sum, { length }) => sum + length, 0);
	}

	all(): Kept[] {
		return this.#notes.entries().map(([handle, { epoch, position, length }]) => ({
			handle,
			epoch,
			position,
			length,
		}));
	}

	has(handle: string): boolean {
		return this.#notes.has(handle);
	}

	/** Saves a block. @returns its handle; undefined if there is no memory for that */
	save(block: Block, epoch: number): string | undefined {
		let reserved: ReservedHandle | undefined;
		try {
			reserved = this.#region.lookWith((attachment) => new ReservedHandle(attachment));
			const handle = String(reserved.handle);
			this.#notes.set(handle, { epoch, position: 0, length: block.length });
			reserved.save(block);
			return handle;
		} catch (error) {
			reserved?.cancel();
			if (isFull(error)) return undefined;
			throw error;
		}
	}

	/** Its message has a place in the stream. */
	place(handle: string, position: number): void {
		const known = this.#notes.get(handle);
		// Otherwise its send was given up.
		if (known !== undefined) this.#notes.set(handle, { ...known, position });
	}

	/** Frees a block, and forgets it. */
	free(handle: string): void {
		this.freeMemory(handle);
		this.#notes.delete(handle);
	}

	/** Takes a block out of the region, without forgetting it. @returns false if it is not there */
	freeMemory(handle: string): boolean {
		const isFreed = unlessGone(() => {
			(this.#region.load(handle) as Block).free();
			return true;
		});
		return isFreed ?? false;
	}

	/** The bytes of a block; undefined if it is not in the region. */
	bytesOf(handle: string): Uint8Array | undefined {
		return unlessGone(() => (this.#region.load(handle) as Block).bytes);
	}
}
