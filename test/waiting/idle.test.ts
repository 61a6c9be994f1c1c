/** The cost of waiting. */
import { promises, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Child, directory, eachInFolder, limitedTest, PATIENCE, within } from "../fixture/index.js";
import { module, open, textOf } from "./stage.js";

/** Milliseconds over which the processor time of waiters is measured. The full figure is 10 s. */
const IDLE = Number(process.env.DHMEM_TEST_IDLE ?? 3000);

eachInFolder();

limitedTest(`a waiting participant uses under 1 % of a core over ${IDLE} ms`, async () => {
	const ways = ["receive", "receiveSync", "send", "sendSync", "wait", "waitSync", "peer"];
	// One after another would take seven times as long; each is still measured by itself.
	const shares = await Promise.all(
		[...ways, "spinning"].map(async (way, index) => {
			const folder = `${directory}/${index}`;
			await promises.mkdir(folder);
			const started = new Child(module, "idle", [folder, way, way === "spinning" ? 300 : IDLE]);
			assert.is(await started.hear(), "ready");
			const { used, took } = (await started.hear()) as { used: number; took: number };
			if (way !== "spinning") assert.ok(took >= IDLE - 2, `${way} ended after ${took} ms`);
			return [way, used / took] as const;
		}),
	);
	for (const [way, share] of shares) {
		// The control: what doesn't sleep is seen to, also if it has a small part of a core.
		if (way === "spinning") assert.ok(share > 0.01, `spinning used ${share} of a core`);
		else assert.ok(share < 0.01, `${way} used ${share} of a core`);
	}
});

limitedTest("1,000 pending receives on 100 queues leave libuv's pool free, and each is woken", async () => {
	const region = open();
	const consumers = Array.from({ length: 100 }, (_, i) => region.queue(`q${i}`).consumer());
	const before = readdirSync("/proc/self/task").length;
	let settled = 0;
	const waits = consumers.map((consumer) =>
		Array.from({ length: 10 }, async () => {
			const text = textOf(await consumer.receive());
			settled++;
			return text;
		}),
	);
	const reads = Array.from({ length: 20 }, () => promises.readFile(fileURLToPath(module)));
	await within(PATIENCE, "reading files", Promise.all(reads));
	assert.is(settled, 0);
	// Node's own pool may have started meanwhile, with 4 threads; the waiter is one.
	assert.ok(readdirSync("/proc/self/task").length <= before + 5);
	const sender = new Child(module, "scatter", [directory, 100, 10]);
	const texts = await within(PATIENCE, "waking", Promise.all(waits.map((queue) => Promise.all(queue))));
	for (const queue of texts) assert.equal(queue, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
	assert.is(await sender.hear(), "done");
	for (const consumer of consumers) assert.is(await consumer.receive({ timeout: PATIENCE }), undefined);
});

test.run();
