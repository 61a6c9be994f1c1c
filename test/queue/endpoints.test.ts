/** The participants that hold a queue's endpoints. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, failsLater, open, waysToSend } from "./stage.js";

eachInFolder();

test("a second producer or consumer is DHMEM_ENDPOINT_TAKEN, from the same participant or another", () => {
	const { queue, producer, consumer } = ends();
	const elsewhere = open().queue("q");
	for (const each of [queue, elsewhere]) {
		fails("DHMEM_ENDPOINT_TAKEN", () => each.producer());
		fails("DHMEM_ENDPOINT_TAKEN", () => each.consumer());
	}
	producer.close();
	consumer.close();
	elsewhere.producer().close();
	queue.consumer().close();
});

test("messages are received even if their sender left the region before the receiver came", () => {
	const sender = open();
	{
		using producer = sender.queue("q").producer();
		producer.trySend("one");
		producer.trySend("two".repeat(500_000));
		producer.end();
	}
	const receiver = open();
	sender.close();
	using consumer = receiver.queue("q").consumer();
	assert.equal(drain(consumer), ["one", "two".repeat(500_000)]);
	assert.is(consumer.ended, true);
});

test("a producer that leaves does not end the stream, and the next one continues it", () => {
	const { queue, producer, consumer } = ends();
	producer.trySend("a");
	producer.close();
	assert.equal(drain(consumer), ["a"]);
	assert.is(consumer.ended, false);
	using next = queue.producer();
	next.trySend("b");
	assert.equal(drain(consumer), ["b"]);
});

test("a closed endpoint throws DHMEM_CLOSED, and closing it twice does nothing", async () => {
	const { region, producer, consumer } = ends();
	producer.close();
	producer.close();
	consumer.close();
	for (const send of Object.values(waysToSend)) {
		fails("DHMEM_CLOSED", () => send(producer, "x"));
	}
	for (const act of [
		() => producer.end(),
		() => consumer.tryReceive(),
		() => consumer.receiveSync(),
		() => consumer.receiveMany(1),
	]) {
		fails("DHMEM_CLOSED", act);
	}
	for (const act of [() => producer.send("x"), () => consumer.receive(), () => consumer.batches(1).next()]) {
		await failsLater("DHMEM_CLOSED", act());
	}
	const next = region.queue("q").producer();
	region.close();
	fails("DHMEM_CLOSED", () => next.trySend("x"));
});

test("an old endpoint can't act for a new one of the same participant", () => {
	const { queue, producer, consumer } = ends();
	producer.close();
	using next = queue.producer();
	fails("DHMEM_CLOSED", () => producer.trySend("from the old one"));
	next.trySend("from the new one");
	assert.equal(drain(consumer), ["from the new one"]);
});

test.run();
