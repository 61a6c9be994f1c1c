/** How a region's memory is used, from its first byte to its last, as plain data. */
import {
	BULK_BITS,
	BULK_PAGES,
	BULK_SPAN_BYTES,
	BULK_TAG_SHIFT,
	DESCRIPTOR_SPANS,
	HEADER_BULK_READY,
	HEADER_BULK_STATES,
	HEADER_COMMITTED,
	OWNER_FREE,
	OWNER_NONE,
	SLOTS,
	SPAN_BYTES,
	SPAN_FREE,
	SPAN_RUN,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { Memory } from "../verify/memory.js";

/**
 * `"tables"`: the header, the participant slots and the tables about the heap; most of it has no pages.
 * `"small"`: spans of 64 KiB that are cut into blocks of one size. `"large"`: one block of whole spans, of 64 KiB or, in
 * the bulk space, of 2 MiB.
 * `"free"`: free, and its pages are kept for the next block. `"untouched"`: free, and without pages.
 * `"changing"`: a participant was just claiming it or giving it back.
 */
export type PartKind = "tables" | "small" | "large" | "free" | "untouched" | "changing";

/** A part of a region. */
export interface MemoryPart {
	kind: PartKind;
	/** Where it begins, and its size, in bytes. */
	at: number;
	bytes: number;
	/** Bytes of its blocks that are in use. */
	used: number;
	/** The size of its blocks in bytes, if it consists of blocks. */
	blockBytes: number | undefined;
}

/** The parts in order, without gaps. Reads the owner of every block, so it takes longer in a full region. */
export function readMemoryMap(attachment: Attachment): MemoryPart[] {
	const memory = new Memory(attachment.bytes);
	const parts: MemoryPart[] = [];
	let at = 0;
	const add = (kind: PartKind, bytes: number, used = 0, blockBytes?: number) => {
		const last = parts.at(-1);
		// Large blocks stay apart, so that each can be seen.
		if (last?.kind === kind && kind !== "large" && last.blockBytes === blockBytes) {
			last.bytes += bytes;
			last.used += used;
		} else if (bytes > 0) parts.push({ kind, at, bytes, used, blockBytes });
		at += bytes;
	};
	addHeap(memory, add);
	// Behind the heap, up to the next whole span, there is nothing.
	add("untouched", attachment.bulk.spans === 0 ? 0 : attachment.bulk.start - at);
	addBulk(memory, attachment.bulk.spans, add);
	return parts;
}

type Add = (kind: PartKind, bytes: number, used?: number, blockBytes?: number) => void;

function addHeap(memory: Memory, add: Add): void {
	const heap = Math.min(memory.heap, memory.spans);
	add("tables", heap * SPAN_BYTES);
	for (let span = heap; span < memory.ready; ) {
		const state = memory.state(span);
		const sizeClass = memory.classOf(span);
		const length = state === SPAN_RUN ? lengthOfRun(memory, span) : 1;
		const bytes = length * SPAN_BYTES;
		if (sizeClass >= 0) {
			const size = memory.blockBytes(sizeClass);
			add("small", bytes, usedBlocks(memory, span, size) * size, size);
		} else if (state === SPAN_RUN) add("large", bytes, bytes, bytes);
		else if (state !== SPAN_FREE) add("changing", bytes);
		else add(memory.bit(memory.word(HEADER_COMMITTED), span) ? "free" : "untouched", bytes);
		span += length;
	}
	const described = Math.max(heap, memory.ready);
	add("untouched", (memory.spans - described) * SPAN_BYTES);
}

function addBulk(memory: Memory, spans: number, add: Add): void {
	const ready = Math.min(memory.word(HEADER_BULK_READY), spans);
	const states = memory.word(HEADER_BULK_STATES);
	const stateOf = (span: number) => memory.word(states + span * 4);
	const holderOf = (span: number) => (stateOf(span) & ~BULK_BITS) >>> 0;
	for (let span = 0; span < ready; ) {
		const holder = holderOf(span);
		const isBlock = holder >>> BULK_TAG_SHIFT > SLOTS;
		let end = span + 1;
		while (isBlock && end < ready && holderOf(end) === holder) end++;
		const bytes = (end - span) * BULK_SPAN_BYTES;
		if (isBlock) add("large", bytes, bytes, bytes);
		else if (holder !== 0) add("changing", bytes);
		else add((stateOf(span) & BULK_PAGES) === 0 ? "untouched" : "free", bytes);
		span = end;
	}
	add("untouched", (spans - ready) * BULK_SPAN_BYTES);
}

function lengthOfRun(memory: Memory, span: number): number {
	const length = memory.word(memory.descriptor(span) + DESCRIPTOR_SPANS);
	return Math.max(1, Math.min(length, memory.ready - span));
}

function usedBlocks(memory: Memory, span: number, size: number): number {
	let used = 0;
	const owners = memory.owners(span);
	for (let index = 0; index < Math.floor(SPAN_BYTES / size); index++) {
		const owner = memory.byte(owners + index);
		if (owner !== OWNER_FREE && owner !== OWNER_NONE) used++;
	}
	return used;
}
