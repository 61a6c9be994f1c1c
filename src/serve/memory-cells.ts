import { lengthOf, scaleOf, stretchesOf } from "../inspect/map-cells.js";
import type { MemoryPart, PartKind } from "../inspect/memory-map.js";

/** The memory of a region as equal cells, few enough to draw. */
export interface MemoryCells {
	/** The size of the tables before the first cell: mostly addresses without memory. */
	tables: number;
	/** Where the first cell begins, and the size of each, in bytes. */
	start: number;
	cellBytes: number;
	/** From the start of the heap to the last part with memory. */
	cells: MemoryCell[];
	/** The untouched addresses behind the last cell, in bytes. */
	rest: number;
}

/**
 * The bytes of a cell, by kind; `used` is the part of `small` that is in use. What is left is untouched. A cell with
 * `skipped` stands for that many untouched bytes, and not for `cellBytes`.
 */
export type MemoryCell = Partial<
	Record<Exclude<PartKind, "tables" | "untouched"> | "used" | "skipped", number>
>;

const MOST_CELLS = 960;

export function memoryCells(parts: readonly MemoryPart[]): MemoryCells {
	const tables = parts[0]?.kind === "tables" ? parts[0].bytes : 0;
	const stretches = stretchesOf(parts);
	const cellBytes = scaleOf(stretches, MOST_CELLS);
	const cells: MemoryCell[] = [];
	let at = tables;
	for (const stretch of stretches) {
		const start = stretch[0]?.at ?? at;
		if (start > at) cells.push({ skipped: start - at });
		const inStretch = cellsIn(stretch, start, cellBytes);
		cells.push(...inStretch);
		at = start + inStretch.length * cellBytes;
	}
	return { tables, start: tables, cellBytes, cells, rest: Math.max(0, lengthOf(parts) - at) };
}

function cellsIn(stretch: readonly MemoryPart[], start: number, cellBytes: number): MemoryCell[] {
	const count = Math.ceil(lengthOf(stretch) / cellBytes);
	const cells = Array.from({ length: count }, (): MemoryCell => ({}));
	for (const { kind, at, bytes, used } of stretch) {
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
	return cells;
}
