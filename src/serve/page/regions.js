/** The list of regions: one line each. */
import { element, keyed, setText } from "./elements.js";
import { count, rate, size } from "./format.js";

/** @typedef {import("./types.js").Report} Report */
/** @typedef {import("./types.js").WatchedRegion} WatchedRegion */

/**
 * What a line of the list shows.
 *
 * @typedef {object} Line
 * @property {string} name
 * @property {string | undefined} error
 * @property {number} size
 * @property {number} used
 * @property {number} committed
 * @property {number} alive
 * @property {number} dead
 * @property {number} queues
 * @property {number} depth of all queues together
 * @property {number | undefined} sent messages and records per second
 * @property {number} waiting participants that wait
 */

/** @param {Report} report @returns {Line[]} */
export function linesOf({ regions, rates }) {
	return regions.map((region) => lineOf(region, rates));
}

/** @param {WatchedRegion} region @param {Report["rates"]} rates @returns {Line} */
function lineOf(region, rates) {
	const { name } = region;
	if (region.error !== undefined) {
		const none = { size: 0, used: 0, committed: 0, alive: 0, dead: 0, queues: 0, depth: 0, waiting: 0 };
		return { name, error: region.error.text, sent: undefined, ...none };
	}
	const { participants, queues } = region;
	const alive = participants.filter((each) => each.alive).length;
	const known = queues.flatMap((queue) => rates[`${name}/${queue.name}`] ?? []);
	return {
		name,
		error: undefined,
		size: region.size,
		used: region.used,
		committed: region.committed,
		alive,
		dead: participants.length - alive,
		queues: queues.length,
		depth: queues.reduce((sum, { depth }) => sum + depth, 0),
		sent:
			queues.length > 0 && known.length === 0 ? undefined : known.reduce((sum, { sent }) => sum + sent, 0),
		waiting: participants.filter(({ waits }) => waits.length > 0).length,
	};
}

/** The columns, by what they are sorted by. */
export const COLUMNS = /** @type {const} */ ([
	{ key: "name", title: "Region" },
	{ key: "used", title: "Used" },
	{ key: "committed", title: "Committed" },
	{ key: "alive", title: "Alive" },
	{ key: "dead", title: "Dead" },
	{ key: "queues", title: "Queues" },
	{ key: "depth", title: "Depth" },
	{ key: "sent", title: "Sent" },
	{ key: "waiting", title: "Waiting" },
]);

/** @typedef {(typeof COLUMNS)[number]["key"]} Column */

/** @param {Line[]} lines @param {Column} by @param {boolean} descending @returns {Line[]} */
export function sorted(lines, by, descending) {
	const sign = descending ? -1 : 1;
	return lines.toSorted((a, b) => {
		const [x, y] = [a[by] ?? -1, b[by] ?? -1];
		if (x !== y) return x < y ? -sign : sign;
		return a.name < b.name ? -1 : 1;
	});
}

/** @param {Element} body @param {Line[]} lines @param {string | undefined} selected */
export function showLines(body, lines, selected) {
	keyed(
		body,
		lines,
		({ name }) => name,
		({ name }) => {
			const link = /** @type {HTMLAnchorElement} */ (element("a", "", name));
			link.href = `#${encodeURIComponent(name)}`;
			const mark = element("small", "error");
			const cells = COLUMNS.flatMap(({ key, title }) => {
				if (key === "name") return [];
				const cell = element("td", `number is-${key}`);
				cell.dataset.title = title;
				return [{ key, cell }];
			});
			const root = element("tr", "", element("th", "", link, mark), ...cells.map(({ cell }) => cell));
			/** @param {Line} line */
			const update = (line) => {
				root.classList.toggle("unreadable", line.error !== undefined);
				setText(mark, line.error === undefined ? "" : "can't be read");
				mark.title = line.error ?? "";
				for (const { key, cell } of cells) {
					setText(cell, line.error === undefined ? shown(line, key) : "");
					cell.classList.toggle("zero", !line[key]);
				}
				cells[0]?.cell.setAttribute("title", `of at most ${size(line.size)}`);
			};
			return { root, update };
		},
	);
	for (const row of body.children) {
		const isSelected = row.querySelector("a")?.hash === `#${encodeURIComponent(selected ?? "")}`;
		row.classList.toggle("selected", isSelected);
	}
}

/** @param {Line} line @param {Exclude<Column, "name">} key */
function shown(line, key) {
	if (key === "used" || key === "committed") return size(line[key]);
	if (key === "sent") return rate(line.sent);
	return count(line[key]);
}

/** @param {Element} list @param {Line[]} lines */
export function showTotals(list, lines) {
	/** @param {(line: Line) => number} of */
	const sum = (of) => lines.reduce((total, line) => total + of(line), 0);
	const dead = sum((line) => line.dead);
	const unreadable = lines.filter(({ error }) => error !== undefined).length;
	const totals = [
		{ what: "Regions", value: count(lines.length), note: unreadable === 0 ? "" : `${unreadable} unreadable` },
		{
			what: "Memory",
			value: size(sum((line) => line.committed)),
			note: `${size(sum((line) => line.used))} in use`,
		},
		{ what: "Participants", value: count(sum((line) => line.alive)), note: dead === 0 ? "" : `${dead} dead` },
		{
			what: "Queues",
			value: count(sum((line) => line.queues)),
			note: `${count(sum((line) => line.depth))} waiting in them`,
		},
		{ what: "Sent", value: rate(sum((line) => line.sent ?? 0)), note: "messages and records" },
		{
			what: "Waiting",
			value: count(sum((line) => line.waiting)),
			note: "participants",
		},
	];
	keyed(
		list,
		totals,
		({ what }) => what,
		({ what }) => {
			const value = element("dd");
			const note = element("small");
			const root = element("div", "", element("dt", "", what), value, note);
			/** @param {(typeof totals)[number]} total */
			const update = (total) => {
				setText(value, total.value);
				setText(note, total.note);
				note.classList.toggle("error", what === "Regions" || what === "Participants");
			};
			return { root, update };
		},
	);
}
