/** Waiting and the event loop. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder, limitedTest } from "../fixture/index.js";
import { open } from "./stage.js";

eachInFolder();

/** Runs `body` until a timer has fired 20 times meanwhile, or some time is over. Returns how often it fired. */
async function ticksDuring(
	milliseconds: number,
	body: (enough: () => boolean) => Promise<unknown>,
): Promise<number> {
	let ticks = 0;
	const timer = setInterval(() => {
		ticks++;
	}, 1);
	const end = performance.now() + milliseconds;
	try {
		await body(() => ticks >= 20 || performance.now() > end);
	} finally {
		clearInterval(timer);
	}
	return ticks;
}

limitedTest("loops over a queue that is never empty, or never full, let timers run", async () => {
	const control = await ticksDuring(100, async (enough) => {
		while (!enough()) await undefined;
	});
	assert.is(control, 0, "the control");

	const region = open();
	const queue = region.queue("busy");
	const consumer = queue.consumer();
	const producer = queue.producer();
	for (let i = 0; i < 1000; i++) producer.trySend("x");
	const iteration = await ticksDuring(10_000, async (enough) => {
		for await (const message of consumer) {
			assert.ok(producer.trySend("x"));
			if (!enough()) continue;
			// Unreleased, it would hold the ring's room.
			message.release();
			break;
		}
	});
	assert.ok(iteration >= 20, `for await: ${iteration}`);
	const batches = await ticksDuring(10_000, async (enough) => {
		for await (const batch of consumer.batches(50)) {
			for (const _ of batch) assert.ok(producer.trySend("x"));
			if (!enough()) continue;
			for (const message of batch) message.release();
			break;
		}
	});
	assert.ok(batches >= 20, `batches: ${batches}`);
	assert.is(region.stats().queues[0]?.depth, 1000);

	const sending = await ticksDuring(10_000, async (enough) => {
		while (!enough()) {
			await producer.send("x");
			consumer.tryReceive()?.release();
		}
	});
	assert.ok(sending >= 20, `send: ${sending}`);

	const records = region.queue("records", { record: "u8", capacity: 64 });
	const pushing = records.producer();
	const popping = records.consumer();
	pushing.push(1);
	const waiting = await ticksDuring(10_000, async (enough) => {
		while (!enough()) {
			await popping.wait();
			await pushing.wait();
		}
	});
	assert.ok(waiting >= 20, `wait: ${waiting}`);
});

test.run();
