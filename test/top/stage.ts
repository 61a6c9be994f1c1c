/** Snapshots for tests of the screen. */
import type { WatchedParticipant, WatchedQueue } from "../../src/inspect/contents.js";
import { type QueueRates, rateKey } from "../../src/inspect/rates.js";
import type { ReadRegion, WatchedRegion } from "../../src/inspect/watcher.js";
import type { Picture } from "../../src/top/sections.js";

export function region(name: string, rest: Partial<ReadRegion> = {}): ReadRegion {
	return {
		...{ name, path: `/dev/shm/${name}.dhmem`, identity: name, clock: 0, size: 2 ** 24, used: 2048 },
		...{
			committed: 65_536,
			trimmable: 0,
			participants: [],
			objects: 0,
			queues: [],
			mutexes: [],
			conditions: [],
		},
		...rest,
	};
}

export function participant(
	slot: number,
	label: string,
	rest: Partial<WatchedParticipant> = {},
): WatchedParticipant {
	return { slot, label, alive: true, waits: [], ...rest };
}

export function queue(name: string, rest: Partial<WatchedQueue> = {}): WatchedQueue {
	return {
		...{ name, identity: name, kind: "messages", record: undefined, policy: "block", capacity: 100 },
		...{ depth: 0, bytes: 0, sent: 0, received: 0, dropped: 0 },
		...{ producer: null, consumer: null, ended: false },
		...rest,
	};
}

/** @param rates messages sent per second, by region and queue */
export function picture(regions: WatchedRegion[], rates: Record<string, number> = {}): Picture {
	const ratesOf = (sent: number): QueueRates => ({ sent, received: sent, dropped: 0 });
	return {
		snapshot: { time: 0, directory: "/dev/shm", regions },
		rates: new Map(Object.entries(rates).map(([key, sent]) => [key, ratesOf(sent)])),
	};
}

export { rateKey };

/** A workflow in which one participant has died. */
export const climate = region("climate", {
	participants: [
		participant(0, "steer", { waits: [{ for: "message", object: "values", of: 1 }] }),
		participant(1, "evaluate", { alive: false }),
		participant(2, "", { waits: [{ for: "mutex", object: "totals", of: 0 }] }),
	],
	queues: [
		queue("values", { consumer: 0, producer: 1 }),
		queue("guesses", { producer: 0, depth: 3, bytes: 95 }),
	],
});
