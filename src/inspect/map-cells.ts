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
 * The parts that a drawing shows, in stretches. Tables and untouched memory at the end are left out, and so is an
 * untouched part that is longer than all others together, as there is one between the heap and the bulk space.
 */
export function stretchesOf(parts: readonly MemoryPart[]): MemoryPart[][] {
	const shown = parts.filter(({ kind }) => kind !== "tables");
	if (shown.at(-1)?.kind === "untouched") shown.pop();
	const bytes = lengthOf(shown);
	const gap = shown.findIndex((part) => part.kind === "untouched" && part.bytes > bytes - part.bytes);
	const stretches = gap < 0 ? [shown] : [shown.slice(0, gap), shown.slice(gap + 1)];
	return stretches.filter(({ length }) => length > 0);
}

/** The bytes of these parts. */
export function lengthOf(parts: readonly MemoryPart[]): number {
	return parts.reduce((sum, part) => sum + part.bytes, 0);
}

/** The bytes that a cell stands for, if the stretches and what lies between them have at most `most` cells. */
export function scaleOf(stretches: readonly MemoryPart[][], most: number): number {
	const spans = lengthOf(stretches.flat()) / SPAN_BYTES;
	// Each further stretch may need one cell more than its share, and one before it.
	const cells = most - 2 * Math.max(0, stretches.length - 1);
	return Math.max(1, Math.ceil(spans / Math.max(1, cells))) * SPAN_BYTES;
}

/**
 * Returns at most `most` cells. The first one stands for all tables, whatever their size. Untouched memory at the
 * end, which in most regions is nearly everything, has no cells, and what lies between two stretches has one.
 */
export function cellsOf(parts: readonly MemoryPart[], most: number): MapCells {
	const stretches = stretchesOf(parts);
	const scale = scaleOf(stretches, most - 1);
	const cells: MapCell[] = [{ kind: "tables", used: 0 }];
	for (const [index, stretch] of stretches.entries()) {
		if (index > 0) cells.push({ kind: "untouched", used: 0 });
		cells.push(...cellsIn(stretch, scale));
	}
	return { scale, cells };
}

function cellsIn(stretch: readonly MemoryPart[], scale: number): MapCell[] {
	const start = stretch[0]?.at ?? 0;
	const end = start + lengthOf(stretch);
	const cells: MapCell[] = [];
	let index = 0;
	for (let at = start; at < end; at += scale) {
		const shares = new Map<PartKind, number>();
		let blocks = 0;
		let used = 0;
		for (let next = index; next < stretch.length; next++) {
			const part = stretch[next] as MemoryPart;
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
		const current = stretch[index];
		if (current !== undefined && current.at + current.bytes <= at + scale) index++;
	}
	return cells;
}
