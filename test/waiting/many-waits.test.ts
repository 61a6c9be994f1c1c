/** Very many waits at once. */
import { getEventListeners } from "node:events";
import { DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, codeOfLater, PATIENCE, processorTime, regionTest } from "../fixture/index.js";

const MANY = 40_000;

regionTest(
	"the largest number of pending receives is served in time proportional to their number",
	async (region) => {
		const queue = region.queue("q", { capacity: "1MiB" });
		const producer = queue.producer();
		const consumer = queue.consumer();
		const serve = async (count: number) => {
			const order: number[] = [];
			const waits = Array.from({ length: count }, async (_, index) => {
				using message = await consumer.receive();
				order.push(Number(message?.text()));
				return index;
			});
			const took = await processorTime(async () => {
				for (let index = 0; index < count; index++) {
					await producer.send(`${index}`);
					// Each is a ring of its own.
					if (index % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
				}
				await Promise.all(waits);
			});
			assert.equal(
				order,
				Array.from({ length: count }, (_, index) => index),
			);
			return took;
		};
		await serve(1000);
		const few = await serve(MANY / 20);
		const many = await serve(MANY);
		// Quadratic time would be 400 times as long.
		assert.ok(many < 120 * few + 500, `${few} ms for a twentieth, ${many} ms for all`);
	},
);

regionTest(
	"the largest number of waiters get a mutex in turn, in time proportional to their number",
	async (region) => {
		using other = Region.open(region.name);
		const mutex = region.mutex("m");
		const serve = async (count: number) => {
			const held = other.mutex("m").lockSync();
			const order: number[] = [];
			const waits = Array.from({ length: count }, async (_, index) => {
				using _lock = await mutex.lock();
				order.push(index);
			});
			const took = await processorTime(async () => {
				held.unlock();
				await Promise.all(waits);
			});
			assert.ok(order.every((index, place) => index === place));
			return took;
		};
		await serve(500);
		const few = await serve(1000);
		const many = await serve(20_000);
		assert.ok(many < 120 * few + 500, `${few} ms for a twentieth, ${many} ms for all`);
	},
);

regionTest(
	"each of many waits in line has its own timeout and signal, and the others keep their turn",
	async (region) => {
		const queue = region.queue("q");
		const producer = queue.producer();
		const consumer = queue.consumer();
		const aborter = new AbortController();
		const waits = Array.from({ length: 300 }, (_, index) => {
			if (index % 3 === 1) return consumer.receive({ timeout: 1 });
			if (index % 3 === 2) return consumer.receive({ signal: aborter.signal });
			return consumer.receive({ timeout: PATIENCE });
		});
		const codes = waits.map(async (wait) => {
			try {
				return (await wait)?.text();
			} catch (error) {
				return (error as DhmemError).code;
			}
		});
		const timed = await Promise.all(codes.filter((_, index) => index % 3 === 1));
		assert.ok(timed.every((code) => code === "DHMEM_TIMEOUT"));
		aborter.abort(new DhmemError("DHMEM_CLOSED", "enough"));
		for (let index = 0; index < 100; index++) producer.trySend(`${index}`);
		assert.equal(
			await Promise.all(codes),
			Array.from({ length: 300 }, (_, index) => [`${index / 3}`, "DHMEM_TIMEOUT", "DHMEM_CLOSED"][index % 3]),
		);
	},
);

regionTest("waits in many regions add one listener to the signal that they share", async (region) => {
	const aborter = new AbortController();
	const { signal } = aborter;
	const others = Array.from({ length: 12 }, () => Region.open(region.name));
	const waits = others.map((each, index) => each.queue(`q${index}`).consumer().receive({ signal }));
	assert.is(getEventListeners(signal, "abort").length, 1);
	aborter.abort("enough");
	for (const wait of waits) assert.is(await wait.catch((error) => error), "enough");
	assert.is(getEventListeners(signal, "abort").length, 0);
	for (const each of others) each.close();
});

regionTest("closing an endpoint rejects all its pending waits", async (region) => {
	const queue = region.queue("q");
	const consumer = queue.consumer();
	const waits = Array.from({ length: 1000 }, () => codeOfLater(consumer.receive()));
	consumer.close();
	assert.ok((await Promise.all(waits)).every((code) => code === "DHMEM_CLOSED"));
	const next = queue.consumer();
	const others = Array.from({ length: 1000 }, () => codeOfLater(next.receive()));
	region.close();
	assert.ok((await Promise.all(others)).every((code) => code === "DHMEM_CLOSED"));
	assert.is(
		codeOf(() => next.tryReceive()),
		"DHMEM_CLOSED",
	);
});

test.run();
