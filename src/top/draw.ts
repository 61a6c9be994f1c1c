/** The screen of `dhmem top` as lines of text. A pure function, so that it can be tested without a terminal. */
import { escapeControls } from "../terminal/escape.js";
import { type Paint, plain } from "../terminal/paint.js";
import { table } from "../terminal/table.js";
import { fit } from "../terminal/width.js";
import { type Picture, type Section, sectionsOf } from "./sections.js";
import type { State } from "./state.js";

export interface Canvas {
	readonly columns: number;
	readonly rows: number;
	readonly paint: Paint;
}

/** A canvas for output that is no terminal. */
export const endless: Canvas = {
	columns: Number.POSITIVE_INFINITY,
	rows: Number.POSITIVE_INFINITY,
	paint: plain,
};

/** The lines of a table besides its rows: an empty one, and its head. */
const FRAME = 2;
/** A table that has to share the screen is shown only with a row, and a line that says that there are more. */
const SMALLEST = FRAME + 2;

/** Returns at most `rows` lines, none of which is longer than `columns`. */
export function draw(picture: Picture, state: State, canvas: Canvas): string[] {
	const { columns, rows, paint } = canvas;
	const top = paint("bold", fit(summary(picture, state), columns));
	const bottom = Number.isFinite(rows) ? [paint("inverse", fit(keys(state), columns))] : [];
	const room = rows - 1 - bottom.length;
	const lines = [top, ...body(picture, state, { ...canvas, rows: room })];
	if (bottom.length > 0) while (lines.length < rows - 1) lines.push("");
	return [...lines, ...bottom].slice(-rows);
}

function summary({ snapshot }: Picture, { isPaused, filter }: State): string {
	const { regions, directory, time } = snapshot;
	const read = regions.filter((region) => region.error === undefined);
	const participants = read.flatMap((region) => region.participants);
	const dead = participants.filter(({ alive }) => !alive).length;
	const parts = [
		isPaused ? "paused" : "",
		filter === "" ? "" : `only "${escapeControls(filter)}"`,
		counted(regions.length, "region"),
		counted(participants.length - dead, "participant"),
		dead === 0 ? "" : `${dead} dead`,
		escapeControls(directory),
		new Date(time).toLocaleTimeString("en-GB"),
	];
	return parts.filter((part) => part !== "").join(" · ");
}

function counted(count: number, what: string): string {
	return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function keys({ isTyping, filter, sort, view }: State): string {
	if (isTyping) return `filter: ${escapeControls(filter)}▏ Enter: keep it  Esc: clear it`;
	return `q quit  p pause  / filter  s sort: ${sort}  Tab show: ${view}  ↑↓ scroll`;
}

function body(picture: Picture, state: State, canvas: Canvas): string[] {
	const { directory, regions } = picture.snapshot;
	if (regions.length === 0) {
		const text = [
			`There are no regions in ${escapeControls(directory)}.`,
			"They appear here when a program opens one.",
		];
		return ["", ...text.map((line) => fit(line, canvas.columns))].slice(0, Math.max(0, canvas.rows));
	}
	const sections = sectionsOf(picture, state).filter(
		({ title, rows }) => state.view === title || (state.view === "all" && rows.length > 0),
	);
	while (sections.length > 1 && canvas.rows / sections.length < SMALLEST) sections.pop();
	const heights = share(
		sections.map(({ rows }) => rows.length + FRAME),
		canvas.rows,
	);
	const offset = state.view === "all" ? 0 : state.offset;
	return sections.flatMap((section, i) => drawSection(section, heights[i] as number, offset, canvas));
}

/** Shares the lines of the screen: nobody gets more than it needs, and what is left goes to the others. */
function share(needs: readonly number[], room: number): number[] {
	const heights = needs.map(() => 0);
	let left = room;
	const bySize = [...needs.keys()].sort((a, b) => (needs[a] as number) - (needs[b] as number));
	for (const [turn, i] of bySize.entries()) {
		const height = Math.min(needs[i] as number, Math.floor(left / (needs.length - turn)));
		heights[i] = height;
		left -= height;
	}
	return heights;
}

/** Draws a table into `height` lines, the first of which is empty. */
function drawSection(section: Section, height: number, offset: number, canvas: Canvas): string[] {
	const { head, rows } = section;
	const room = height - FRAME;
	if (room < 1) return [];
	const first = Math.min(offset, Math.max(0, rows.length - room));
	// The last line says that there are more.
	const isCut = first + room < rows.length;
	const shown = rows.slice(first, first + (isCut ? room - 1 : room));
	const { columns, paint } = canvas;
	const lines = table(head, shown, { width: columns, paint }).split("\n");
	if (isCut) {
		const more = `… ${rows.length - first - shown.length} more ${section.title}`;
		lines.push(paint("dim", fit(more, columns)));
	}
	return ["", ...lines];
}
