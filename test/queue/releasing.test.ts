/** Releasing messages, and delivering unreleased ones again. */
import type { Message } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, fill, got, holder, open, patience } from "./stage.js";

eachInFolder();

test("messages are released in any order, and room returns in order", () => {
	const { producer, consumer } = ends(64);
	assert.is(fill(producer), 3);
	const [first, second, third] = consumer.receiveMany(3) as [Message, Message, Message];
	third.release();
	second.release();
	assert.is(producer.trySend("no room"), false);
	assert.is(first.text(), "0");
	first.release();
	assert.is(fill(producer), 3);
});

test("releasing twice does nothing, and using a released message is DHMEM_CLOSED", () => {
	const { region, producer, consumer } = ends(64);
	assert.is(fill(producer), 3);
	const message = got(consumer.tryReceive());
	message.release();
	message.release();
	message[Symbol.dispose]();
	assert.is(message.released, true);
	assert.is(region.stats().queues[0]?.received, 1);
	for (const use of [
		() => message.bytes,
		() => message.text(),
		() => message.as("u8"),
		() => message.take(),
	]) {
		fails("DHMEM_CLOSED", use);
	}
	assert.is(got(consumer.tryReceive()).text(), "1");
});

test("unreleased messages of a consumer that leaves are delivered again, released ones never", () => {
	const { queue, producer, consumer } = ends();
	for (let index = 0; index < 8; index++) producer.trySend(String(index));
	const messages = consumer.receiveMany(6);
	for (const index of [0, 2, 3, 5]) messages[index]?.release();
	consumer.close();
	// The first of them is still held when that consumer leaves too.
	const next = open().queue("q").consumer();
	const again = next.receiveMany(2);
	assert.equal(
		again.map((message) => message.text()),
		["1", "4"],
	);
	again[1]?.release();
	next.close();
	using last = queue.consumer();
	assert.equal(drain(last), ["1", "6", "7"]);
});

test("the room of a message that an earlier consumer released out of turn comes back with the release before it", () => {
	const { region, queue, producer, consumer } = ends(64);
	producer.trySend("1");
	producer.trySend("x".repeat(9));
	const [, second] = consumer.receiveMany(2);
	second?.release();
	consumer.close();
	using next = queue.consumer();
	got(next.tryReceive()).release();
	assert.equal([region.stats().queues[0]?.depth, region.stats().queues[0]?.bytes], [0, 0]);
	assert.is(producer.trySend("y".repeat(17)), true);
	assert.equal(drain(next), ["y".repeat(17)]);
});

test("a message can't be read or released after its consumer has left", () => {
	const { queue, producer, consumer } = ends(64);
	producer.close();
	consumer.close();
	using sender = open().queue("q").producer();
	const left = queue.consumer();
	assert.is(fill(sender), 3);
	const stale = got(left.tryReceive());
	left.close();
	using next = queue.consumer();
	stale.release();
	const message = got(next.tryReceive());
	stale.release();
	fails("DHMEM_CLOSED", () => stale.bytes);
	fails("DHMEM_CLOSED", () => stale.take());
	assert.is(sender.trySend("over it"), false);
	assert.is(message.text(), "0");
	message.release();
	assert.is(sender.trySend("now"), true);
});

test("a killed consumer's unreleased messages are delivered again, released ones are not", async () => {
	const region = open();
	const queue = region.queue("q");
	using producer = queue.producer(patience);
	for (let index = 0; index < 6; index++) producer.trySend(String(index));
	producer.trySend("a block", { block: region.allocate(100_000) });
	const child = await holder("consumer", 4, "[1,2]");
	await child.kill();
	using consumer = queue.consumer(patience);
	assert.equal(drain(consumer), ["0", "3", "4", "5", "a block"]);
});

test.run();
