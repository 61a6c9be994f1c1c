import type { MemoryPart, PartKind } from "../inspect/memory-map.js";

/** The heap of a region as equal cells, few enough to draw. */
export interface MemoryCells {
	/** The size of the tables before the heap: mostly addresses without memory. */
	tables: number;
	/** Where the first cell begins, and the size of each, in bytes. */
	start: number;
	cellBytes: number;
	/** From the start of the heap to its last part with memory. */
	cells: MemoryCell[];
	/** The untouched addresses behind the last cell, in bytes. */
	rest: number;
}

/** The bytes of a cell, by kind; `used` is the part of `small` that is in use. What is left is untouched. */
export type MemoryCell = Partial<Record<Exclude<PartKind, "tables" | "untouched"> | "used", number>>;

const MOST_CELLS = 960;
const SPAN = 65536;

export function memoryCells(parts: readonly MemoryPart[]): MemoryCells {
	const isTables = parts[0]?.kind === "tables";
	const heap = isTables ? parts.slice(1) : parts;
	const start = heap[0]?.at ?? 0;
	const lastTouched = heap.findLast(({ kind }) => kind !== "untouched");
	const end = lastTouched === undefined ? start : lastTouched.at + lastTouched.bytes;
	const cellBytes = Math.max(Math.ceil((end - start) / SPAN / MOST_CELLS), 1) * SPAN;
	const cells = Array.from({ length: Math.ceil((end - start) / cellBytes) }, (): MemoryCell => ({}));
	for (const { kind, at, bytes, used } of heap) {
		if (kind === "untouched" || kind === "tables") continue;
		// A part may reach over several cells, and its used blocks are spread evenly.
		for (let from = at; from < at + bytes; ) {
			const index = Math.floor((from - start) / cellBytes);
			const to = Math.min(at + bytes, start + (index + 1) * cellBytes);
			const cell = cells[index] as MemoryCell;
			cell[kind] = (cell[kind] ?? 0) + to - from;
			if (kind === "small") cell.used = (cell.used ?? 0) + Math.round((used * (to - from)) / bytes);
			from = to;
		}
	}
	const last = parts.at(-1);
	const size = last === undefined ? 0 : last.at + last.bytes;
	return {
		tables: isTables ? start : 0,
		start,
		cellBytes,
		cells,
		rest: Math.max(0, size - start - cells.length * cellBytes),
	};
}
