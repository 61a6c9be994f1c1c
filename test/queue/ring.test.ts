/** The ring of a queue: its capacity, and its positions beyond 2^32. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Payloads } from "../endurance/payload.js";
import { positionsOf, startAt } from "../endurance/positions.js";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, got, open } from "./stage.js";

eachInFolder();

test("a capacity is rounded up to a power of two of at least 64", () => {
	const region = open();
	for (const [asked, given] of [
		[1, 64],
		[64, 64],
		[65, 128],
		["1KiB", 1024],
		["1 KB", 1024],
	] as const) {
		assert.is(region.queue(`of ${asked}`, { capacity: asked }).capacity, given);
	}
	assert.is(region.queue("default").capacity, 2 ** 20);
});

test("a queue accepts its capacity or none, and another is DHMEM_TYPE_MISMATCH", () => {
	const region = open();
	region.queue("q", { capacity: 100 });
	assert.is(region.queue("q").capacity, 128);
	assert.is(region.queue("q", { capacity: 100 }).capacity, 128);
	for (const act of [
		() => region.queue("q", { capacity: 200 }),
		() => region.queue("q", { record: "f64" }),
	]) {
		fails("DHMEM_TYPE_MISMATCH", act);
	}
});

test("every size goes through the smallest ring, from every position in it", () => {
	const { region, producer, consumer } = ends(64);
	const before = region.stats().used;
	const payloads = new Payloads(5, 100);
	for (let shift = 0; shift < 8; shift++) {
		for (let length = 0; length < 80; length++) {
			const bytes = payloads.bytes(shift * 80 + length, length);
			assert.ok(producer.trySend(bytes), `${length} bytes`);
			const message = got(consumer.tryReceive());
			assert.ok(payloads.isRight(shift * 80 + length, message.bytes), `${length} bytes`);
			message.release();
		}
		producer.trySend("");
		got(consumer.tryReceive()).release();
	}
	assert.is(region.stats().used, before);
});

for (const before of [8, 16, 24, 64, 72, 1000]) {
	test(`positions go on past 2^32, from ${before} before it`, () => {
		const region = open();
		const queue = region.queue("q", { capacity: 128 });
		startAt(region.path, "q", 2 ** 32 - before);
		using producer = queue.producer();
		using consumer = open().queue("q").consumer();
		const text = (sequence: number) => String(sequence).repeat(1 + (sequence % 3));
		let sent = 0;
		let received = 0;
		while (received < 500) {
			while (producer.trySend(text(sent))) sent++;
			const messages = consumer.receiveMany(1 + (received % 4));
			for (const message of messages) assert.is(message.text(), text(received++));
			for (const message of messages.reverse()) message.release();
		}
		assert.is(drain(consumer).length, sent - received);
		assert.ok(positionsOf(region.path, "q").tail < 100_000, "2^32 was not reached");
		assert.is(region.stats().queues[0]?.bytes, 0);
		assert.is(region.stats().queues[0]?.depth, 0);
	});
}

test.run();
