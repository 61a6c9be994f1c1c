/** Tables in columns without ruled lines, which fit the terminal. */
import { escapeControls } from "./escape.js";
import { type Paint, plain, type Style } from "./paint.js";
import { fit, widthOf } from "./width.js";

/** A cell. A column that consists of numbers is aligned to the right; empty cells don't count. */
export type Cell = string | number | { text: string; style?: Style; isNumber?: boolean };

/** A cell with a number that is formatted already. */
export function figure(text: string, style?: Style): Cell {
	return { text, isNumber: true, ...(style !== undefined && { style }) };
}

export interface TableOptions {
	/** The columns of the terminal. Texts that are too long for it are cut. */
	width?: number;
	paint?: Paint;
}

interface Laid {
	readonly text: string;
	readonly style: Style | undefined;
	readonly isNumber: boolean;
}

/** The space between two columns. */
const GAP = 2;
/** Columns of text are not made narrower than this as long as others are wider. */
const NARROW = 10;

/**
 * Lays out rows in columns. Control characters in cells are escaped. In a row with fewer cells than the head has,
 * the last one is a text that takes the rest of the line.
 */
export function table(
	head: readonly string[],
	rows: readonly (readonly Cell[])[],
	{ width = Number.POSITIVE_INFINITY, paint = plain }: TableOptions = {},
): string {
	const laid = rows.map((row) => row.map(lay));
	const isIn = (row: readonly Laid[], i: number) => row.length === head.length || i < row.length - 1;
	const isRight = head.map((_, i) =>
		laid.every((row) => !isIn(row, i) || row[i]?.isNumber || row[i]?.text === ""),
	);
	const widths = head.map((title, i) =>
		laid.reduce(
			(widest, row) => Math.max(widest, isIn(row, i) ? widthOf(row[i]?.text ?? "") : 0),
			widthOf(title),
		),
	);
	narrow(widths, isRight, width);
	const titles = head.map((text): Laid => ({ text, style: "bold", isNumber: false }));
	return [titles, ...laid].map((cells) => lineOf(cells, widths, isRight, width, paint)).join("\n");
}

function lay(cell: Cell): Laid {
	if (typeof cell === "number") return { text: String(cell), style: undefined, isNumber: true };
	if (typeof cell === "string") return { text: escapeControls(cell), style: undefined, isNumber: false };
	return { text: escapeControls(cell.text), style: cell.style, isNumber: cell.isNumber ?? false };
}

/** Makes columns narrower until the table fits: the widest texts first, then what is on the right. */
function narrow(widths: number[], isRight: readonly boolean[], width: number): void {
	let excess = widths.reduce((sum, each) => sum + each, GAP * (widths.length - 1)) - width;
	while (excess > 0) {
		const texts = widths.map((each, i) => (isRight[i] ? 0 : each));
		const widest = Math.max(...texts);
		if (widest <= NARROW) break;
		widths[texts.indexOf(widest)] = widest - 1;
		excess--;
	}
	let left = width;
	for (const [i, each] of widths.entries()) {
		widths[i] = Math.max(0, Math.min(each, left));
		left -= each + GAP;
	}
}

function lineOf(
	cells: readonly Laid[],
	widths: readonly number[],
	isRight: readonly boolean[],
	line: number,
	paint: Paint,
): string {
	let painted = "";
	let spaces = 0;
	let left = line;
	for (const [i, { text, style }] of cells.entries()) {
		const isRest = i === cells.length - 1 && cells.length < widths.length;
		const width = isRest ? Math.max(0, left) : (widths[i] as number);
		const shown = fit(text, width);
		const padding = isRest ? 0 : width - widthOf(shown);
		if (isRight[i] && !isRest) spaces += padding;
		if (shown !== "") {
			painted += " ".repeat(spaces) + (style === undefined ? shown : paint(style, shown));
			spaces = 0;
		}
		spaces += GAP + (isRight[i] ? 0 : padding);
		left -= width + GAP;
	}
	return painted;
}
