/** A queue: its endpoints, figures, and depth over time. */
import { DepthDrawing } from "./drawings.js";
import { element, keyed, setText } from "./elements.js";
import { count, rate } from "./format.js";

/**
 * @typedef {object} QueueItem
 * @property {import("./types.js").WatchedQueue} queue
 * @property {number} time
 * @property {import("./types.js").QueueRates | undefined} rates
 * @property {readonly [time: number, depth: number][]} points
 * @property {string} producer
 * @property {string} consumer
 */

export function makeQueueCard() {
	const name = element("b");
	const kind = element("span", "note");
	const ends = element("p", "ends");
	const fill = element("i", "used");
	const figures = element("dl");
	const drawing = new DepthDrawing();
	const title = element("p", "title", name, kind);
	const root = element("li", "", title, ends, drawing.root, element("div", "bar", fill), figures);
	/** @param {QueueItem} item */
	const update = ({ queue, time, rates, points, producer, consumer }) => {
		const { policy, record, capacity, depth } = queue;
		setText(name, queue.name);
		const carried = record === undefined ? queue.kind : `${record} records`;
		setText(kind, policy === "block" ? carried : `${carried}, ${policy}`);
		setText(ends, `${producer} → ${consumer}${queue.ended ? " (stream ended)" : ""}`);
		const share = capacity === 0 ? 0 : Math.min((policy === "block" ? queue.bytes : depth) / capacity, 1);
		fill.style.width = `${share * 100}%`;
		root.classList.toggle("full", share > 0.9 && policy === "block");
		drawing.update(points, time);
		const shown = [
			{ what: "depth", value: count(depth) },
			{ what: "full", value: `${Math.round(share * 100)} %` },
			{ what: "sent", value: rate(rates?.sent) },
			{ what: "received", value: rate(rates?.received) },
			...(policy === "block" ? [] : [{ what: "dropped", value: rate(rates?.dropped) }]),
		];
		keyed(figures, shown, ({ what }) => what, makeFigure);
	};
	return { root, update };
}

/** @param {{ what: string }} figure */
function makeFigure({ what }) {
	const shown = element("dd");
	/** @param {{ value: string }} figure */
	const update = ({ value }) => setText(shown, value);
	return { root: element("div", "", element("dt", "", what), shown), update };
}
