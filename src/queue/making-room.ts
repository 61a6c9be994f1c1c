/**
 * Decides how many messages of a mailbox must be dropped to make room for a block: as few as are enough, and
 * none if no number is enough. This only reads the region. Other participants may allocate and free
 * meanwhile, which can make the answer wrong, but never harmful.
 *
 * Room is a block of the same size class, or a run of free spans. If the file system is full, there must also be enough
 * pages: those of the first run that is long enough, which the core takes, or those of all free memory, which a send
 * that fails gives back before it tries again. A block in the bulk space makes no run in the heap, but has pages.
 */
import {
	CLASS_BULK,
	CLASS_SHARE,
	DESCRIPTOR_BYTES,
	DESCRIPTOR_STATE,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_HEAP,
	HEADER_OWNERS,
	HEADER_READY,
	MAILBOX_OLDEST,
	MAILBOX_PLACES,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OWNER_FREE,
	OWNER_NONE,
	OWNERS_PER_SPAN,
	PLACE_KEPT,
	PLACE_SHIFT,
	PLACE_STATE,
	QUEUE_TAIL,
	RECORD_BLOCK,
	RECORD_HEADER,
	REFERENCE_OFFSET,
	SHARE_BLOCK,
	SHARE_BYTES,
	SHARE_OWNERS,
	SLAB_LARGEST,
	SPAN_BYTES,
	SPAN_FREE,
	SPAN_SLAB,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { roomFor } from "../attachment/room.js";
import { trimmable } from "../attachment/trimming.js";
import type { NamedObject } from "../objects/named-object.js";

/**
 * Returns the size of the block that the core allocates for `bytes`. SYNC: `classFor` and `classBytes` in the
 * core's slabs.
 */
export function sizeOfBlock(bytes: number): number {
	const units = Math.max(Math.ceil(bytes / 64), 1);
	if (bytes > SLAB_LARGEST) return Math.ceil(bytes / SPAN_BYTES) * SPAN_BYTES;
	if (units > 256) return SLAB_LARGEST;
	// Four classes for each doubling.
	const step = units <= 8 ? 1 : 1 << (31 - Math.clz32(units - 1) - 2);
	return Math.ceil(units / step) * step * 64;
}

/**
 * Returns how many of the oldest messages to drop so that a block of `bytes` fits; undefined if it would not
 * fit even with only the newest message left.
 *
 * @param needsPages true if the file system has no pages left
 */
export function dropsFor(mailbox: NamedObject, bytes: number, needsPages: boolean): number | undefined {
	const room = new Room(mailbox.attachment, bytes, needsPages);
	let drops = 0;
	for (const envelope of olderMessages(mailbox)) {
		drops++;
		const { block, reference } = attachedTo(mailbox.attachment, envelope);
		if (reference ? room.freeReference(block) : room.free(block)) return drops;
		if (room.free(envelope)) return drops;
	}
	return undefined;
}

/** Returns the envelopes of the kept messages, oldest first, without the newest. */
function olderMessages(mailbox: NamedObject): number[] {
	const { words } = mailbox.attachment;
	const places = mailbox.word(OBJECT_CAPACITY);
	const data = mailbox.word(OBJECT_DATA);
	const oldest = mailbox.word(MAILBOX_OLDEST);
	const count = (mailbox.word(QUEUE_TAIL) - oldest) >>> 0;
	const envelopes: number[] = [];
	if (places > MAILBOX_PLACES || count > places) return envelopes;
	for (let index = 0; index < count - 1; index++) {
		const position = (oldest + index) >>> 0;
		const place = (data + ((position & (places - 1)) << PLACE_SHIFT)) >>> 2;
		const word = words[place] ?? 0;
		if (words[place + 1] === position && (word & PLACE_STATE) === PLACE_KEPT)
			envelopes.push((word & ~PLACE_STATE) >>> 0);
	}
	return envelopes;
}

/** Returns the block that a message carries, 0 if none, and whether it is a reference to a shared block. */
function attachedTo(attachment: Attachment, envelope: number): { block: number; reference: boolean } {
	const { words } = attachment;
	if (words[(envelope + 4) >>> 2] !== RECORD_BLOCK) return { block: 0, reference: false };
	const block = words[(envelope + RECORD_HEADER + REFERENCE_OFFSET) >>> 2] ?? 0;
	const reference = isOfClass(attachment, block, CLASS_SHARE) && block % SHARE_BYTES >= SHARE_OWNERS;
	return { block, reference };
}

function isOfClass(attachment: Attachment, offset: number, sizeClass: number): boolean {
	const table = attachment.header(HEADER_DESCRIPTORS) + DESCRIPTOR_STATE;
	const span = Math.floor(offset / SPAN_BYTES);
	return attachment.words[(table + span * DESCRIPTOR_BYTES) >>> 2] === (SPAN_SLAB | (sizeClass << 8));
}

/** The region's free memory, as it would be after certain blocks were freed. */
class Room {
	readonly #attachment: Attachment;
	readonly #block: number;
	readonly #spans: number;
	/** Bytes of pages that there would be; undefined if there are enough anyway. */
	#pages: number | undefined;
	/** True if a run is long enough. */
	#hasRun = false;
	/** The run that the core would try first. */
	#firstRun = Number.POSITIVE_INFINITY;
	/** For each run of free spans, its length, at the index of its first and of its last span. */
	readonly #runs: Uint32Array;
	/**
	 * The number of blocks of a slab (by its span) and references of a share (by its offset) that would still
	 * be owned.
	 */
	readonly #owned = new Map<number, number>();

	constructor(attachment: Attachment, bytes: number, needsPages: boolean) {
		this.#attachment = attachment;
		this.#block = sizeOfBlock(bytes);
		this.#spans = Math.ceil(this.#block / SPAN_BYTES);
		this.#pages = needsPages ? roomFor(attachment.path) + trimmable(attachment) : undefined;
		this.#runs = new Uint32Array(attachment.spans + 1);
		this.#findRuns();
	}

	#findRuns(): void {
		const { words, spans } = this.#attachment;
		const table = this.#attachment.header(HEADER_DESCRIPTORS) + DESCRIPTOR_STATE;
		const ready = this.#attachment.header(HEADER_READY);
		let start = this.#attachment.header(HEADER_HEAP);
		for (let span = start; span <= spans; span++) {
			const state = span < ready ? words[(table + span * DESCRIPTOR_BYTES) >>> 2] : SPAN_FREE;
			if (span < spans && state === SPAN_FREE) continue;
			if (span > start) this.#isRunEnough(start, span - start);
			start = span + 1;
		}
	}

	/** Records a run of free spans. Returns true if there is room then. */
	#isRunEnough(start: number, length: number): boolean {
		this.#runs[start] = length;
		this.#runs[start + length - 1] = length;
		this.#hasRun ||= length >= this.#spans;
		if (this.#hasRun && this.#hasPages) return true;
		if (length < this.#spans || start >= this.#firstRun) return false;
		this.#firstRun = start;
		return this.#isCommitted(start);
	}

	/** True if all free memory together has enough pages. */
	get #hasPages(): boolean {
		return this.#pages === undefined || this.#pages >= this.#spans * SPAN_BYTES;
	}

	#isCommitted(start: number): boolean {
		const table = this.#attachment.header(HEADER_COMMITTED);
		for (let span = start; span < start + this.#spans; span++) {
			const bits = this.#attachment.words[(table >>> 2) + (span >>> 5)] ?? 0;
			if ((bits & (1 << (span & 31))) === 0) return false;
		}
		return true;
	}

	/** Counts a block as freed. Returns true if there is room then. */
	free(block: number): boolean {
		const size = this.#attachment.core.capacityOf(block) >>> 0;
		const span = Math.floor(block / SPAN_BYTES);
		if (block === 0 || size === 0) return false;
		if (isOfClass(this.#attachment, block, CLASS_BULK)) return this.#freeBulk(size);
		if (size > SLAB_LARGEST) return this.#freeRun(span, size / SPAN_BYTES);
		if (size === this.#block) return true;
		const owners = this.#attachment.header(HEADER_OWNERS) + span * OWNERS_PER_SPAN;
		return this.#isLast(span, owners, Math.floor(SPAN_BYTES / size)) && this.#freeRun(span, 1);
	}

	/** Counts a reference as freed. Returns true if it was the last one and there is room then. */
	freeReference(reference: number): boolean {
		const share = reference - (reference % SHARE_BYTES);
		const isLast = this.#isLast(share, share + SHARE_OWNERS, SHARE_BYTES - SHARE_OWNERS);
		return isLast && this.free(this.#attachment.words[(share + SHARE_BLOCK) >>> 2] ?? 0);
	}

	/**
	 * Counts one of the `count` owner bytes from `from` as freed. Returns true if it was the last owned one.
	 */
	#isLast(key: number, from: number, count: number): boolean {
		let owned = this.#owned.get(key);
		if (owned === undefined) {
			owned = 0;
			for (const owner of this.#attachment.bytes.subarray(from, from + count))
				if (owner !== OWNER_FREE && owner !== OWNER_NONE) owned++;
		}
		this.#owned.set(key, owned - 1);
		return owned === 1;
	}

	#freeBulk(bytes: number): boolean {
		if (this.#pages === undefined) return false;
		this.#pages += bytes;
		return this.#hasRun && this.#hasPages;
	}

	#freeRun(first: number, count: number): boolean {
		if (first + count > this.#attachment.spans) return false;
		if (this.#pages !== undefined) this.#pages += count * SPAN_BYTES;
		const before = first > 0 ? (this.#runs[first - 1] ?? 0) : 0;
		const after = this.#runs[first + count] ?? 0;
		return this.#isRunEnough(first - before, before + count + after);
	}
}
