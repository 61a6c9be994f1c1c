/** Drawings: a queue's depth over time, and a region's memory. */
import { element, svg } from "./elements.js";
import { count, size } from "./format.js";
import { WINDOW } from "./history.js";

/** @typedef {import("./types.js").MemoryCell} MemoryCell */
/** @typedef {import("./types.js").MemoryCells} MemoryCells */

const WIDTH = 300;
const HEIGHT = 48;

/** A queue's depth in the last two minutes, with the highest depth as its scale. */
export class DepthDrawing {
	#area = svg("path", { class: "area" });
	#line = svg("path", { class: "line" });
	#scale = element("span", "scale");
	root = element(
		"div",
		"depth",
		svg(
			"svg",
			{
				viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
				preserveAspectRatio: "none",
				role: "img",
				"aria-label": "Depth over time",
			},
			this.#area,
			this.#line,
		),
		this.#scale,
	);

	/** @param {readonly [time: number, depth: number][]} points @param {number} now */
	update(points, now) {
		const most = Math.max(...points.map(([, depth]) => depth), 1);
		const steps = points.map(([time, depth]) => {
			const x = Math.max(0, WIDTH - ((now - time) / WINDOW) * WIDTH);
			return `${x.toFixed(1)} ${(HEIGHT - 1 - (depth / most) * (HEIGHT - 4)).toFixed(1)}`;
		});
		const line = steps.length === 0 ? "" : `M${steps.join("L")}`;
		this.#line.setAttribute("d", line);
		const from = steps[0]?.split(" ")[0];
		this.#area.setAttribute("d", line === "" ? "" : `${line}V${HEIGHT}H${from}Z`);
		this.#scale.textContent = `at most ${count(most)}`;
	}
}

const KINDS = /** @type {const} */ (["small", "large", "free", "changing"]);

const MEANINGS = {
	small: "small blocks",
	large: "large blocks",
	free: "free, its memory is kept",
	changing: "changing hands",
	untouched: "untouched",
};

/** The memory of a region, cell by cell. */
export class MemoryDrawing {
	#cells = element("div", "cells");
	#note = element("p", "note");
	root = element("div", "memory", this.#cells, legend(), this.#note);

	/** @param {MemoryCells} memory */
	update({ start, cellBytes, cells, rest, tables }) {
		while (this.#cells.childElementCount > cells.length) this.#cells.lastElementChild?.remove();
		while (this.#cells.childElementCount < cells.length) this.#cells.append(element("i"));
		let at = start;
		cells.forEach((cell, index) => {
			const bytes = cell.skipped ?? cellBytes;
			const shown = /** @type {HTMLElement} */ (this.#cells.children[index]);
			const kind = mainKind(cell);
			shown.className = kind;
			// Small blocks are darker the more of them are in use.
			shown.style.opacity =
				kind === "small" ? String(0.35 + (0.65 * (cell.used ?? 0)) / (cell.small ?? 1)) : "";
			shown.title = describe(cell, at, bytes);
			at += bytes;
		});
		this.#note.textContent =
			`Each cell is ${size(cellBytes)}${skippedIn(cells)}. Behind the last one, ${size(rest)} of addresses are untouched; ` +
			`the tables before the first one take ${size(tables)} of addresses. Untouched addresses take no memory.`;
	}
}

/** @param {readonly MemoryCell[]} cells */
function skippedIn(cells) {
	const skipped = cells.find((cell) => cell.skipped !== undefined)?.skipped;
	return skipped === undefined ? "" : `, except one that stands for ${size(skipped)} untouched addresses`;
}

/** @param {MemoryCell} cell @returns {keyof typeof MEANINGS} */
function mainKind(cell) {
	let main = /** @type {keyof typeof MEANINGS} */ ("untouched");
	let most = 0;
	for (const kind of KINDS) {
		const bytes = cell[kind] ?? 0;
		if (bytes > most) [main, most] = [kind, bytes];
	}
	return main;
}

/** @param {MemoryCell} cell @param {number} at @param {number} bytes */
function describe(cell, at, bytes) {
	const parts = KINDS.filter((kind) => cell[kind] !== undefined).map((kind) => {
		const used = kind === "small" ? `, ${size(cell.used ?? 0)} of it in use` : "";
		return `${size(cell[kind] ?? 0)}: ${MEANINGS[kind]}${used}`;
	});
	const known = KINDS.reduce((sum, kind) => sum + (cell[kind] ?? 0), 0);
	if (known < bytes) parts.push(`${size(bytes - known)}: ${MEANINGS.untouched}`);
	return [`at ${size(at)}`, ...parts].join("\n");
}

function legend() {
	const entries = Object.entries(MEANINGS).map(([kind, meaning]) =>
		element("span", "", element("i", kind), meaning),
	);
	return element("p", "legend", ...entries);
}
