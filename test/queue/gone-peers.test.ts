/** A producer or consumer that has left or was killed. */
import { setImmediate as turn } from "node:timers/promises";
import type { Consumer, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder, regions } from "../fixture/index.js";
import { ends, fails, failsLater, failsWith, fill, got, holder, open, patience } from "./stage.js";

eachInFolder();

test("a consumer whose producer left without an end gets DHMEM_PEER_GONE, when all is drained", async () => {
	const { queue, producer, consumer } = ends();
	producer.trySend("a");
	producer.trySend("b");
	producer.close();
	assert.is(got(consumer.receiveSync()).text(), "a");
	assert.is(got(await consumer.receive()).text(), "b");
	await failsLater("DHMEM_PEER_GONE", consumer.receive());
	fails("DHMEM_PEER_GONE", () => consumer.receiveSync());
	assert.is(consumer.tryReceive(), undefined);
	using next = queue.producer();
	const received = consumer.receive();
	next.trySend("c");
	assert.is(got(await received).text(), "c");
});

test("a producer whose consumer left gets DHMEM_PEER_GONE when it has to wait", async () => {
	const { producer, consumer } = ends(64);
	fill(producer);
	const sent = producer.send("x");
	await turn();
	consumer.close();
	await failsLater("DHMEM_PEER_GONE", sent);
	fails("DHMEM_PEER_GONE", () => producer.sendSync("x"));
	assert.is(producer.trySend("x"), false);
});

test("a peer that has not come yet, or had left before, is never an error", async () => {
	const region = open();
	const queue = region.queue("q", { capacity: 64 });
	queue.producer().close();
	queue.consumer().close();
	using consumer = queue.consumer({ timeout: 1 });
	await failsLater("DHMEM_TIMEOUT", consumer.receive());
	consumer.close();
	using producer = queue.producer({ timeout: 1 });
	fill(producer);
	await failsLater("DHMEM_TIMEOUT", producer.send("x"));
});

test("a consumer that waits for the next stream gets no DHMEM_PEER_GONE for a producer that ended the last one", async () => {
	const { queue, producer, consumer } = ends();
	producer.end();
	assert.is(consumer.receiveSync(), undefined);
	consumer.close();
	using next = queue.consumer(patience);
	// It leaves after the next consumer has come.
	const received = next.receive();
	producer.close();
	fails("DHMEM_TIMEOUT", () => next.receiveSync({ timeout: 1 }));
	using second = queue.producer();
	second.trySend("the next stream");
	assert.is(got(await received).text(), "the next stream");
	second.close();
	await failsLater("DHMEM_PEER_GONE", next.receive());
});

test("the consumer of a killed producer drains the queue, and then gets DHMEM_PEER_GONE", async () => {
	const queue = open().queue("q");
	using consumer = queue.consumer(patience);
	const child = await holder("producer", 3, 0);
	child.signal("SIGKILL");
	const texts: string[] = [];
	const loop = async (): Promise<void> => {
		for await (const message of consumer) texts.push(message.text());
	};
	await failsLater("DHMEM_PEER_GONE", loop());
	assert.equal(texts, ["0", "1", "2"]);
});

test("an empty queue that is removed ends its receives with DHMEM_CLOSED", async () => {
	const region = open();
	const queue = region.queue("q", { capacity: 64 });
	const producer = queue.producer();
	const receiving = queue.consumer().receive();
	region.remove("q");
	await failsLater("DHMEM_CLOSED", receiving);
	assert.ok(producer.closed);
});

test("a full queue that is removed ends its sends with DHMEM_CLOSED", async () => {
	const region = open();
	const queue = region.queue("q", { capacity: 64 });
	const consumer = queue.consumer();
	const producer = queue.producer();
	fill(producer);
	const sending = producer.send("x");
	region.remove("q");
	await failsLater("DHMEM_CLOSED", sending);
	assert.ok(consumer.closed);
});

test("queue.waitForPeer() waits until a participant has the other endpoint", async () => {
	const { queue, producer, consumer } = ends();
	await queue.waitForPeer(patience);
	consumer.close();
	await failsLater("DHMEM_TIMEOUT", queue.waitForPeer({ timeout: 1 }));
	const waiting = queue.waitForPeer(patience);
	using next = regions[1]?.queue("q").consumer() as Consumer;
	await waiting;
	const aborter = new AbortController();
	producer.close();
	const aborted = (regions[1] as Region).queue("q").waitForPeer({ signal: aborter.signal });
	const reason = new Error("enough");
	aborter.abort(reason);
	await failsWith(reason, aborted);
	assert.is(next.closed, false);
});

test.run();
