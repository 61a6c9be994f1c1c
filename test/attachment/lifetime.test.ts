/** How long a region and its name exist. */
import { once } from "node:events";
import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, count, directory, eachInFolder, limitedTest, regionPath } from "../fixture/index.js";
import { names, open, start, started } from "./stage.js";

eachInFolder();

limitedTest("unlinking removes the name, and participants that have the region open keep it", () => {
	const region = open();
	const other = open();
	const producer = region.queue("q").producer();
	region.unlink();
	assert.equal(names(), []);
	assert.is(
		codeOf(() => region.unlink()),
		"DHMEM_NOT_FOUND",
	);
	assert.is(
		codeOf(() => Region.unlink("region", { directory })),
		"DHMEM_NOT_FOUND",
	);
	producer.trySend("x");
	assert.is(other.queue("q").consumer().tryReceive()?.text(), "x");
	// The next one is another region.
	const fresh = open({ mode: "create" });
	assert.equal(fresh.entries(), []);
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	Region.unlink("region", { directory });
	assert.equal(names(), []);
});

limitedTest("a persistent region stays, with what is in it", () => {
	const region = open();
	const producer = region.queue("q").producer();
	producer.trySend("x");
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	assert.is(open().queue("q").consumer().tryReceive()?.text(), "x");
	assert.equal(open().entries(), [{ name: "q", type: "a queue of 1048576 bytes" }]);
});

limitedTest("a last-close region goes with its last participant", async () => {
	const region = open({ lifetime: "last-close" });
	const second = open();
	const third = await started("stay", "{}");
	region.close();
	assert.equal(names(), ["region.dhmem"]);
	second.close();
	assert.equal(names(), ["region.dhmem"]);
	third.say("go");
	assert.is(await third.hear(), "closed");
	assert.equal(names(), []);
	await third.ended;

	// A name that belongs to another region by now is left alone.
	const old = open({ lifetime: "last-close" });
	open({ mode: "force-create" });
	old.close();
	assert.equal(names(), ["region.dhmem"]);
});

limitedTest("a last-close region whose last participant was killed counts as absent", async () => {
	const options = JSON.stringify({ lifetime: "last-close", size: "4MiB" });
	const killed = async () => {
		const child = await started("stay", options);
		await child.kill();
		assert.equal(names(), ["region.dhmem"]);
	};
	await killed();
	assert.equal(Region.list({ directory }), []);
	assert.equal(names(), []);

	await killed();
	assert.is(
		codeOf(() => open({ mode: "open" })),
		"DHMEM_NOT_FOUND",
	);
	assert.equal(names(), []);

	await killed();
	const { ino } = statSync(regionPath("region"));
	const fresh = open();
	assert.is.not(statSync(fresh.path).ino, ino);
	assert.is(fresh.stats().participants.length, 1);
	// This one is persistent, so it is not removed.
	fresh.close();
	assert.equal(Region.list({ directory }), ["region"]);
	Region.unlink("region", { directory });

	await killed();
	open({ mode: "create" });
	// It stays while one of the two is alive.
	Region.unlink("region", { directory });
	const child = await started("stay", options);
	open();
	await child.kill();
	assert.equal(Region.list({ directory }), ["region"]);
});

limitedTest("a last-close region keeps its name while any of many participants is in it", async () => {
	const times = count(60, 200);
	const children = Array.from({ length: 4 }, (_, i) => start("comeAndGo", [i, times]));
	// The control: they were there at the same time, and the name also changed hands.
	for (const child of children) assert.is(await child.hear(), "met");
	for (const child of children) child.say("stop");
	for (const child of children) {
		assert.is(await child.hear(), "gone");
		await child.ended;
	}
	assert.equal(names(), []);
});

limitedTest("list gives the regions' names, sorted, and leaves the rest alone", async () => {
	assert.equal(Region.list({ directory }), []);
	for (const name of ["b", "a", "c.d", "_", "a-1"]) open({}, name);
	assert.equal(Region.list({ directory }), ["_", "a", "a-1", "b", "c.d"]);
	assert.is(
		codeOf(() => Region.list({ directory: `${directory}/missing` })),
		"DHMEM_NOT_FOUND",
	);
});

limitedTest("a last-close region goes when its participants leave at the same moment", async () => {
	const leavers = 3;
	const code = `
		const { parentPort, workerData } = await import("node:worker_threads");
		const { Region } = await import(workerData.library);
		const region = Region.open("together", { directory: workerData.directory, lifetime: "last-close" });
		parentPort.postMessage("open");
		Atomics.wait(workerData.start, 0, 0);
		region.close();`;
	for (let round = 0; round < count(2, 30); round++) {
		const begin = new Int32Array(new SharedArrayBuffer(4));
		const workerData = { library: import.meta.resolve("dhmem"), directory, start: begin };
		const workers = Array.from(
			{ length: leavers },
			() => new Worker(new URL(`data:text/javascript,${encodeURIComponent(code)}`), { workerData }),
		);
		const ends = workers.map((worker) => once(worker, "exit"));
		await Promise.all(workers.map((worker) => once(worker, "message")));
		Atomics.store(begin, 0, 1);
		Atomics.notify(begin, 0);
		await Promise.all(ends);
		assert.equal(names(), [], `round ${round}`);
	}
});

test.run();
