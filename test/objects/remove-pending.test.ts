import { setImmediate as turn } from "node:timers/promises";
import { type DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, regionTest } from "../fixture/index.js";

/** The present state of a promise. */
function watched(promise: Promise<unknown>): { code: string | undefined } {
	const seen: { code: string | undefined } = { code: undefined };
	promise.then(
		(value) => {
			seen.code = String(value);
		},
		(error: DhmemError) => {
			seen.code = error.code;
		},
	);
	return seen;
}

regionTest("removing an object ends its pending waits at once", async (region) => {
	using other = Region.open(region.name);
	const theirs = other.mutex("mutex").lockSync();
	const queue = region.queue("queue");
	const records = region.queue("records", { record: "f64" });
	const mailbox = region.queue("mailbox", { policy: "latest" });
	const consumer = mailbox.consumer();
	const lonely = region.queue("lonely");
	const taken = region.queue("taken");
	using _theirEnd = other.queue("taken").producer();
	const pending = {
		// Two instances of one mutex.
		mutex: [watched(region.mutex("mutex").lock()), watched(region.mutex("mutex").lock())],
		lonely: [watched(lonely.waitForPeer())],
		taken: [watched(taken.acquireProducer())],
		queue: [watched(queue.waitForPeer()), watched(queue.consumer().receive())],
		records: [watched(records.consumer().wait())],
		mailbox: [watched(consumer.receive()), watched(consumer[Symbol.asyncIterator]().next())],
	};
	await turn();
	for (const [name, all] of Object.entries(pending)) {
		for (const each of all) assert.is(each.code, undefined, name);
		region.remove(name);
		await turn();
		for (const each of all) assert.is(each.code, "DHMEM_CLOSED", name);
	}
	theirs.unlock();
});

regionTest("removing a condition ends a wait at it, and the mutex is held again", async (region) => {
	const held = region.mutex("mutex").lockSync();
	const pending = watched(region.condition("condition").wait(held, { until: () => false }));
	region.remove("condition");
	await turn();
	assert.is(pending.code, "DHMEM_CLOSED");
	assert.is(held.held, true);
});

regionTest("removing its mutex ends a wait at a condition, and the mutex is not held", async (region) => {
	const held = region.mutex("mutex").lockSync();
	const pending = watched(region.condition("condition").wait(held, { until: () => false }));
	region.remove("mutex");
	await turn();
	assert.is(pending.code, "DHMEM_CLOSED");
	assert.is(held.held, false);
	held.unlock();
	assert.ok(region.mutex("mutex").tryLock(), "there is a new one");
});

regionTest(
	"a wait whose mutex was removed does not write into a queue in the same memory",
	async (region) => {
		for (let round = 0; round < 10; round++) {
			using waiter = Region.open(region.name);
			// So the place belonged to a queue with a received message, and belongs to a queue again.
			const old = region.queue("old", { capacity: 4096 });
			const [producer, consumer] = [old.producer(), old.consumer()];
			for (const text of ["", "stale"]) producer.trySend(text);
			for (let i = 0; i < 2; i++) consumer.tryReceive()?.release();
			region.remove("old");
			assert.ok(region.mutex("mutex").tryLock());
			const pending = watched(waiter.mutex("mutex").lock());
			await turn();
			waiter.remove("mutex");
			region.remove("mutex");
			const queue = region.queue("jobs", { capacity: 4096 });
			const [sender, receiver] = [queue.producer(), queue.consumer()];
			sender.trySend("");
			receiver.tryReceive()?.release();
			await turn();
			await turn();
			assert.is(receiver.tryReceive(), undefined, "a message that nobody sent");
			assert.is(pending.code, "DHMEM_CLOSED");
			region.remove("jobs");
		}
	},
);

regionTest(
	"a waiter for a mutex gets it when its holder removes it, with `abandoned` set",
	async (region) => {
		using other = Region.open(region.name);
		const theirs = other.mutex("mutex");
		const held = region.mutex("mutex").lockSync();
		const waiting = theirs.lock({ timeout: 60_000 });
		region.remove("mutex");
		assert.is(held.held, false);
		held.unlock();
		const lock = await waiting;
		assert.is(lock.abandoned, true);
		lock.unlock();
		assert.is(theirs.lockSync({ timeout: 60_000 }).abandoned, false);
		assert.is(region.mutex("mutex").tryLock()?.abandoned, false, "there is a new one, and it is nobody's");
	},
);

regionTest("a wait at a condition learns that its mutex was removed by the holder", async (region) => {
	using other = Region.open(region.name);
	const [mutex, condition] = [other.mutex("mutex"), other.condition("condition")];
	const held = mutex.lockSync();
	let ready = false;
	const waiting = condition.wait(held, { until: () => ready, timeout: 60_000 });
	assert.ok(region.mutex("mutex").tryLock());
	ready = true;
	region.remove("mutex");
	await waiting;
	assert.is(held.abandoned, true);
});

regionTest("a map that is removed during a change keeps working for others", (region) => {
	using other = Region.open(region.name);
	const map = region.map("map", { key: "string", value: "u32" });
	const theirs = other.map("map", { key: "string", value: "u32" });
	map.set("a", 1);
	const code = codeOf(() =>
		map.update("a", () => {
			region.remove("map");
			return 2;
		}),
	);
	assert.is(code, "DHMEM_CLOSED");
	theirs.set("b", 3);
	assert.equal(new Map(theirs), new Map(Object.entries({ a: 1, b: 3 })));
});

regionTest("converting a value runs no user code in the middle of a vector's change", (region) => {
	using other = Region.open(region.name);
	const vector = region.vector("vector", "f64");
	vector.push(1, 2);
	const theirs = other.vector("vector", "f64");
	const sly = {
		valueOf() {
			region.remove("vector");
			return 3;
		},
	} as unknown as number;
	assert.is(
		codeOf(() => vector.push(3, sly)),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => vector.set(0, sly)),
		"DHMEM_CLOSED",
	);
	assert.equal([...theirs], [1, 2]);
	theirs.push(3);
	assert.is(theirs.length, 3);
});

test.run();
