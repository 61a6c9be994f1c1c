/** Divides a region's memory into equal cells, to draw it. */
import { SPAN_BYTES } from "../../assembly/layout.js";
import type { MemoryPart, PartKind } from "./memory-map.js";

export interface MapCell {
	/** The kind that takes most of the cell. */
	kind: PartKind;
	/** The share of the cell's blocks that is in use, 0 to 1. */
	used: number;
}

export interface MapCells {
	/** The bytes that one cell stands for. */
	scale: number;
	cells: MapCell[];
}

/**
 * Returns at most `most` cells. The first one stands for all tables, whatever their size. Untouched memory at the
 * end, which in most regions is nearly everything, has no cells.
 */
export function cellsOf(parts: readonly MemoryPart[], most: number): MapCells {
	const heap = parts.filter(({ kind }) => kind !== "tables");
	if (heap.at(-1)?.kind === "untouched") heap.pop();
	const [first, last] = [heap[0], heap.at(-1)];
	const tables: MapCell = { kind: "tables", used: 0 };
	if (first === undefined || last === undefined) return { scale: SPAN_BYTES, cells: [tables] };
	const bytes = last.at + last.bytes - first.at;
	const scale = Math.ceil(bytes / SPAN_BYTES / Math.max(1, most - 1)) * SPAN_BYTES;
	const cells: MapCell[] = [tables];
	let index = 0;
	for (let at = first.at; at < first.at + bytes; at += scale) {
		const shares = new Map<PartKind, number>();
		let blocks = 0;
		let used = 0;
		for (let next = index; next < heap.length; next++) {
			const part = heap[next] as MemoryPart;
			const covered = Math.min(part.at + part.bytes, at + scale) - Math.max(part.at, at);
			if (covered <= 0) break;
			index = next;
			shares.set(part.kind, (shares.get(part.kind) ?? 0) + covered);
			if (part.blockBytes === undefined) continue;
			blocks += covered;
			used += (part.used / part.bytes) * covered;
		}
		const [kind] = [...shares].reduce((a, b) => (b[1] > a[1] ? b : a));
		cells.push({ kind, used: blocks === 0 ? 0 : used / blocks });
		// The next cell may begin in the same part, or in the one behind it.
		const current = heap[index];
		if (current !== undefined && current.at + current.bytes <= at + scale) index++;
	}
	return { scale, cells };
}
