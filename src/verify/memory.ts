/**
 * Reads a region's bytes, and never writes them. No read throws; bytes outside the region read as zeros. The
 * contents are not trusted, so every length is limited to what exists.
 */
import {
	BULK_SPAN_BYTES,
	BULK_SPANS,
	CLASS_BULK,
	CLASS_LARGEST,
	CLASS_LAST,
	CLASS_OBJECT,
	CLASS_SHARE,
	DESCRIPTOR_BYTES,
	DESCRIPTOR_STATE,
	HEADER_DESCRIPTORS,
	HEADER_HEAP,
	HEADER_OWNED,
	HEADER_OWNERS,
	HEADER_READY,
	HEADER_SPANS,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	OBJECT_BYTES,
	OWNER_NONE,
	OWNERS_PER_SPAN,
	SHARE_BLOCK,
	SHARE_BYTES,
	SHARE_OWNERS,
	SLOT_BYTES,
	SLOT_ID,
	SLOTS,
	SLOTS_START,
	SPAN_BYTES,
	SPAN_RUN,
	SPAN_SLAB,
} from "../../assembly/layout.js";

/** The size of a block of the class, in bytes. SYNC: `classBytes` in the core's slabs. */
export function classBytes(sizeClass: number): number {
	if (sizeClass < 8) return (sizeClass + 1) * 64;
	if (sizeClass < CLASS_LARGEST) {
		const doubling = 3 + ((sizeClass - 8) >> 2);
		return ((1 << doubling) + (((sizeClass & 3) + 1) << (doubling - 2))) * 64;
	}
	if (sizeClass === CLASS_LARGEST) return SPAN_BYTES / 2;
	if (sizeClass === CLASS_OBJECT) return OBJECT_BYTES;
	return sizeClass === CLASS_SHARE ? SHARE_BYTES : 64;
}

const BYTES_OF_CLASS = Array.from({ length: CLASS_LAST + 1 }, (_, sizeClass) => classBytes(sizeClass));

export class Memory {
	readonly bytes: Uint8Array;
	readonly words: Uint32Array;
	readonly spans: number;
	readonly heap: number;
	/** The number of spans whose descriptors may be read. */
	readonly ready: number;
	/**
	 * For each span, the length in spans of a consistent run that begins there, or 0. `checkSpans` fills it in.
	 */
	readonly runs: Uint32Array;
	readonly #descriptors: number;
	readonly #owned: number;
	readonly #owners: number;
	readonly #touched: number;
	readonly #touchedBytes: number;

	constructor(bytes: Uint8Array) {
		this.bytes = bytes;
		this.words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
		this.spans = Math.min(this.word(HEADER_SPANS), Math.floor(bytes.length / SPAN_BYTES));
		this.heap = this.word(HEADER_HEAP);
		this.ready = Math.min(this.word(HEADER_READY), this.spans);
		this.runs = new Uint32Array(this.ready);
		this.#descriptors = this.word(HEADER_DESCRIPTORS);
		this.#owned = this.word(HEADER_OWNED);
		this.#owners = this.word(HEADER_OWNERS);
		this.#touched = this.word(HEADER_TOUCHED);
		this.#touchedBytes = this.word(HEADER_TOUCHED_BYTES);
	}

	/** Returns the word at `at`, which is a multiple of 4. */
	word(at: number): number {
		return this.words[at >>> 2] ?? 0;
	}

	byte(at: number): number {
		return this.bytes[at] ?? 0;
	}

	/** Returns bit `index` of the bitmap at `table`. */
	bit(table: number, index: number): boolean {
		return ((this.word(table + (index >>> 5) * 4) >>> (index & 31)) & 1) === 1;
	}

	// ------------------------------------------------------------------------------------- participants

	slot(index: number): number {
		return SLOTS_START + index * SLOT_BYTES;
	}

	/** Returns the participant that has slot `index`, or 0. */
	holder(index: number): number {
		return index < SLOTS ? this.word(this.slot(index) + SLOT_ID) : 0;
	}

	/** True if `participant` still has its slot. */
	isCurrent(participant: number): boolean {
		return participant !== 0 && this.holder((participant & 0xff) - 1) === participant;
	}

