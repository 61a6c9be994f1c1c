/** The page of `dhmem serve`: asks for a report each second, and shows it. */
import { element, setText } from "./elements.js";
import { History } from "./history.js";
import { RegionView } from "./region.js";
import { COLUMNS, linesOf, showLines, showTotals, sorted } from "./regions.js";

/** @typedef {import("./types.js").MemoryCells} MemoryCells */
/** @typedef {import("./types.js").Report} Report */

/** Milliseconds between reports. */
const INTERVAL = 1000;

/** @param {string} id @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

const filter = /** @type {HTMLInputElement} */ (byId("filter"));
const history = new History();
const view = new RegionView(byId("region"));
/** @type {Report | undefined} */
let report;
/** @type {{ by: import("./regions.js").Column, descending: boolean }} */
let order = { by: "name", descending: false };
let paused = false;

/** The region that the address names. */
function selected() {
	try {
		return decodeURIComponent(location.hash.slice(1)) || undefined;
	} catch {
		return undefined;
	}
}

function show() {
	if (report === undefined) return;
	const all = linesOf(report);
	const wanted = filter.value.toLowerCase();
	const lines = all.filter(({ name }) => name.toLowerCase().includes(wanted));
	setText(byId("directory"), report.directory);
	showTotals(byId("totals"), all);
	showLines(byId("regions"), sorted(lines, order.by, order.descending), selected());
	const nothing = byId("nothing");
	nothing.hidden = lines.length > 0;
	setText(
		nothing,
		all.length === 0
			? "There are no regions in this folder. They appear here when a program opens one."
			: "No region has such a name.",
	);
	const region = selected();
	document.body.classList.toggle("with-region", region !== undefined);
	document.title = region === undefined ? "dhmem" : `${region} · dhmem`;
	if (region !== undefined) view.update(region, report, history);
}

/** @param {string} path @returns {Promise<unknown>} */
async function get(path) {
	const response = await fetch(path);
	if (!response.ok) throw new Error((await response.text()).trim());
	return response.json();
}

/** @param {string} text @param {string} state */
function showStatus(text, state) {
	const status = byId("status");
	setText(status, text);
	status.className = state;
}

async function refresh() {
	try {
		const fresh = /** @type {Report} */ (await get("/report.json"));
		if (paused) return;
		report = fresh;
		history.add(report);
		showStatus("live", "live");
		show();
		await refreshMemory();
	} catch (error) {
		// `fetch` fails by a TypeError if the server can't be reached.
		const isGone = error instanceof TypeError;
		showStatus(
			isGone ? "dhmem serve can't be reached; trying again" : /** @type {Error} */ (error).message,
			"lost",
		);
	}
}

async function refreshMemory() {
	const region = selected();
	const shown = report?.regions.find(({ name }) => name === region);
	if (region === undefined || shown === undefined || shown.error !== undefined) return;
	/** @type {MemoryCells | undefined} */
	let memory;
	try {
		memory = /** @type {MemoryCells} */ (await get(`/memory.json?region=${encodeURIComponent(region)}`));
	} catch {
		// The region is gone, which the next report says.
	}
	if (region === selected()) view.updateMemory(memory);
}

async function keepRefreshing() {
	for (;;) {
		if (!paused && !document.hidden) await refresh();
		await new Promise((resolve) => setTimeout(resolve, INTERVAL));
	}
}

function makeColumns() {
	for (const { key, title } of COLUMNS) {
		const button = /** @type {HTMLButtonElement} */ (element("button", "", title));
		button.type = "button";
		const head = element("th", key === "name" ? "" : "number", button);
		button.addEventListener("click", () => {
			// Names begin at A, figures with the largest.
			order =
				order.by === key
					? { by: key, descending: !order.descending }
					: { by: key, descending: key !== "name" };
			showOrder();
			show();
		});
		head.dataset.key = key;
		byId("columns").append(head);
	}
	showOrder();
}

function showOrder() {
	for (const head of byId("columns").children) {
		const isSorted = /** @type {HTMLElement} */ (head).dataset.key === order.by;
		head.setAttribute("aria-sort", !isSorted ? "none" : order.descending ? "descending" : "ascending");
	}
}

filter.addEventListener("input", show);
addEventListener("hashchange", () => {
	view.updateMemory(undefined);
	show();
	if (!paused) refresh();
});
byId("pause").addEventListener("click", () => {
	paused = !paused;
	byId("pause").setAttribute("aria-pressed", String(paused));
	byId("pause").textContent = paused ? "Continue" : "Pause";
	if (paused) showStatus("paused", "paused");
	else refresh();
});
makeColumns();
keepRefreshing();
