/** Participants come and go. */
import { statSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, count, directory, eachInFolder, errorOf, limitedTest } from "../fixture/index.js";
import { module, names, open, start, started } from "./stage.js";

const OPENS = Number(process.env.DHMEM_TEST_OPENS ?? count(100, 1000));
const PROCESSES = count(5, 50);

eachInFolder();

limitedTest("two opens in one process are two participants", () => {
	const region = open();
	const other = open();
	assert.is(region.stats().participants.length, 2);
	const producer = region.queue("q").producer();
	assert.is(
		codeOf(() => other.queue("q").producer()),
		"DHMEM_ENDPOINT_TAKEN",
	);
	const consumer = other.queue("q").consumer();
	producer.trySend("x");
	assert.is(consumer.tryReceive()?.text(), "x");
	// A block belongs to its owner.
	const block = region.allocate(10);
	assert.is(
		codeOf(() => other.save(block)),
		"DHMEM_BAD_ARGUMENT",
	);
	other.close();
	// Closing one does not affect the other.
	assert.is(producer.trySend("y"), true);
	assert.is(region.stats().participants.length, 1);
	assert.is(
		codeOf(() => consumer.tryReceive()),
		"DHMEM_CLOSED",
	);
});

limitedTest("there are 128 slots, and they are used again", async () => {
	const all = Array.from({ length: 128 }, () => open());
	assert.is(all[0]?.stats().participants.length, 128);
	const error = errorOf(() => open());
	assert.is(error.code, "DHMEM_TOO_MANY_PARTICIPANTS");
	assert.match(error.message, "128");
	all[77]?.close();
	const child = await started("stay", "{}");
	assert.is(
		codeOf(() => open()),
		"DHMEM_TOO_MANY_PARTICIPANTS",
	);
	await child.kill();
	// The slot of a dead participant is recovered and given out again.
	assert.is(open().stats().participants.length, 128);
});

limitedTest("worker threads open the region like anyone else, and leave it when they end", async () => {
	const region = open();
	const workers = Array.from({ length: 4 }, () => {
		const worker = new Worker(new URL(module), {
			workerData: { scenario: "stay", parameters: [directory, '{"label":"worker"}'] },
		});
		const heard = new Promise((resolve) => worker.once("message", resolve));
		return { worker, heard };
	});
	for (const { heard } of workers) assert.is(await heard, "ready");
	assert.is(region.stats().participants.filter(({ label }) => label === "worker").length, 4);
	// Two are ended, two leave.
	await Promise.all(workers.slice(0, 2).map(({ worker }) => worker.terminate()));
	region.recover();
	assert.is(region.stats().participants.length, 3);
	for (const { worker } of workers.slice(2)) {
		const exit = new Promise((resolve) => worker.once("exit", resolve));
		worker.postMessage("go");
		await exit;
	}
	assert.is(region.stats().participants.length, 1);
});

limitedTest(`${PROCESSES} processes that open the same new region at once all get the same one`, async () => {
	const children = await Promise.all(Array.from({ length: PROCESSES }, (_, i) => started("race", i)));
	for (const child of children) child.say("go");
	const inodes = await Promise.all(children.map((child) => child.hear()));
	assert.is(new Set(inodes).size, 1);
	assert.equal(names(), ["region.dhmem"]);
	const region = open();
	assert.is(statSync(region.path).ino, inodes[0]);
	assert.is(region.stats().participants.length, PROCESSES + 1);
	for (let i = 0; i < PROCESSES; i++) {
		const consumer = region.queue(`from ${i}`).consumer();
		assert.is(consumer.tryReceive()?.text(), String(i));
	}
	for (const child of children) child.say("go");
	for (const child of children) assert.is((await child.ended).code, 0);
	assert.is(region.stats().participants.length, 1);
});

limitedTest(`after ${OPENS} opens and closes nothing is left`, async () => {
	open();
	const child = start("openAndClose", [OPENS]);
	const result = (await child.hear()) as {
		before: object;
		after: object;
		participants: number;
		seen: number;
		last: number;
	};
	assert.equal(result.after, result.before);
	assert.is(result.participants, 2);
	assert.ok(result.seen > 0, "the control: an open region is seen");
	assert.is(result.last, 0);
	const { code } = await child.ended;
	assert.is(code, 0);
});

limitedTest("closing twice, and in any order, does nothing more", () => {
	const region = open();
	const producer = region.queue("q").producer();
	const block = region.allocate(10);
	const message = (() => {
		producer.trySend("x");
		return region.queue("q").consumer().tryReceive();
	})();
	const slot = producer.tryReserve(8);
	region.close();
	region.close();
	region[Symbol.dispose]();
	producer.close();
	slot?.abort();
	slot?.[Symbol.dispose]();
	message?.release();
	message?.[Symbol.dispose]();
	block[Symbol.dispose]();
	const again = open();
	assert.is(again.stats().participants.length, 1);
	// What was not released is delivered again, and what was only reserved is gone.
	const consumer = again.queue("q").consumer();
	assert.is(consumer.tryReceive()?.text(), "x");
	assert.is(consumer.tryReceive(), undefined);
});

test.run();
