/** How a region's memory is used, from its first byte to its last, as plain data. */
import {
	DESCRIPTOR_SPANS,
	HEADER_COMMITTED,
	OWNER_FREE,
	OWNER_NONE,
	SPAN_BYTES,
	SPAN_FREE,
	SPAN_RUN,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { Memory } from "../verify/memory.js";

/**
 * `"tables"`: the header, the participant slots and the tables about the heap; most of it has no pages.
 * `"small"`: spans of 64 KiB that are cut into blocks of one size. `"large"`: one block of whole spans.
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
	const add = (kind: PartKind, from: number, spans: number, used = 0, blockBytes?: number) => {
		const bytes = spans * SPAN_BYTES;
		const last = parts.at(-1);
		// Large blocks stay apart, so that each can be seen.
		if (last?.kind === kind && kind !== "large" && last.blockBytes === blockBytes) {
			last.bytes += bytes;
			last.used += used;
		} else if (bytes > 0) parts.push({ kind, at: from * SPAN_BYTES, bytes, used, blockBytes });
	};
	const heap = Math.min(memory.heap, memory.spans);
	add("tables", 0, heap);
	for (let span = heap; span < memory.ready; ) {
		const state = memory.state(span);
		const sizeClass = memory.classOf(span);
		const length = state === SPAN_RUN ? lengthOfRun(memory, span) : 1;
		if (sizeClass >= 0) {
			const size = memory.blockBytes(sizeClass);
			add("small", span, 1, usedBlocks(memory, span, size) * size, size);
		} else if (state === SPAN_RUN) {
			const bytes = length * SPAN_BYTES;
			add("large", span, length, bytes, bytes);
		} else if (state !== SPAN_FREE) add("changing", span, 1);
		else add(memory.bit(memory.word(HEADER_COMMITTED), span) ? "free" : "untouched", span, 1);
		span += length;
	}
	const described = Math.max(heap, memory.ready);
	add("untouched", described, memory.spans - described);
	return parts;
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
