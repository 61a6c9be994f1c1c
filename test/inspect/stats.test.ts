/** What stats() and entries() say. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openToWatch } from "../../src/attachment/watching.js";
import { readQueue } from "../../src/inspect/stats.js";
import { listObjects } from "../../src/objects/directory.js";
import { open, started } from "../attachment/stage.js";
import { eachInFolder, limitedTest, regionPath } from "../fixture/index.js";

eachInFolder();

limitedTest("labels, participants and entries", async () => {
	const region = open({ label: "evaluate" });
	const other = open({ label: "" });
	open({ label: "Überlänge ".repeat(40) });
	const child = await started("stay", '{"label":"from another process"}');
	const labels = () => region.stats().participants.map(({ label }) => label);
	assert.equal(labels().slice(0, 2), ["evaluate", ""]);
	assert.ok(labels()[2]?.startsWith("Überlänge Überlänge"));
	assert.not(labels()[2]?.includes("\ufffd"), "a label is cut between characters");
	assert.is(labels()[3], "from another process");
	assert.equal(
		region.stats().participants.map(({ slot, alive }) => [slot, alive]),
		[
			[0, true],
			[1, true],
			[2, true],
			[3, true],
		],
	);
	await child.kill();
	const killed = region.stats().participants[3];
	assert.equal([killed?.alive, killed?.label], [false, "from another process"]);
	assert.is(region.recover(), 1);
	assert.is(region.recover(), 0);
	assert.is(region.stats().participants.length, 3);
	other.close();
	assert.is(region.stats().participants.length, 2);

	region.queue("bytes", { capacity: 1000 });
	region.queue("numbers", { record: "i64", capacity: 10 });
	region.queue("ünïcödé ✓");
	const entries = region.entries().sort((a, b) => (a.name < b.name ? -1 : 1));
	assert.equal(entries, [
		{ name: "bytes", type: "a queue of 1000 bytes" },
		{ name: "numbers", type: "a queue of i64 records with capacity 10" },
		{ name: "ünïcödé ✓", type: "a queue of 1048576 bytes" },
	]);
	const stats = region.stats();
	assert.is(stats.objects, 3);
	assert.equal(stats.queues.map(({ name }) => name).sort(), ["bytes", "numbers", "ünïcödé ✓"]);
	assert.ok(stats.used > 0 && stats.committed >= stats.used && stats.committed < stats.size);
	assert.ok(stats.largestFree > 0 && stats.largestFree < stats.size);
});

limitedTest("the default label is the task's name, else host and process", () => {
	const old = process.env.DHMEM_TASK;
	try {
		process.env.DHMEM_TASK = "steer";
		assert.is(open().stats().participants[0]?.label, "steer");
		delete process.env.DHMEM_TASK;
		assert.match(open().stats().participants[1]?.label ?? "", new RegExp(`:${process.pid}$`));
	} finally {
		if (old === undefined) delete process.env.DHMEM_TASK;
		else process.env.DHMEM_TASK = old;
	}
});

limitedTest("queues say how much went through them", () => {
	const region = open();
	const queue = region.queue("q", { capacity: 1024 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	for (let i = 0; i < 5; i++) producer.trySend("12345678");
	consumer.tryReceive()?.release();
	const [stats] = region.stats().queues;
	assert.equal(stats, { name: "q", capacity: 1024, depth: 4, bytes: 64, sent: 5, received: 1, dropped: 0 });
});

limitedTest("a queue that is used while it is read never has a negative depth", () => {
	const queue = open().queue("q", { capacity: 1024 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	const attachment = openToWatch(regionPath("region"), "owner");
	const [at] = listObjects(attachment);
	const words = new Proxy(attachment.words, {
		get(target, index) {
			const value = Reflect.get(target, index);
			producer.trySend("12345678");
			consumer.tryReceive()?.release();
			return value;
		},
	});
	const busy = Object.create(attachment, { words: { value: words } });
	const { depth, bytes } = readQueue(busy, at as number);
	assert.ok(depth < 10 && bytes <= 1024, `${depth} messages, ${bytes} bytes`);
	attachment.close();
});

test.run();
