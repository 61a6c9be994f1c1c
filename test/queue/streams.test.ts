/** Node's streams over queues. */
import { getEventListeners, once } from "node:events";
import { Readable, type Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, failsLater, open } from "./stage.js";

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

test("a writable stream waits for room, and ends the queue only when it finishes", async () => {
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

test("an exception in a listener destroys the readable, and the chunk's message is received again", async () => {
	const { producer, consumer } = ends();
	for (const text of ["a", "b"]) producer.trySend(text);
	const stream = consumer.readable();
	const failed = once(stream, "error");
	stream.on("data", () => {
		throw new Error("no room for it");
	});
	assert.is((await failed)[0].message, "no room for it");
	assert.ok(stream.destroyed);
	assert.equal(drain(consumer), ["a", "b"]);
});

test("an exception in the callback of a write destroys the writable, which does not end the queue", async () => {
	const { producer, consumer } = ends();
	const stream = producer.writable();
	const failed = once(stream, "error");
	stream.write("a", () => {
		throw new Error("not expected");
	});
	assert.is((await failed)[0].message, "not expected");
	assert.ok(stream.destroyed);
	assert.equal(drain(consumer), ["a"]);
	assert.is(consumer.ended, false);
});

for (const [whose, controller] of [
	["Node's class", () => new AbortController()],
	["another class", () => new ForeignController()],
] as const) {
	test(`an endpoint's signal of ${whose} ends its streams`, async () => {
		const aborter = controller();
		const { signal } = aborter;
		const region = open();
		const readable = region.queue("empty").consumer({ signal }).readable().resume();
		const writable = region.queue("full", { capacity: 64 }).producer({ signal }).writable();
		for (let i = 0; i < 10; i++) writable.write("waits for room");
		await turn();
		const failed = [readable, writable].map((stream: Readable | Writable) => once(stream, "error"));
		const reason = new Error("enough");
		aborter.abort(reason);
		for (const [error] of await Promise.all(failed)) assert.is(error, reason);
	});
}

test("many streams with one signal leave one listener while they wait, and none afterwards", async () => {
	const { signal } = new AbortController();
	const region = open();
	const streams = Array.from({ length: 20 }, (_, i) => {
		const stream = region.queue(`q${i}`, { capacity: 64 }).consumer({ signal }).readable();
		return i < 15 ? stream.resume() : stream;
	});
	await turn();
	assert.is(getEventListeners(signal, "abort").length, 1);
	for (const stream of streams) stream.destroy();
	await turn();
	assert.is(getEventListeners(signal, "abort").length, 0);
});

test.run();

/** As in jsdom 20, which Jest 29 has: a signal of another class, without `throwIfAborted`. */
class ForeignController {
	#reason: Error | undefined;
	readonly #target = new EventTarget();
	readonly signal: AbortSignal;

	constructor() {
		const self = this;
		this.signal = {
			get aborted() {
				return self.#reason !== undefined;
			},
			get reason() {
				return self.#reason;
			},
			addEventListener: this.#target.addEventListener.bind(this.#target),
			removeEventListener: this.#target.removeEventListener.bind(this.#target),
		} as AbortSignal;
	}

	abort(reason: Error): void {
		this.#reason = reason;
		this.#target.dispatchEvent(new Event("abort"));
	}
}
