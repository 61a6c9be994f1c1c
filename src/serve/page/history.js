/** @typedef {import("./types.js").Report} Report */

/** Milliseconds that the drawings show. */
export const WINDOW = 120_000;

/** The depths of all queues in the last two minutes, while this page is open. */
export class History {
	/** @type {Map<string, { identity: string, points: [time: number, depth: number][] }>} */
	#queues = new Map();

	/** @param {Report} report */
	add({ time, regions }) {
		const before = this.#queues;
		this.#queues = new Map();
		for (const region of regions) {
			if (region.error !== undefined) continue;
			for (const { name, identity, depth } of region.queues) {
				const key = keyOf(region.name, name);
				const old = before.get(key);
				// A queue that was made again under the same name begins anew.
				const points = old?.identity === identity ? old.points : [];
				points.push([time, depth]);
				// One point before the window stays, so that the line begins at the edge.
				while ((points[1]?.[0] ?? time) < time - WINDOW) points.shift();
				this.#queues.set(key, { identity, points });
			}
		}
	}

	/** @param {string} region @param {string} queue @returns {readonly [time: number, depth: number][]} */
	of(region, queue) {
		return this.#queues.get(keyOf(region, queue))?.points ?? [];
	}
}

/** @param {string} region @param {string} queue a region's name contains no slash */
function keyOf(region, queue) {
	return `${region}/${queue}`;
}
