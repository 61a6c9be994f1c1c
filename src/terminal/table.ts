import Table from "cli-table3";
import { escapeControls } from "./escape.js";

/** A cell: numbers are aligned to the right. */
export type Cell = string | number;

const nothing = {
	top: "",
	"top-mid": "",
	"top-left": "",
	"top-right": "",
	bottom: "",
	"bottom-mid": "",
	"bottom-left": "",
	"bottom-right": "",
	left: "",
	"left-mid": "",
	mid: "",
	"mid-mid": "",
	right: "",
	"right-mid": "",
	middle: "  ",
};

/** Lays out rows in columns without ruled lines. Control characters in cells are escaped. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
	const drawn = new Table({
		head: [...head],
		chars: nothing,
		style: { "padding-left": 0, "padding-right": 0, head: [], border: [] },
		colAligns: head.map((_, i) => (rows.every((row) => typeof row[i] === "number") ? "right" : "left")),
	});
	for (const row of rows)
		drawn.push(row.map((cell) => (typeof cell === "string" ? escapeControls(cell) : cell)));
	return drawn.toString().replace(/ +$/gm, "");
}
