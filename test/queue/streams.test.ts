/** Node's streams over queues. */
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, failsLater } from "./stage.js";

eachInFolder();

test("streams carry bytes from one to the other, copies, to the end", async () => {
	const { region, producer, consumer } = ends(4096);
	const before = region.stats().used;
	const chunks = Array.from({ length: 300 }, (_, index) => Buffer.alloc((index * 97) % 5000, index));
	const sent = pipeline(Readable.from(chunks), producer.writable());
	const received: Buffer[] = [];
	for await (const chunk of consumer.readable()) {
		assert.not.instance((chunk as Buffer).buffer, SharedArrayBuffer);
		received.push(chunk as Buffer);
	}
	await sent;
	assert.ok(Buffer.concat(chunks).equals(Buffer.concat(received)));
	assert.is(consumer.ended, true);
	assert.is(region.stats().used, before);
	assert.is(region.stats().queues[0]?.depth, 0);
});

test("a readable stream fails when the producer goes, and a destroyed one leaves the rest in the queue", async () => {
	const { queue, producer, consumer } = ends();
	const stream = consumer.readable();
	producer.trySend("only");
	const read = async (): Promise<string> => {
		let text = "";
		for await (const chunk of stream) {
			text += chunk;
			producer.close();
		}
		return text;
	};
	await failsLater("DHMEM_PEER_GONE", read());

	using next = queue.producer();
	const other = consumer.readable();
	other.resume();
	await turn();
	other.destroy();
	await once(other, "close");
	next.trySend("for the next reader");
	await turn();
	assert.equal(drain(consumer), ["for the next reader"]);
});

test("a writable stream waits for room, and ends the queue with itself and not before", async () => {
	const { queue, producer, consumer } = ends(64);
	const stream = producer.writable();
	for (let index = 0; index < 10; index++) stream.write(String(index));
	const finished = once(stream, "finish");
	stream.end("last");
	let text = "";
	for await (const message of consumer) text += message.text();
	assert.is(text, "0123456789last");
	await finished;

	producer.close();
	consumer.close();
	using nextProducer = queue.producer();
	using nextConsumer = queue.consumer();
	const broken = nextProducer.writable();
	broken.write("x");
	await turn();
	broken.destroy();
	await once(broken, "close");
	assert.equal(drain(nextConsumer), ["x"]);
	assert.is(nextConsumer.ended, false);
});

test.run();
