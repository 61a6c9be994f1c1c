/** The end of a stream, and the streams after it. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { QUEUE_PRODUCER_WAITS } from "../../assembly/layout.js";
import { wordOf } from "../endurance/positions.js";
import { closeRegions, eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, failsLater, got, patience, waysToSend } from "./stage.js";

eachInFolder();

test("the consumer drains what was sent, then sees the end, again and again", async () => {
	const { producer, consumer } = ends();
	producer.trySend("last");
	producer.end();
	producer.end();
	assert.is(consumer.ended, false);
	assert.is(got(consumer.receiveSync()).text(), "last");
	assert.is(consumer.ended, false);
	assert.is(consumer.receiveSync(), undefined);
	assert.is(consumer.ended, true);
	assert.is(consumer.tryReceive(), undefined);
	assert.is(await consumer.receive(), undefined);
	assert.equal(consumer.receiveMany(5), []);
	for await (const _ of consumer) assert.unreachable();
	for await (const _ of consumer.batches(2)) assert.unreachable();
});

test("an empty stream ends too", () => {
	const { producer, consumer } = ends(64);
	producer.end();
	assert.is(consumer.receiveSync(), undefined);
});

test("sending after the end is DHMEM_QUEUE_ENDED", async () => {
	const { producer, consumer } = ends();
	producer.end();
	for (const send of Object.values(waysToSend)) {
		fails("DHMEM_QUEUE_ENDED", () => send(producer, "x"));
	}
	await failsLater("DHMEM_QUEUE_ENDED", producer.send("x"));
	assert.equal(drain(consumer), []);
});

test("there is room for the end, however full the ring is", () => {
	for (const length of [0, 1, 8, 9, 24]) {
		const { producer, consumer, region } = ends(64);
		let count = 0;
		while (producer.trySend(new Uint8Array(length))) count++;
		producer.end();
		for (let index = 0; index < count; index++) got(consumer.tryReceive()).release();
		assert.is(consumer.tryReceive(), undefined);
		assert.is(consumer.ended, true);
		assert.is(region.stats().queues[0]?.bytes, 0);
		closeRegions();
	}
});

test("the next stream begins behind the end, for the next consumer", () => {
	const { queue, producer, consumer } = ends();
	producer.trySend("first stream");
	producer.end();
	producer.close();
	const second = queue.producer();
	second.trySend("second stream");
	assert.equal(drain(consumer), ["first stream"]);
	assert.is(consumer.ended, true);
	assert.equal(drain(consumer), []);
	consumer.close();
	using next = queue.consumer();
	assert.is(next.ended, false);
	assert.equal(drain(next), ["second stream"]);
	assert.is(next.ended, false);
	second.end();
	assert.is(next.receiveSync(), undefined);
});

test("unread streams pile up until the ring is full of their ends", () => {
	const { queue, producer, consumer } = ends(64);
	producer.close();
	for (let stream = 0; stream < 8; stream++) {
		using each = queue.producer();
		each.end();
	}
	using ninth = queue.producer();
	fails("DHMEM_TIMEOUT", () => ninth.end());
	assert.is(consumer.receiveSync(), undefined);
	ninth.end();
});

test("a consumer that saw the end leaves unreleased messages, and the end, to the next one", () => {
	const { queue, producer, consumer } = ends();
	producer.trySend("a");
	producer.trySend("b");
	producer.end();
	const [, second] = consumer.receiveMany(3);
	assert.is(consumer.receiveSync(), undefined);
	second?.release();
	consumer.close();
	using next = queue.consumer();
	assert.equal(drain(next), ["a"]);
	assert.is(next.ended, true);
});

test("a producer that waits for room is woken when the end of a stream makes it", async () => {
	const { region, queue, producer, consumer } = ends(64);
	producer.trySend("");
	producer.end();
	producer.close();
	using next = queue.producer(patience);
	got(consumer.tryReceive()).release();
	assert.ok(next.trySend(new Uint8Array(16)));
	assert.ok(next.trySend(new Uint8Array(16)));
	const sent = next.send("");
	assert.is(wordOf(region.path, "q", QUEUE_PRODUCER_WAITS), 1);
	assert.is(consumer.tryReceive(), undefined);
	assert.is(consumer.ended, true);
	assert.is(wordOf(region.path, "q", QUEUE_PRODUCER_WAITS), 0);
	await sent;
});

test.run();