	/** True if the owner byte stands for a participant. */
	isTag(owner: number): boolean {
		return owner >= 1 && owner <= SLOTS;
	}

	/** True if slot `index` has marked that it may own something in `span`. */
	isTouched(index: number, span: number): boolean {
		return this.bit(this.#touched + index * this.#touchedBytes, span);
	}

	/** Returns the `touched` bits of slot `index` for 32 spans from `span`, which is a multiple of 32. */
	touchedBits(index: number, span: number): number {
		return this.word(this.#touched + index * this.#touchedBytes + (span >>> 3));
	}

	// -------------------------------------------------------------------------------------------- spans

	isHeapSpan(span: number): boolean {
		return span >= this.heap && span < this.ready;
	}

	descriptor(span: number): number {
		return this.#descriptors + span * DESCRIPTOR_BYTES;
	}

	state(span: number): number {
		return this.word(this.descriptor(span) + DESCRIPTOR_STATE);
	}

	/** Returns the size class of `span` if it is a slab, otherwise -1. */
	classOf(span: number): number {
		if (!this.isHeapSpan(span)) return -1;
		const state = this.state(span);
		return (state & 0xff) === SPAN_SLAB && state >>> 8 <= CLASS_LAST ? state >>> 8 : -1;
	}

	blockBytes(sizeClass: number): number {
		return BYTES_OF_CLASS[sizeClass] as number;
	}

	/** Returns the offset of the owner bytes of `span`. */
	owners(span: number): number {
		return this.#owners + span * OWNERS_PER_SPAN;
	}

	/** True if the owner bytes of `span` have pages. */
	hasOwners(span: number): boolean {
		return this.bit(this.#owned, span >>> 2);
	}

	// ------------------------------------------------------------------------------------------- blocks

	/** Returns the offset of the owner byte of the block or reference at `offset`; 0 if none starts there. */
	ownerByte(offset: number): number {
		const span = Math.floor(offset / SPAN_BYTES);
		const sizeClass = this.classOf(span);
		const within = offset % SPAN_BYTES;
		if (sizeClass >= 0) {
			if (sizeClass === CLASS_SHARE && offset % SHARE_BYTES >= SHARE_OWNERS) return offset;
			const bytes = this.blockBytes(sizeClass);
			return within % bytes === 0 && within + bytes <= SPAN_BYTES ? this.owners(span) + within / bytes : 0;
		}
		const isRun = this.isHeapSpan(span) && within === 0 && this.state(span) === SPAN_RUN;
		return isRun ? this.owners(span) : 0;
	}

	/** Returns the owner of the block or reference at `offset`; OWNER_NONE if none starts there. */
	owner(offset: number): number {
		const at = this.ownerByte(offset);
		return at === 0 ? OWNER_NONE : this.byte(at);
	}

	/** True if `offset` is the offset of a reference to a shared block. */
	isReference(offset: number): boolean {
		return offset !== 0 && this.ownerByte(offset) === offset;
	}

	/** Returns the size in bytes of the block or reference at `offset`; 0 if there is none. */
	capacity(offset: number): number {
		const block = this.isReference(offset)
			? this.word(offset - (offset % SHARE_BYTES) + SHARE_BLOCK)
			: offset;
		if (this.ownerByte(block) === 0 || this.isReference(block)) return 0;
		const span = Math.floor(block / SPAN_BYTES);
		const sizeClass = this.classOf(span);
		if (sizeClass === CLASS_BULK) return this.word(block + BULK_SPANS) * BULK_SPAN_BYTES;
		return sizeClass >= 0 ? this.blockBytes(sizeClass) : (this.runs[span] ?? 0) * SPAN_BYTES;
	}

	/** True if the memory at `offset` belongs to an object, or is free for one. */
	isObject(offset: number): boolean {
		const within = offset % SPAN_BYTES;
		const isBlock = within % OBJECT_BYTES === 0 && within + OBJECT_BYTES <= SPAN_BYTES;
		return isBlock && this.classOf(Math.floor(offset / SPAN_BYTES)) === CLASS_OBJECT;
	}
}

/** Formats an offset for findings. */
export function hex(offset: number): string {
	return `0x${offset.toString(16)}`;
}
