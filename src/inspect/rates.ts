/** How fast queues run, from two snapshots. */
import type { WatchedQueue } from "./contents.js";
import type { ReadRegion, Snapshot } from "./watcher.js";

/** Messages or records per second. */
export interface QueueRates {
	sent: number;
	received: number;
	dropped: number;
}

/** The rates of one queue. A region's name contains no slash. */
export function rateKey(region: string, queue: string): string {
	return `${region}/${queue}`;
}

/**
 * The rates of all queues that both snapshots contain, by `rateKey`. A region or queue that was created again
 * under the same name meanwhile has none yet.
 */
export function ratesBetween(before: Snapshot, after: Snapshot): Map<string, QueueRates> {
	const rates = new Map<string, QueueRates>();
	const earlier = new Map(before.regions.map((region) => [region.name, region]));
	for (const region of after.regions) {
		const old = earlier.get(region.name);
		if (region.error || !old || old.error || old.identity !== region.identity) continue;
		for (const [name, each] of ratesOfRegion(old, region)) rates.set(rateKey(region.name, name), each);
	}
	return rates;
}

function ratesOfRegion(before: ReadRegion, after: ReadRegion): [string, QueueRates][] {
	const seconds = (after.clock - before.clock) / 1000;
	if (seconds <= 0) return [];
	const earlier = new Map(before.queues.map((queue) => [queue.identity, queue]));
	return after.queues.flatMap((queue): [string, QueueRates][] => {
		const old = earlier.get(queue.identity);
		if (old === undefined) return [];
		// The counters are modulo 2^32.
		const rate = (of: keyof QueueRates & keyof WatchedQueue) => ((queue[of] - old[of]) >>> 0) / seconds;
		return [[queue.name, { sent: rate("sent"), received: rate("received"), dropped: rate("dropped") }]];
	});
}
