/** `dhmem stat --map`: how a region's memory is used, as characters. */
import { cellsOf, type MapCell } from "../inspect/map-cells.js";
import type { MemoryPart, PartKind } from "../inspect/memory-map.js";
import { formatSize } from "../terminal/format-size.js";
import type { Style } from "../terminal/paint.js";
import { type Cell, figure, type TableOptions, table } from "../terminal/table.js";

/** How a kind of memory is drawn and called. */
export const kinds: Readonly<Record<PartKind, { mark: string; style: Style; name: string }>> = {
	tables: { mark: "=", style: "dim", name: "header and tables (one cell, whatever their size)" },
	small: { mark: "░▒▓█", style: "cyan", name: "small blocks, by the share in use" },
	large: { mark: "■", style: "magenta", name: "large blocks" },
	free: { mark: "·", style: "green", name: "free, with pages kept for the next block" },
	untouched: { mark: "-", style: "dim", name: "free, without pages (long parts are cut short)" },
	changing: { mark: "?", style: "yellow", name: "being claimed or given back" },
};

/** Where the output is no terminal. */
const COLUMNS = 80;
const MOST_LINES = 24;

export function mapInText(parts: readonly MemoryPart[], { width, paint }: Required<TableOptions>): string {
	const columns = Number.isFinite(width) ? width : COLUMNS;
	const { scale, cells } = cellsOf(parts, columns * MOST_LINES);
	const lines = [];
	for (let from = 0; from < cells.length; from += columns) {
		const line = cells.slice(from, from + columns);
		lines.push(line.map((cell) => paint(kinds[cell.kind].style, markOf(cell))).join(""));
	}
	return [
		`${formatSize(scale)} each:`,
		lines.join("\n"),
		table(["", "memory", "bytes", "in use"], legend(parts), { width, paint }),
		...classTable(parts, { width, paint }),
	].join("\n\n");
}

function markOf({ kind, used }: MapCell): string {
	const { mark } = kinds[kind];
	return mark[Math.min(mark.length - 1, Math.floor(used * mark.length))] as string;
}

function legend(parts: readonly MemoryPart[]): Cell[][] {
	return Object.entries(kinds).flatMap(([kind, { mark, style, name }]) => {
		const these = parts.filter((part) => part.kind === kind);
		if (these.length === 0) return [];
		const isBlocks = these[0]?.blockBytes !== undefined;
		return [[{ text: mark, style }, name, size(these, "bytes"), isBlocks ? size(these, "used") : ""]];
	});
}

/** The small blocks by size: how much memory each size has, and how much of it is in use. */
function classTable(parts: readonly MemoryPart[], options: TableOptions): string[] {
	const small = new Map<number, MemoryPart[]>();
	for (const part of parts) {
		if (part.kind !== "small" || part.blockBytes === undefined) continue;
		small.set(part.blockBytes, [...(small.get(part.blockBytes) ?? []), part]);
	}
	if (small.size === 0) return [];
	const rows = [...small]
		.sort(([a], [b]) => a - b)
		.map(([bytes, these]) => [
			figure(formatSize(bytes)),
			these.reduce((sum, { used }) => sum + used, 0) / bytes,
			size(these, "bytes"),
			size(these, "used"),
		]);
	return [table(["small block", "blocks", "bytes", "in use"], rows, options)];
}

function size(parts: readonly MemoryPart[], of: "bytes" | "used"): Cell {
	return figure(formatSize(parts.reduce((sum, part) => sum + part[of], 0)));
}
