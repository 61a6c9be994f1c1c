/** `dhmem stat --svg`: how a region's memory is used, as a picture. */
import { cellsOf, type MapCell } from "../inspect/map-cells.js";
import type { MemoryPart, PartKind } from "../inspect/memory-map.js";
import { escapeControls } from "../terminal/escape.js";
import { formatSize } from "../terminal/format-size.js";
import { kinds } from "./stat-map.js";

/** Colours that people who are colour-blind can tell apart (Okabe and Ito, 2008). */
const colours: Readonly<Record<PartKind, string>> = {
	tables: "#999999",
	small: "#0072b2",
	large: "#d55e00",
	free: "#009e73",
	untouched: "#eeeeee",
	changing: "#f0e442",
};

const COLUMNS = 96;
const MOST_LINES = 64;
const CELL = 8;
const LINE = 20;
const MARGIN = 16;

export function mapInSvg(title: string, parts: readonly MemoryPart[]): string {
	const { scale, cells } = cellsOf(parts, COLUMNS * MOST_LINES);
	const top = MARGIN + LINE;
	const mapHeight = Math.ceil(cells.length / COLUMNS) * CELL;
	const shown = Object.entries(kinds).filter(([kind]) => parts.some((part) => part.kind === kind));
	const legend = shown.map(([kind, { name }], i) => {
		const bytes = parts.filter((part) => part.kind === kind).reduce((sum, part) => sum + part.bytes, 0);
		const y = top + mapHeight + MARGIN + i * LINE;
		return [
			`<rect x="${MARGIN}" y="${y}" width="12" height="12" fill="${colours[kind as PartKind]}"/>`,
			text(MARGIN + 20, y + 10, `${formatSize(bytes)}: ${name}`),
		].join("\n");
	});
	const width = COLUMNS * CELL + 2 * MARGIN;
	const height = top + mapHeight + MARGIN + shown.length * LINE + MARGIN;
	return [
		`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
		`<rect width="${width}" height="${height}" fill="#ffffff"/>`,
		text(MARGIN, MARGIN + 8, `${title}, each cell ${formatSize(scale)}`),
		...cells.map((cell, i) => rectangle(cell, i, top)),
		...legend,
		"</svg>",
		"",
	].join("\n");
}

function rectangle({ kind, used }: MapCell, index: number, top: number): string {
	const x = MARGIN + (index % COLUMNS) * CELL;
	const y = top + Math.floor(index / COLUMNS) * CELL;
	// The paler, the less of its blocks is in use.
	const opacity = kind === "small" ? ` fill-opacity="${(0.25 + 0.75 * used).toFixed(2)}"` : "";
	const size = CELL - 1;
	return `<rect x="${x}" y="${y}" width="${size}" height="${size}" fill="${colours[kind]}"${opacity}/>`;
}

function text(x: number, y: number, content: string): string {
	const escaped = escapeControls(content).replace(/[&<>]/g, (each) => `&#${each.charCodeAt(0)};`);
	return `<text x="${x}" y="${y}">${escaped}</text>`;
}
