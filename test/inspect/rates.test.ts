/** Rates from two snapshots of the same queues. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { WatchedQueue } from "../../src/inspect/contents.js";
import { rateKey, ratesBetween } from "../../src/inspect/rates.js";
import type { ReadRegion, Snapshot, WatchedRegion } from "../../src/inspect/watcher.js";

function snapshot(...regions: WatchedRegion[]): Snapshot {
	return { time: 0, directory: "/dev/shm", regions };
}

function region(clock: number, queues: WatchedQueue[], rest: Partial<ReadRegion> = {}): ReadRegion {
	return {
		...{ name: "r", path: "/dev/shm/r.dhmem", identity: "1", clock, size: 0, used: 0, committed: 0 },
		trimmable: 0,
		...{ participants: [], objects: 0, queues, mutexes: [], conditions: [] },
		...rest,
	};
}

function queue(sent: number, received: number, rest: Partial<WatchedQueue> = {}): WatchedQueue {
	return {
		...{ name: "q", identity: "1", kind: "messages", record: undefined, policy: "block", capacity: 64 },
		...{ depth: 0, bytes: 0, sent, received, dropped: 0, producer: null, consumer: null, ended: false },
		...rest,
	};
}

const rate = (before: WatchedRegion, after: WatchedRegion) =>
	ratesBetween(snapshot(before), snapshot(after)).get(rateKey("r", "q"));

test("rates are per second, also when a counter starts again from zero", () => {
	assert.equal(rate(region(1000, [queue(10, 5)]), region(1500, [queue(20, 5)])), {
		...{ sent: 20, received: 0, dropped: 0 },
	});
	assert.is(rate(region(0, [queue(2 ** 32 - 5, 0)]), region(1000, [queue(5, 0)]))?.sent, 10);
});

test("a region or queue that was recreated under the same name has no rates yet", () => {
	const before = region(0, [queue(10, 5)]);
	assert.is(rate(before, region(1000, [queue(20, 5, { identity: "2" })])), undefined);
	assert.is(rate(before, region(1000, [queue(20, 5)], { identity: "2" })), undefined);
	assert.is(rate(region(0, []), region(1000, [queue(20, 5)])), undefined);
	assert.is(rate(before, region(0, [queue(20, 5)])), undefined, "the same moment");
	const unreadable = { name: "r", path: "r", error: { code: undefined, text: "gone" } };
	assert.is(rate(unreadable, before), undefined);
	assert.is(rate(before, unreadable), undefined);
});

test.run();
