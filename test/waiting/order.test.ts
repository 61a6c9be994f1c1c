/** The order in which waits are served. */
import { setTimeout as delay } from "node:timers/promises";
import type { Message } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOfLater, eachInFolder, limitedTest, PATIENCE, within } from "../fixture/index.js";
import { open, receivedFrom, textOf } from "./stage.js";

eachInFolder();

limitedTest("pending receives of one queue are served in order, also a late one", async () => {
	const queue = open().queue("order");
	const consumer = queue.consumer();
	const producer = queue.producer();
	for (let round = 0; round < 20; round++) {
		const first = consumer.receive();
		const second = consumer.receive();
		for (const text of ["a", "b", "c"]) producer.trySend(text);
		// What was sent is already there when this one asks.
		const third = consumer.receive();
		assert.equal((await Promise.all([first, second, third])).map(textOf), ["a", "b", "c"]);
	}
});

limitedTest("sends that wait are sent in order, large before small", async () => {
	const queue = open().queue("order", { capacity: 1024 });
	const consumer = queue.consumer();
	const producer = queue.producer();
	for (let i = 0; i < 5; i++) assert.ok(producer.trySend(new Uint8Array(160)));
	const large = producer.send(new Uint8Array(400).fill(1));
	const small = producer.send(new Uint8Array(10).fill(2));
	// Room for the small one, and not for the large one.
	receivedFrom(consumer.tryReceive()).release();
	await delay(120);
	const order: number[] = [];
	while (order.length < 6) {
		const message = receivedFrom(await consumer.receive({ timeout: PATIENCE }));
		order.push(message.bytes[0] as number);
		message.release();
	}
	await Promise.all([large, small]);
	assert.equal(order, [0, 0, 0, 0, 1, 2]);
});

limitedTest("sends and receives keep their order without being awaited", async () => {
	const queue = open().queue("order");
	const consumer = queue.consumer();
	const producer = queue.producer();
	const sends: Promise<void>[] = [];
	for (let i = 0; i < 5000; i++) sends.push(producer.send(String(i)));
	await within(PATIENCE, "sending", Promise.all(sends));
	const receives: Promise<Message | undefined>[] = [];
	for (let i = 0; i < 5000; i++) receives.push(consumer.receive());
	const texts = (await within(PATIENCE, "receiving", Promise.all(receives))).map(textOf);
	assert.equal(
		texts,
		Array.from({ length: 5000 }, (_, i) => String(i)),
	);
});

limitedTest("when the first waiter gives up, the next is served", async () => {
	const queue = open().queue("order", { capacity: 1024 });
	const consumer = queue.consumer();
	const producer = queue.producer();
	for (let i = 0; i < 5; i++) assert.ok(producer.trySend(new Uint8Array(160)));
	const large = producer.send(new Uint8Array(400), { timeout: 100 });
	const small = producer.send(new Uint8Array(10));
	receivedFrom(consumer.tryReceive()).release();
	assert.is(await codeOfLater(large), "DHMEM_TIMEOUT");
	await within(PATIENCE, "the small one", small);

	const aborter = new AbortController();
	const other = open().queue("receives");
	const receiving = other.consumer();
	const first = receiving.receive({ signal: aborter.signal });
	const second = receiving.receive();
	aborter.abort(new Error("no more"));
	other.producer().trySend("for the second");
	assert.match(String(await first.catch((error: unknown) => error)), /no more/);
	assert.is(textOf(await within(PATIENCE, "the second", second)), "for the second");
});

test.run();
