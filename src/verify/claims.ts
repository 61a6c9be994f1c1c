/**
 * References: which structure refers to which block.
 *
 * ```text
 *  R1  at most one structure refers to a block or reference that no participant owns   (at rest)
 *  R2  an object, a map, a share or a handle refers to each block of the region        (at rest)
 *  R3  a message refers to each block in flight                                        (at rest)
 * ```
 * So no block leaks, and none is freed twice. Nothing refers to objects and handles: a name or a token finds
 * them.
 */
import {
	CLASS_HANDLE,
	CLASS_OBJECT,
	CLASS_SHARE,
	HEADER_OWNERS,
	OWNER_IN_FLIGHT,
	OWNER_REGION,
	OWNERS_PER_SPAN,
	SHARE_BYTES,
	SHARE_OWNERS,
	SPAN_BYTES,
	SPAN_RUN,
} from "../../assembly/layout.js";
import { hex, type Memory } from "./memory.js";
import type { Report } from "./report.js";

export class Claims {
	readonly #memory: Memory;
	readonly #report: Report;
	readonly #owners: number;
	/** A bit for each owner byte of the table, set once something refers to its block. */
	readonly #blocks: Uint8Array;
	/** The same for the owner bytes of references, which are in their shares. */
	readonly #references = new Set<number>();

	constructor(memory: Memory, report: Report) {
		this.#memory = memory;
		this.#report = report;
		this.#owners = memory.word(HEADER_OWNERS);
		this.#blocks = new Uint8Array((memory.ready * OWNERS_PER_SPAN) >>> 3);
	}

	/**
	 * Notes that `what` refers to the block at `offset`. True if it is the first to do so; only then follow the
	 * block.
	 */
	add(offset: number, what: string): boolean {
		const at = this.#memory.ownerByte(offset);
		if (at === 0) return false;
		if (!this.#has(at)) {
			this.#note(at);
			return true;
		}
		if (this.#report.isAtRest)
			this.#report.add(
				"R1",
				offset,
				`${what} is not the only one that refers to the block at ${hex(offset)}`,
			);
		return false;
	}

	#has(at: number): boolean {
		const index = at - this.#owners;
		if (index < 0 || index >= this.#blocks.length * 8) return this.#references.has(at);
		return (((this.#blocks[index >>> 3] as number) >>> (index & 7)) & 1) === 1;
	}

	#note(at: number): void {
		const index = at - this.#owners;
		if (index < 0 || index >= this.#blocks.length * 8) this.#references.add(at);
		else this.#blocks[index >>> 3] = (this.#blocks[index >>> 3] as number) | (1 << (index & 7));
	}

	/** Reports blocks that nothing refers to. Call it after all references were added. */
	check(): void {
		const { ready, heap } = this.#memory;
		for (let span = heap; span < ready; span++) {
			const sizeClass = this.#memory.classOf(span);
			if (sizeClass < 0) {
				if (this.#memory.state(span) === SPAN_RUN)
					this.#checkReferred(this.#memory.owners(span), span * SPAN_BYTES);
				continue;
			}
			if (sizeClass === CLASS_OBJECT || sizeClass === CLASS_HANDLE) continue;
			const bytes = this.#memory.blockBytes(sizeClass);
			const owners = this.#memory.owners(span);
			for (let index = 0; (index + 1) * bytes <= SPAN_BYTES; index++) {
				const block = span * SPAN_BYTES + index * bytes;
				if (sizeClass !== CLASS_SHARE) this.#checkReferred(owners + index, block);
				else if (this.#memory.byte(owners + index) === OWNER_REGION) this.#checkShare(block);
			}
		}
	}

	#checkShare(share: number): void {
		for (let at = share + SHARE_OWNERS; at < share + SHARE_BYTES; at++) this.#checkReferred(at, at);
	}

	#checkReferred(at: number, offset: number): void {
		const owner = this.#memory.byte(at);
		if ((owner !== OWNER_REGION && owner !== OWNER_IN_FLIGHT) || this.#has(at)) return;
		const isRegions = owner === OWNER_REGION;
		const lost = isRegions
			? "belongs to the region, but nothing refers to it"
			: "is in flight, but in no message";
		this.#report.add(isRegions ? "R2" : "R3", offset, `the block at ${hex(offset)} ${lost}`);
	}
}
