/**
 * Gives the pages of free memory back to the machine, a piece of at most 64 MiB at a time.
 *
 * The core claims the piece before the host punches it, and nobody else can get it until `punched`. So the punch
 * happens here, in the thread that called the core: one that came later could hit a block that is in use again.
 */
import {
	BULK_BITS,
	BULK_SPAN_BYTES,
	DESCRIPTOR_BYTES,
	DESCRIPTOR_PAGES,
	DESCRIPTOR_STATE,
	HEADER_BULK_READY,
	HEADER_BULK_STATES,
	HEADER_BUSY,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_HEAP,
	HEADER_READY,
	NEED_PUNCH,
	OK,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
	SLOT_REQUEST_LENGTH,
	SLOT_REQUEST_OFFSET,
	SPAN_BYTES,
	SPAN_FREE,
	SPAN_READ_LATE,
} from "../../assembly/layout.js";
import { debug } from "./debug.js";
import { JOIN_LOCK } from "./join-lock.js";
import type { Mapping } from "./mapping.js";
import { punchRange } from "./pages.js";
import { hasCompany } from "./participants.js";

/** Gives back one piece, and returns its size in bytes; 0 if nothing is left to give back. */
export function trimPiece(mapping: Mapping): number {
	const status = mapping.core.trim(mapping.me) >>> 0;
	if (status === OK) return 0;
	if (status !== NEED_PUNCH) throw mapping.unexpected(status, "Giving back memory");
	const [offset, length] = pieceOf(mapping);
	try {
		punchRange(mapping, offset, length);
	} catch (error) {
		if (!mapping.closed) mapping.core.cancel(mapping.me);
		throw error;
	}
	mapping.core.punched(mapping.me);
	return length;
}

/** Where the claimed piece is in the file, and its length. A request without a range is about bulk spans. */
function pieceOf(mapping: Mapping): [offset: number, length: number] {
	const length = mapping.result(SLOT_REQUEST_LENGTH);
	if (length !== 0) return [mapping.result(SLOT_REQUEST_OFFSET), length];
	const first = mapping.result(SLOT_REQUEST_FIRST);
	return [mapping.bulk.start + first * BULK_SPAN_BYTES, mapping.result(SLOT_REQUEST_COUNT) * BULK_SPAN_BYTES];
}

/** Gives back up to `most` bytes, and less than a piece more. Returns how many bytes it was. */
export function trimUpTo(mapping: Mapping, most: number): number {
	let given = 0;
	while (given < most) {
		const bytes = trimPiece(mapping);
		if (bytes === 0) break;
		given += bytes;
	}
	return given;
}

/** Gives back all free memory, also that of empty slabs. Returns how many bytes it was. */
export function trimAll(mapping: Mapping): number {
	forgetReaders(mapping);
	mapping.core.reclaim(mapping.me);
	// Others may go on freeing, so there is a bound.
	return trimUpTo(mapping, mapping.fileSize);
}

/**
 * The core keeps the pages of memory that readers of vectors and maps may still look at. If this participant is
 * alone, no reader is left, and nobody can join before this ends.
 */
export function forgetReaders(mapping: Mapping): void {
	const { words } = mapping;
	whileAlone(mapping, () => {
		const ready = Math.min(mapping.header(HEADER_READY), mapping.spans);
		for (let span = mapping.header(HEADER_HEAP); span < ready; span++) {
			const descriptor = descriptorOf(mapping, span);
			if (words[descriptor + (DESCRIPTOR_STATE >>> 2)] !== SPAN_FREE) continue;
			Atomics.and(words, descriptor + (DESCRIPTOR_PAGES >>> 2), ~SPAN_READ_LATE);
		}
	});
}

/** Runs `body` if nobody else has the region open, and nobody is joining it. Never throws. */
function whileAlone(mapping: Mapping, body: () => void): void {
	const { shim, file, path } = mapping;
	try {
		if (hasCompany(mapping) || !shim.tryLock(file, JOIN_LOCK)) return;
		try {
			if (!hasCompany(mapping)) body();
		} finally {
			shim.unlock(file, JOIN_LOCK);
		}
	} catch (error) {
		debug("%s: whether others have it open is unknown: %s", path, error);
	}
}

/** The index in `words` of the span's descriptor. */
function descriptorOf(mapping: Mapping, span: number): number {
	return (mapping.header(HEADER_DESCRIPTORS) + span * DESCRIPTOR_BYTES) >>> 2;
}

/** Bytes of free memory that has pages and may give them back; without that in slabs. */
export function trimmable(mapping: Mapping): number {
	const { words } = mapping;
	const committed = mapping.header(HEADER_COMMITTED) >>> 2;
	const busy = mapping.header(HEADER_BUSY) >>> 2;
	const heap = mapping.header(HEADER_HEAP);
	const ready = Math.min(mapping.header(HEADER_READY), mapping.spans);
	let count = 0;
	for (let group = heap >>> 5; group << 5 < ready; group++) {
		let bits = (words[committed + group] as number) & ~(words[busy + group] as number);
		for (; bits !== 0; bits &= bits - 1) {
			const span = (group << 5) + 31 - Math.clz32(bits & -bits);
			if (span >= heap && span < ready && mayGive(mapping, span)) count++;
		}
	}
	return count * SPAN_BYTES + idleBulk(mapping) * BULK_SPAN_BYTES;
}

/** The number of bulk spans that are free and have pages. */
function idleBulk(mapping: Mapping): number {
	const ready = Math.min(mapping.header(HEADER_BULK_READY), mapping.bulk.spans);
	const first = mapping.header(HEADER_BULK_STATES) >>> 2;
	let count = 0;
	for (let span = 0; span < ready; span++) {
		const state = mapping.words[first + span] as number;
		if (state !== 0 && (state & ~BULK_BITS) === 0) count++;
	}
	return count;
}

/** The bitmap of busy spans may be wrong after a death, so this looks at the span itself. */
function mayGive(mapping: Mapping, span: number): boolean {
	const descriptor = descriptorOf(mapping, span);
	return (
		mapping.words[descriptor + (DESCRIPTOR_STATE >>> 2)] === SPAN_FREE &&
		((mapping.words[descriptor + (DESCRIPTOR_PAGES >>> 2)] as number) & SPAN_READ_LATE) === 0
	);
}
