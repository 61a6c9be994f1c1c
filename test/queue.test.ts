import { type ChildProcess, fork } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import {
	type Block,
	type Consumer,
	type DhmemErrorCode,
	type Message,
	type Producer,
	type Queue,
	Region,
	type Sendable,
} from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { QUEUE_CLAIMED, QUEUE_PRODUCER_WAITS, QUEUE_TAIL, RECORD_HEADER } from "../assembly/layout.js";
import { runModel } from "./endurance/model.js";
import { runPair } from "./endurance/pair.js";
import { paths } from "./endurance/paths.js";
import { Checker, Payloads, StreamChecker } from "./endurance/payload.js";
import { positionsOf, startAt, wordOf } from "./endurance/positions.js";
import { codeOf, codeOfLater } from "./region-child.js";

/** Nothing that is waited for here takes this long, on however busy a machine. */
const patience = { timeout: 20_000 };

let name = "";
let regions: Region[] = [];
let children: ChildProcess[] = [];

test.before.each(() => {
	name = `queue-test-${randomUUID()}`;
});

test.after.each(async () => {
	for (const child of children) {
		if (child.exitCode !== null || child.signalCode !== null) continue;
		child.kill("SIGKILL");
		await once(child, "exit");
	}
	children = [];
	for (const region of regions) region.close();
	regions = [];
	remove();
});

function remove(): void {
	if (Region.list().includes(name)) Region.unlink(name);
}

// Also when the run is cut off in the middle of a test.
process.once("exit", remove);

/** A participant in the test's region. */
function open(size = "4MiB"): Region {
	const region = Region.open(name, regions.length === 0 ? { size } : {});
	regions.push(region);
	return region;
}

interface Ends {
	region: Region;
	queue: Queue;
	producer: Producer;
	consumer: Consumer;
}

/** A queue between two participants of this process. */
function ends(capacity = 1024, size?: string): Ends {
	const region = open(size);
	const queue = region.queue("q", { capacity });
	return {
		region,
		queue,
		producer: queue.producer(patience),
		consumer: open().queue("q").consumer(patience),
	};
}

function fails(code: DhmemErrorCode, act: () => unknown): void {
	assert.is(codeOf(act), code);
}

async function failsLater(code: DhmemErrorCode, promise: Promise<unknown>): Promise<void> {
	assert.is(await codeOfLater(promise), code);
}

/** Checks that the promise is rejected with this very reason. */
async function failsWith(reason: Error, promise: Promise<unknown>): Promise<void> {
	const outcome = await promise.then(
		() => undefined,
		(error: unknown) => error,
	);
	assert.is(outcome, reason);
}

function got(message: Message | undefined): Message {
	if (message === undefined) throw new Error("No message came");
	return message;
}

/** The texts of what is there, each released. */
function drain(consumer: Consumer): string[] {
	const texts: string[] = [];
	for (let message = consumer.tryReceive(); message; message = consumer.tryReceive()) {
		texts.push(message.text());
		message.release();
	}
	return texts;
}

/** Sends the messages "0", "1", … as long as there is room; how many. */
function fill(producer: Producer): number {
	for (let count = 0; ; count++) if (!producer.trySend(String(count))) return count;
}

/** Every way to send without waiting, and what each does with a message. */
const waysToSend: Record<string, (producer: Producer, data: Sendable) => void> = {
	trySend: (producer, data) => producer.trySend(data),
	sendSync: (producer, data) => producer.sendSync(data),
	sendMany: (producer, data) => producer.sendMany([data]),
	tryReserve: (producer, data) => {
		const bytes = Buffer.from(data as string);
		const slot = producer.tryReserve(bytes.length);
		slot?.bytes.set(bytes);
		slot?.commit();
	},
};

// ---------------------------------------------------------------------------------- what is sent arrives

test("text arrives as UTF-8, and a view as the bytes that it shows", () => {
	const { producer, consumer } = ends();
	const words = new Uint32Array([1, 2, 3, 4]);
	for (const data of ["grüße", words.subarray(1, 3), new DataView(words.buffer, 4, 4), Buffer.from([7, 8])]) {
		assert.ok(producer.trySend(data));
	}
	assert.is(got(consumer.tryReceive()).text(), "grüße");
	assert.equal([...got(consumer.tryReceive()).as("u32")], [2, 3]);
	assert.equal([...got(consumer.tryReceive()).as("u32")], [2]);
	assert.equal([...got(consumer.tryReceive()).bytes], [7, 8]);
	assert.is(consumer.tryReceive(), undefined);
});

test("bytes arrive from wherever they lie: of any length and alignment, and from a region too", () => {
	const { producer, consumer } = ends(2 ** 16);
	const source = Uint8Array.from({ length: 10_008 }, (_, index) => index * 7);
	for (const length of [1, 8, 511, 512, 513, 4096, 10_000]) {
		for (const at of [0, 1, 4, 8]) {
			const sent = source.subarray(at, at + length);
			assert.ok(producer.trySend(sent));
			using first = consumer.tryReceive() as Message;
			assert.ok(producer.trySend(first.bytes));
			using second = consumer.tryReceive() as Message;
			for (const { bytes } of [first, second]) {
				assert.is(Buffer.compare(bytes, sent), 0, `${length} bytes at ${at}`);
			}
		}
	}
});

test("messages are read in place, aligned to 8, as bytes, numbers, text and JSON", () => {
	const { producer, consumer } = ends();
	for (let length = 0; length < 20; length++) producer.trySend(new Uint8Array(length).fill(length));
	for (let length = 0; length < 20; length++) {
		const message = got(consumer.tryReceive());
		assert.is(message.length, length);
		assert.is(message.bytes.byteOffset % 8, 0);
		assert.ok(message.bytes.buffer instanceof SharedArrayBuffer);
		assert.ok(message.bytes.every((byte) => byte === length));
		assert.is(message.as("f64").length, Math.floor(length / 8));
		message.release();
	}
	producer.trySend(JSON.stringify({ step: 3 }));
	assert.equal(got(consumer.tryReceive()).json(), { step: 3 });
});

test("empty messages are messages", () => {
	const { producer, consumer } = ends(64);
	for (let turn = 0; turn < 100; turn++) {
		assert.ok(producer.trySend(""));
		assert.ok(producer.trySend(new Uint8Array(0)));
		for (const message of consumer.receiveMany(3)) {
			assert.is(message.length, 0);
			assert.is(message.text(), "");
			message.release();
		}
		assert.is(consumer.tryReceive(), undefined);
	}
	assert.is(consumer.ended, false);
});

test("messages keep their order, whichever way each was sent", async () => {
	const { producer, consumer } = ends(4096);
	const sent: string[] = [];
	for (let round = 0; round < 5; round++) {
		for (const [way, send] of Object.entries(waysToSend)) {
			sent.push(`${way} ${round}`);
			send(producer, `${way} ${round}`);
		}
		sent.push(`send ${round}`);
		await producer.send(`send ${round}`);
	}
	assert.equal(drain(consumer), sent);
});

test("trySend says when there is no room, and sends again when there is", () => {
	const { producer, consumer } = ends(64);
	assert.is(fill(producer), 3);
	assert.is(producer.trySend("x"), false);
	got(consumer.tryReceive()).release();
	assert.is(producer.trySend("3"), true);
	assert.is(producer.trySend("4"), false);
	assert.equal(drain(consumer), ["1", "2", "3"]);
});

test("messages of any size arrive, up to what the region takes; beyond that is DHMEM_MESSAGE_TOO_LARGE", () => {
	const { region, producer, consumer } = ends(1024, "1MiB");
	const before = region.stats().used;
	const largest = region.stats().largestFree;
	for (const length of [503, 504, 505, 1024, 65535, 65536, 65537, 300_000, largest - 1, largest]) {
		const data = Buffer.alloc(length, length % 251);
		assert.ok(producer.trySend(data), `${length} bytes`);
		const message = got(consumer.tryReceive());
		assert.is(message.length, length);
		assert.ok(data.equals(message.bytes), `${length} bytes differ`);
		assert.is(message.block, undefined);
		assert.is(region.stats().used > before, length > 504, `${length} bytes in the ring or not`);
		message.release();
		assert.is(region.stats().used, before);
	}
	for (const send of Object.values(waysToSend)) {
		fails("DHMEM_MESSAGE_TOO_LARGE", () => send(producer, "x".repeat(region.size + 1)));
	}
	assert.ok(producer.trySend("still alive"));
	assert.equal(drain(consumer), ["still alive"]);
});

test("a large message waits for memory while something sent is to be released, and fails when nothing is", () => {
	const { region, producer, consumer } = ends(1024, "1MiB");
	const most = region.stats().largestFree;
	assert.ok(producer.trySend(new Uint8Array(most)));
	assert.is(producer.trySend(new Uint8Array(most)), false);
	assert.is(producer.tryReserve(most), undefined);
	assert.is(producer.sendMany([new Uint8Array(most)]), 0);
	fails("DHMEM_TIMEOUT", () => producer.sendSync(new Uint8Array(most), { timeout: 1 }));
	const kept = got(consumer.tryReceive()).take();
	for (const send of Object.values(waysToSend)) {
		fails("DHMEM_REGION_FULL", () => send(producer, "x".repeat(most)));
	}
	kept.free();
	assert.ok(producer.trySend(new Uint8Array(most)));
});

test("data that is neither text nor a view is refused", () => {
	const { producer } = ends();
	for (const data of [undefined, null, 1, {}, [1], new ArrayBuffer(8)]) {
		fails("DHMEM_BAD_ARGUMENT", () => producer.trySend(data as unknown as string));
	}
	fails("DHMEM_BAD_ARGUMENT", () => producer.tryReserve(-1));
	fails("DHMEM_BAD_ARGUMENT", () => producer.tryReserve(1.5));
});

// ----------------------------------------------------------------------------------------------- the ends

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

test("what was sent before anybody came to receive is found later, though its sender has left the region", () => {
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

test("a producer that leaves doesn't end the stream: the next one goes on with it", () => {
	const { queue, producer, consumer } = ends();
	producer.trySend("a");
	producer.close();
	assert.equal(drain(consumer), ["a"]);
	assert.is(consumer.ended, false);
	using next = queue.producer();
	next.trySend("b");
	assert.equal(drain(consumer), ["b"]);
});

test("an end that was left throws DHMEM_CLOSED, and leaving twice does nothing", async () => {
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

test("an old end doesn't act for the new one of the same participant", () => {
	const { queue, producer, consumer } = ends();
	producer.close();
	using next = queue.producer();
	fails("DHMEM_CLOSED", () => producer.trySend("from the old one"));
	next.trySend("from the new one");
	assert.equal(drain(consumer), ["from the new one"]);
});

// ---------------------------------------------------------------------------------------------- release

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

test("what a consumer leaves unreleased is delivered again to the next one; what it released never is", () => {
	const { queue, producer, consumer } = ends();
	for (let index = 0; index < 8; index++) producer.trySend(String(index));
	const messages = consumer.receiveMany(6);
	for (const index of [0, 2, 3, 5]) messages[index]?.release();
	consumer.close();
	// The first of them is still held when that one leaves too.
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

test("what an earlier consumer released out of turn gives its room back with the release before it", () => {
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

test("a message whose consumer has left can't be read, nor released under the next one's hands", () => {
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

test("what a killed consumer had not released is delivered again, and what it had is not", async () => {
	const region = open();
	const queue = region.queue("q");
	using producer = queue.producer(patience);
	for (let index = 0; index < 6; index++) producer.trySend(String(index));
	producer.trySend("a block", { block: region.allocate(100_000) });
	const child = await holder("consumer", 4, [1, 2]);
	child.kill("SIGKILL");
	await once(child, "exit");
	using consumer = queue.consumer(patience);
	assert.equal(drain(consumer), ["0", "3", "4", "5", "a block"]);
});

// ------------------------------------------------------------------------------------------ end of stream

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
		for (const each of regions) each.close();
		regions = [];
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

test("streams that nobody reads pile up until the ring is full of their ends", () => {
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

test("who saw the end and left messages unreleased leaves them, and the end, to the next one", () => {
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

// ------------------------------------------------------------------------------------------ reservations

test("a reservation is written in place and committed, whole or in part", () => {
	const { producer, consumer } = ends();
	const slot = producer.tryReserve(24);
	assert.is(slot?.length, 24);
	slot?.as("f64").set([1.5, 2.5, 3.5]);
	assert.is(consumer.tryReceive(), undefined);
	slot?.commit(16);
	assert.equal([...got(consumer.tryReceive()).as("f64")], [1.5, 2.5]);
	for (const [length, committed] of [
		[0, 0],
		[10, 0],
		[9, 9],
		[2000, 2000],
		[2000, 3],
		[2000, 0],
	] as const) {
		const next = producer.tryReserve(length);
		next?.bytes.fill(committed);
		next?.commit(committed);
		const message = got(consumer.tryReceive());
		assert.is(message.length, committed);
		assert.ok(message.bytes.every((byte) => byte === committed % 256));
		message.release();
	}
});

test("a reservation that is aborted, or disposed, sends nothing and leaves its room", () => {
	const { region, producer, consumer } = ends(64);
	const before = region.stats().used;
	for (let turn = 0; turn < 100; turn++) {
		for (const length of [0, 8, 24, 25, 5000]) {
			const slot = producer.tryReserve(length);
			assert.ok(slot, `${length} bytes`);
			slot?.bytes.fill(0xee);
			if (turn % 2 === 0) slot?.abort();
			else slot?.[Symbol.dispose]();
			slot?.abort();
			assert.is(slot?.open, false);
		}
		assert.ok(producer.trySend(String(turn)));
		assert.equal(drain(consumer), [String(turn)]);
	}
	assert.is(region.stats().used, before);
});

test("one reservation is open at a time, and nothing is sent past it", async () => {
	const { producer, consumer } = ends();
	const slot = producer.tryReserve(8);
	for (const send of [...Object.values(waysToSend), () => producer.end()]) {
		fails("DHMEM_BAD_ARGUMENT", () => send(producer, "x"));
	}
	await failsLater("DHMEM_BAD_ARGUMENT", producer.send("x"));
	assert.is(consumer.tryReceive(), undefined);
	slot?.bytes.set(Buffer.from("reserved"));
	slot?.commit();
	assert.ok(producer.trySend("after"));
	assert.equal(drain(consumer), ["reserved", "after"]);
});

test("a reservation can't be committed twice, nor with more than it has, nor used afterwards", () => {
	const { producer, consumer } = ends();
	const slot = producer.tryReserve(8);
	for (const length of [9, -1, 0.5]) {
		fails("DHMEM_BAD_ARGUMENT", () => slot?.commit(length));
	}
	slot?.commit();
	slot?.abort();
	fails("DHMEM_CLOSED", () => slot?.commit());
	fails("DHMEM_CLOSED", () => slot?.bytes);
	assert.is(consumer.receiveMany(9).length, 1);
});

test("a producer that leaves gives its reservation up", () => {
	const { region, queue, producer, consumer } = ends();
	const before = region.stats().used;
	for (const length of [8, 5000]) {
		const leaving = length === 8 ? producer : queue.producer();
		const slot = leaving.tryReserve(length);
		leaving.close();
		fails("DHMEM_CLOSED", () => slot?.commit());
		assert.is(region.stats().used, before);
	}
	using next = queue.producer();
	next.trySend("x");
	assert.equal(drain(consumer), ["x"]);
});

test("the next producer begins behind what was published, and not behind padding that nothing followed", () => {
	const { region, queue, producer, consumer } = ends(64);
	producer.trySend(new Uint8Array(24));
	producer.trySend("");
	for (const message of consumer.receiveMany(2)) message.release();
	// Of the last 24 bytes of the ring padding is made, for it does not fit there.
	producer.tryReserve(24)?.abort();
	assert.is(wordOf(region.path, "q", QUEUE_CLAIMED), 64);
	assert.is(wordOf(region.path, "q", QUEUE_TAIL), 40);
	producer.close();
	using next = queue.producer();
	assert.is(wordOf(region.path, "q", QUEUE_CLAIMED), 40);
	next.trySend("x");
	assert.equal(drain(consumer), ["x"]);
});

test("what a killed producer had staged and not published never arrives", async () => {
	const region = open();
	using consumer = region.queue("q").consumer(patience);
	const child = await holder("producer", 2, [], 3);
	assert.ok(wordOf(region.path, "q", QUEUE_CLAIMED) > wordOf(region.path, "q", QUEUE_TAIL));
	child.kill("SIGKILL");
	await once(child, "exit");
	assert.equal(drain(consumer), ["0", "1"]);
	await failsLater("DHMEM_PEER_GONE", consumer.receive());
	using next = region.queue("q").producer();
	next.trySend("next");
	assert.equal(drain(consumer), ["next"]);
});

test("there is no reservation without room", () => {
	const { producer, consumer } = ends(64);
	assert.is(fill(producer), 3);
	assert.is(producer.tryReserve(8), undefined);
	assert.is(producer.tryReserve(5000), undefined);
	assert.equal(drain(consumer), ["0", "1", "2"]);
	assert.ok(producer.tryReserve(8));
});

// ------------------------------------------------------------------------------------------------ blocks

test("a block is handed over with its message, and not copied", () => {
	const { region, producer, consumer } = ends();
	const before = region.stats().used;
	const block = region.allocate(100_000);
	block.bytes.fill(5);
	const view = block.bytes;
	assert.ok(producer.trySend("header", { block }));
	const message = got(consumer.tryReceive());
	assert.is(message.text(), "header");
	assert.is(message.length, 6);
	assert.is(message.block?.length, 100_000);
	assert.ok(message.block?.bytes.every((byte) => byte === 5));
	view[0] = 6;
	assert.is(message.block?.bytes[0], 6);
	message.release();
	assert.is(region.stats().used, before);
});

test("after a send the sender's block is spent", async () => {
	const { region, producer, consumer } = ends();
	for (const send of [
		(block: ReturnType<Region["allocate"]>) => producer.trySend("", { block }),
		(block: ReturnType<Region["allocate"]>) => producer.sendSync("", { block }),
		(block: ReturnType<Region["allocate"]>) => producer.send("", { block }),
	]) {
		const block = region.allocate(8);
		await send(block);
		fails("DHMEM_CLOSED", () => block.bytes);
		fails("DHMEM_DOUBLE_FREE", () => block.free());
		fails("DHMEM_CLOSED", () => producer.trySend("again", { block }));
		block[Symbol.dispose]();
		const message = got(consumer.tryReceive());
		assert.is(message.length, 0);
		assert.is(message.block?.length, 8);
	}
	assert.is(consumer.tryReceive(), undefined);
});

test("a send that fails leaves the block the sender's", async () => {
	const { region, producer } = ends(64);
	const block = region.allocate(1000);
	block.bytes.fill(3);
	while (producer.trySend("")) {}
	assert.is(producer.trySend("", { block }), false);
	fails("DHMEM_TIMEOUT", () => producer.sendSync("", { block, timeout: 1 }));
	await failsLater("DHMEM_TIMEOUT", producer.send("", { block, timeout: 1 }));
	const aborter = new AbortController();
	const aborted = producer.send("", { block, signal: aborter.signal });
	const reason = new Error("enough");
	aborter.abort(reason);
	await failsWith(reason, aborted);
	producer.end();
	fails("DHMEM_QUEUE_ENDED", () => producer.trySend("", { block }));
	assert.ok(block.bytes.every((byte) => byte === 3));
	block.free();
});

test("take() makes the message's block the receiver's own, and releases the message", () => {
	const { region, producer, consumer } = ends(64);
	const before = region.stats().used;
	const sent = region.allocate(70_000);
	sent.bytes.fill(9);
	producer.trySend("", { block: sent });
	const message = got(consumer.tryReceive());
	const block = message.take();
	assert.is(message.released, true);
	fails("DHMEM_CLOSED", () => message.take());
	fails("DHMEM_CLOSED", () => message.block?.bytes);
	message.release();
	consumer.close();
	assert.is(block.length, 70_000);
	assert.ok(block.bytes.every((byte) => byte === 9));
	// It can be sent on by who has it now.
	using back = regions[1]?.queue("back").producer() as Producer;
	assert.ok(back.trySend("", { block }));
	using receiver = region.queue("back").consumer();
	const again = got(receiver.tryReceive()).take();
	assert.is(again.bytes[69_999], 9);
	again.free();
	fails("DHMEM_DOUBLE_FREE", () => again.free());
	receiver.close();
	assert.ok(region.stats().used >= before);
});

test("take() gives a large message's bytes as a block, and refuses a message without one", () => {
	const { producer, consumer } = ends();
	producer.trySend("x".repeat(5000));
	const block = got(consumer.tryReceive()).take();
	assert.is(block.text(), "x".repeat(5000));
	block.free();
	producer.trySend("small");
	const message = got(consumer.tryReceive());
	fails("DHMEM_BAD_ARGUMENT", () => message.take());
	assert.is(message.text(), "small");
});

test("a message's block belongs to the message until that is released, and then to nobody", () => {
	const { region, producer, consumer } = ends();
	producer.trySend("", { block: region.allocate(64) });
	producer.trySend("", { block: region.allocate(64) });
	const message = got(consumer.tryReceive());
	const block = message.block;
	fails("DHMEM_BAD_ARGUMENT", () => block?.free());
	block?.[Symbol.dispose]();
	assert.is(block?.bytes.length, 64);
	message.release();
	fails("DHMEM_CLOSED", () => block?.bytes);
	// Also if nobody asked for it before.
	const other = got(consumer.tryReceive());
	other.release();
	fails("DHMEM_CLOSED", () => other.block?.bytes);
});

test("a block in a message that was not released is delivered again with it, and a taken one is not", () => {
	const { region, queue, producer, consumer } = ends();
	for (const text of ["taken", "held", "released"]) {
		const block = region.allocate(20_000);
		block.bytes.fill(text.length);
		producer.trySend(text, { block });
	}
	const [taken, held, released] = consumer.receiveMany(3) as [Message, Message, Message];
	const block = taken.take();
	released.release();
	assert.is(held.block?.bytes[0], 4);
	consumer.close();
	using next = queue.consumer();
	const again = got(next.tryReceive());
	assert.is(again.text(), "held");
	assert.ok(again.block?.bytes.every((byte) => byte === 4));
	assert.is(next.tryReceive(), undefined);
	assert.ok(block.bytes.every((byte) => byte === 5));
});

test("a block of another opening, or what is none, is refused", () => {
	const { producer } = ends();
	using block = open().allocate(8);
	fails("DHMEM_BAD_ARGUMENT", () => producer.trySend("", { block }));
	const bytes = new Uint8Array(8) as unknown as typeof block;
	fails("DHMEM_BAD_ARGUMENT", () => producer.trySend("", { block: bytes }));
	assert.is(block.bytes.length, 8);
});

test("messages that are asked for at once are all released when the next one is", async () => {
	const { producer, consumer } = ends();
	producer.sendMany(["a", "b", "c"]);
	const messages = consumer[Symbol.asyncIterator]();
	const both = await Promise.all([messages.next(), messages.next()]);
	assert.equal(
		both.map(({ value }) => value?.text()),
		["a", "b"],
	);
	assert.is((await messages.next()).value?.text(), "c");
	assert.equal(
		both.map(({ value }) => value?.released),
		[true, true],
	);
});

// ----------------------------------------------------------------------------------------------- batches

test("sendMany publishes all at once", () => {
	const { producer, consumer } = ends();
	function* items(): Generator<string> {
		for (const item of ["a", "b", "c"]) {
			assert.is(consumer.tryReceive(), undefined);
			yield item;
		}
	}
	assert.is(producer.sendMany(items()), 3);
	assert.equal(drain(consumer), ["a", "b", "c"]);
	assert.is(producer.sendMany([]), 0);
});

test("sendMany sends as many as there is room for, and the rest can follow", () => {
	const { producer, consumer } = ends(64);
	const items = ["0", "1", "2", "3", "4"];
	assert.is(producer.sendMany(items), 3);
	assert.is(producer.sendMany(items.slice(3)), 0);
	assert.equal(drain(consumer), ["0", "1", "2"]);
	assert.is(producer.sendMany(items.slice(3)), 2);
	assert.equal(drain(consumer), ["3", "4"]);
});

for (const policy of ["block", "drop-oldest"] as const) {
	test(`the items of sendMany may use the producer, up to its end, where the policy is ${policy}`, () => {
		const region = open();
		const queue = policy === "block" ? region.queue("q") : region.queue("q", { policy, keep: 16 });
		const producer = queue.producer();
		const consumer = queue.consumer();
		function* items(between: () => unknown) {
			yield "a";
			between();
			yield "b";
		}
		assert.is(producer.sendMany(items(() => producer.trySend("x"))), 2);
		assert.is(producer.sendMany(items(() => producer.sendMany(["y"]))), 2);
		assert.equal(drain(consumer), ["a", "x", "b", "a", "y", "b"]);
		function* lastOfAll(): Generator<string> {
			yield "a";
			producer.trySend("z");
		}
		assert.is(producer.sendMany(lastOfAll()), 1);
		assert.equal(drain(consumer), ["a", "z"]);
		assert.is(region.stats().queues[0]?.sent, 8);
		let slot: ReturnType<Producer["tryReserve"]>;
		const reserve = () => {
			slot = producer.tryReserve(1);
		};
		assert.is(
			codeOf(() => producer.sendMany(items(reserve))),
			"DHMEM_BAD_ARGUMENT",
		);
		assert.equal(drain(consumer), ["a"]);
		slot?.bytes.fill(99);
		slot?.commit();
		assert.equal(drain(consumer), ["c"]);
		assert.is(
			codeOf(() => producer.sendMany(items(() => producer.end()))),
			"DHMEM_QUEUE_ENDED",
		);
		assert.equal(drain(consumer), ["a"]);
		assert.ok(consumer.ended);
		consumer.close();
		assert.is(queue.consumer().tryReceive(), undefined);
	});
}

test("sendMany takes messages of any size", () => {
	const { region, producer, consumer } = ends(256);
	const items = ["small", "x".repeat(3000), "", "y".repeat(200_000), "last"];
	assert.is(producer.sendMany(items), 5);
	assert.equal(drain(consumer), items);
	const { sent, depth } = region.stats().queues[0] ?? {};
	assert.equal([sent, depth], [5, 0]);
});

test("what sendMany had staged is sent when the iterable, or an item of it, fails", () => {
	const { producer, consumer } = ends();
	function* failing(): Generator<string> {
		yield "a";
		throw new Error("no more");
	}
	assert.throws(() => producer.sendMany(failing()), "no more");
	fails("DHMEM_BAD_ARGUMENT", () => producer.sendMany(["b", 3 as unknown as string]));
	assert.equal(drain(consumer), ["a", "b"]);
});

test("receiveMany gives what is there, at most as many as were asked for", () => {
	const { producer, consumer } = ends();
	assert.equal(consumer.receiveMany(5), []);
	for (let index = 0; index < 7; index++) producer.trySend(String(index));
	assert.equal(
		consumer.receiveMany(5).map((message) => message.text()),
		["0", "1", "2", "3", "4"],
	);
	producer.end();
	assert.is(consumer.receiveMany(5).length, 2);
	for (const max of [0, -1, 1.5, Number.NaN]) {
		fails("DHMEM_BAD_ARGUMENT", () => consumer.receiveMany(max));
	}
});

test("batches have 1 to max messages, released together when the loop asks for the next", async () => {
	const { producer, consumer } = ends();
	for (let index = 0; index < 7; index++) producer.trySend(String(index));
	producer.end();
	const batches: string[][] = [];
	let before: Message[] = [];
	for await (const batch of consumer.batches(3)) {
		assert.ok(before.every((message) => message.released));
		assert.ok(batch.every((message) => !message.released));
		batches.push(batch.map((message) => message.text()));
		before = batch;
	}
	assert.ok(before.every((message) => message.released));
	assert.equal(batches, [["0", "1", "2"], ["3", "4", "5"], ["6"]]);
	await failsLater("DHMEM_BAD_ARGUMENT", consumer.batches(0).next());
});

test("leaving a loop over batches leaves the last batch unreleased", async () => {
	const { queue, producer, consumer } = ends();
	for (let index = 0; index < 7; index++) producer.trySend(String(index));
	let turns = 0;
	for await (const batch of consumer.batches(2)) {
		if (++turns < 2) continue;
		batch[1]?.release();
		break;
	}
	consumer.close();
	using next = queue.consumer();
	assert.equal(drain(next), ["2", "4", "5", "6"]);
});

test("a batch is released at once, but for what was released or taken of it before", async () => {
	const { region, producer, consumer } = ends(2048);
	const before = region.stats().used;
	const large = "large ".repeat(500);
	for (let index = 0; index < 9; index++) {
		if (index % 3 === 1) producer.trySend(String(index), { block: region.allocate(100) });
		else producer.trySend(index % 3 === 2 ? large : String(index));
	}
	producer.end();
	const taken: Block[] = [];
	const ofTheirs: (Block | undefined)[] = [];
	for await (const batch of consumer.batches(9)) {
		assert.is(batch.length, 9);
		for (const index of [3, 4, 5]) batch[index]?.release();
		for (const index of [1, 8]) taken.push(got(batch[index]).take());
		ofTheirs.push(batch[7]?.block);
	}
	assert.is(taken[1]?.text(), large);
	for (const block of ofTheirs) fails("DHMEM_CLOSED", () => block?.bytes);
	for (const block of taken) block.free();
	assert.is(region.stats().used, before);
	assert.is(region.stats().queues[0]?.depth, 0);
});

test("a batch that was all released, or whose last were, is no more to release", async () => {
	const { region, producer, consumer } = ends();
	for (let index = 0; index < 8; index++) producer.trySend(String(index));
	const batches = consumer.batches(4);
	const released = (await batches.next()).value ?? [];
	for (const message of [...released].reverse()) message.release();
	const { head } = positionsOf(region.path, "q");
	const second = (await batches.next()).value ?? [];
	assert.is(positionsOf(region.path, "q").head, head);
	assert.equal(
		second.map((message) => message.text()),
		["4", "5", "6", "7"],
	);
	second[3]?.release();
	producer.end();
	assert.is((await batches.next()).done, true);
	const { head: last, tail } = positionsOf(region.path, "q");
	assert.is(last, tail);
});

test("the room of a batch behind a message that is held returns with that message", async () => {
	const { region, producer, consumer } = ends();
	const before = region.stats().used;
	producer.trySend("held");
	for (let index = 0; index < 4; index++) producer.trySend(String(index), { block: region.allocate(100) });
	producer.trySend("last");
	const held = got(consumer.tryReceive());
	const batches = consumer.batches(4);
	await batches.next();
	const { head } = positionsOf(region.path, "q");
	await batches.next();
	assert.is(region.stats().used, before, "the memory of blocks waits for nobody");
	assert.is(positionsOf(region.path, "q").head, head);
	assert.is(held.text(), "held");
	held.release();
	assert.is(region.stats().queues[0]?.depth, 1);
	consumer.close();
	assert.equal(drain(open().queue("q").consumer()), ["last"]);
});

test("a batch releases nothing of what another loop over the same consumer received in between", async () => {
	const { region, producer, consumer } = ends();
	for (let index = 0; index < 10; index++) producer.trySend(String(index));
	const [one, two] = [consumer.batches(3), consumer.batches(2)];
	const textsOf = async (batches: typeof one) =>
		((await batches.next()).value ?? []).map((message) => message.text());
	assert.equal(await textsOf(one), ["0", "1", "2"]);
	assert.equal(await textsOf(two), ["3", "4"]);
	const held = got(consumer.tryReceive());
	// The first of it are released, what the other loop and the caller have is not.
	assert.equal(await textsOf(one), ["6", "7", "8"]);
	assert.is(region.stats().queues[0]?.depth, 7);
	assert.equal(await textsOf(two), ["9"]);
	assert.is(held.text(), "5");
	consumer.close();
	assert.equal(drain(open().queue("q").consumer()), ["5", "6", "7", "8", "9"]);
});

test("a batch whose consumer has left takes nothing from the next one", async () => {
	const { region, queue, producer, consumer } = ends();
	for (let index = 0; index < 4; index++) producer.trySend(String(index), { block: region.allocate(100) });
	const batches = consumer.batches(3);
	await batches.next();
	consumer.close();
	const next = queue.consumer();
	const held = [0, 1, 2].map(() => got(next.tryReceive()));
	await failsLater("DHMEM_CLOSED", batches.next());
	assert.equal(
		held.map((message) => `${message.text()} ${message.block?.length}`),
		["0 100", "1 100", "2 100"],
	);
	next.close();
	assert.equal(drain(queue.consumer()), ["0", "1", "2", "3"]);
});

test("a batch that was released half of all positions ago touches nothing that has come since", async () => {
	const mebibyte = 2 ** 20;
	const { region, producer, consumer } = ends(4 * mebibyte, "16MiB");
	const send = (value: number) => {
		const slot = producer.tryReserve(mebibyte - RECORD_HEADER);
		assert.ok(slot, "no room");
		slot.bytes[0] = value;
		slot.commit();
	};
	for (const value of [1, 2]) send(value);
	const batches = consumer.batches(2);
	for (const message of (await batches.next()).value ?? []) message.release();
	// Up to where a position reads as one ahead, and the next message is where the second was.
	for (let head = 0; head <= 2 ** 31 + 4 * mebibyte || head % (4 * mebibyte) !== mebibyte; ) {
		send(0);
		consumer.tryReceive()?.release();
		head = positionsOf(region.path, "q").head;
	}
	for (const value of [3, 4, 5]) send(value);
	const values = async () => ((await batches.next()).value ?? []).map((message) => message.bytes[0]);
	assert.equal(await values(), [3, 4]);
	assert.equal(await values(), [5]);
});

// --------------------------------------------------------------------------------------------- for await

test("for await releases a message when it asks for the next one, and ends with the stream", async () => {
	const { region, producer, consumer } = ends();
	for (let index = 0; index < 4; index++) producer.trySend(String(index));
	producer.end();
	const texts: string[] = [];
	let before: Message | undefined;
	for await (const message of consumer) {
		assert.is(before?.released, before && true);
		assert.is(message.released, false);
		texts.push(message.text());
		before = message;
	}
	assert.is(before?.released, true);
	assert.equal(texts, ["0", "1", "2", "3"]);
	assert.is(consumer.ended, true);
	assert.is(region.stats().queues[0]?.depth, 0);
});

for (const way of ["break", "throw", "return"]) {
	test(`leaving for await by ${way} leaves the message unreleased, and the loop can be entered again`, async () => {
		const { queue, producer, consumer } = ends();
		for (let index = 0; index < 4; index++) producer.trySend(String(index));
		const leave = async (): Promise<Message | undefined> => {
			let held: Message | undefined;
			try {
				for await (const message of consumer) {
					held = message;
					if (message.text() !== "1") continue;
					if (way === "throw") throw new Error("out");
					if (way === "return") return message;
					break;
				}
			} catch {}
			return held;
		};
		const held = await leave();
		assert.is(held?.released, false);
		assert.is(held?.text(), "1");
		for await (const message of consumer) {
			assert.is(message.text(), "2");
			break;
		}
		assert.is(held?.text(), "1");
		consumer.close();
		using next = queue.consumer();
		assert.equal(drain(next), ["1", "2", "3"]);
	});
}

test("a loop may release or take by itself", async () => {
	const { region, producer, consumer } = ends();
	const before = region.stats().used;
	for (let index = 0; index < 4; index++) producer.trySend(String(index), { block: region.allocate(1000) });
	producer.end();
	let index = 0;
	for await (const message of consumer) {
		if (index++ % 2 === 0) message.release();
		else message.take().free();
	}
	assert.is(region.stats().used, before);
});

test("an end's defaults hold for its loops, and a call's own options go before them", async () => {
	const region = open();
	const queue = region.queue("q");
	const aborter = new AbortController();
	using consumer = queue.consumer({ timeout: 1, signal: aborter.signal });
	const loop = async (): Promise<void> => {
		for await (const _ of consumer) assert.unreachable();
	};
	await failsLater("DHMEM_TIMEOUT", loop());
	await failsLater("DHMEM_TIMEOUT", consumer.batches(2).next());
	const patient = consumer.receive(patience);
	await turn();
	const reason = new Error("stop");
	aborter.abort(reason);
	await failsWith(reason, patient);
	await failsWith(reason, loop());
	fails("DHMEM_BAD_ARGUMENT", () => queue.producer({ timeout: -1 }));
});

test("many sends and receives at once, that nobody awaits in turn, keep their order", async () => {
	const { producer, consumer } = ends(256);
	const payloads = new Payloads(4, 100);
	const checker = new Checker(payloads);
	const count = 2000;
	const sends = Array.from({ length: count }, (_, sequence) => producer.send(payloads.bytes(sequence)));
	const receive = async (): Promise<void> => {
		const message = got(await consumer.receive());
		checker.check(message.bytes);
		message.release();
	};
	await Promise.all(Array.from({ length: count }, receive));
	await Promise.all(sends);
	checker.finish(count);
	assert.equal(checker.errors, []);
});

// ----------------------------------------------------------------------------------------- the other side

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

test("a producer that ended its stream is not gone for who waits for the next one", async () => {
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

test("a killed producer is gone, once what it had sent is drained", async () => {
	const queue = open().queue("q");
	using consumer = queue.consumer(patience);
	const child = await holder("producer", 3, []);
	child.kill("SIGKILL");
	const texts: string[] = [];
	const loop = async (): Promise<void> => {
		for await (const message of consumer) texts.push(message.text());
	};
	await failsLater("DHMEM_PEER_GONE", loop());
	assert.equal(texts, ["0", "1", "2"]);
});

test("queue.waitForPeer() waits until somebody has the other end", async () => {
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

// ----------------------------------------------------------------------------------------------- streams

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

// --------------------------------------------------------------------------------- capacities, positions

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

// -------------------------------------------------------------------------------------- at random, at length

const seed = Number(process.env.DHMEM_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
for (const [capacity, steps] of [
	[64, 100_000],
	[256, 100_000],
	[4096, 100_000],
] as const) {
	test(`a queue of ${capacity} bytes does what a plain model of it does (seed ${seed})`, () => {
		const region = open();
		runModel({ sender: region, receiver: open(), capacity, steps, seed });
	});
}

for (const [path, { record, count, what }] of Object.entries(paths)) {
	if (record !== undefined) continue;
	test(`between processes: ${what}`, async () => {
		const result = await runPair(path, { count: count / 50, seed });
		assert.equal(result.errors, [], `seed ${seed}`);
		assert.is(result.messages, count / 50);
		// References to blocks are few bytes of the ring.
		if (path !== "large") assert.ok(result.passedLimit && result.laps > 5, `${result.laps} laps`);
		// What waits inside of a promise is not counted.
		if (path !== "unawaited" && path !== "streams")
			assert.ok(result.full + result.empty > 0, "nobody waited");
	});
}

for (const path of ["small", "blocks", "streams"]) {
	test(`between worker threads: ${paths[path]?.what}`, async () => {
		const result = await runPair(path, { count: 20_000, seed, threads: true });
		assert.equal(result.errors, [], `seed ${seed}`);
		assert.is(result.messages, 20_000);
	});
}

// ------------------------------------------------------------------------------------ the tests' own check

test("the check finds a flipped bit, a lost, a repeated, a swapped and a cut-off message", () => {
	const payloads = new Payloads(1, 1024);
	const inOrder = Array.from({ length: 2000 }, (_, sequence): Uint8Array => payloads.bytes(sequence).slice());
	const errorsIn = (messages: Uint8Array[]): string[] => {
		const checker = new Checker(payloads);
		for (const message of messages) checker.check(message);
		checker.finish(2000);
		return checker.errors;
	};
	assert.equal(errorsIn(inOrder), []);
	const at = inOrder.findIndex((message, index) => index > 500 && message.length > 100);
	const victim = inOrder[at] as Uint8Array;
	for (let index = 0; index < victim.length; index++) {
		const flipped = victim.slice();
		flipped[index] = (flipped[index] as number) ^ (1 << (index % 8));
		assert.match(
			errorsIn(inOrder.with(at, flipped)).join(),
			`message ${at} of ${victim.length} bytes is torn`,
		);
	}
	assert.match(errorsIn(inOrder.toSpliced(at, 1)).join(), `${at + 1} came when ${at} was due: lost`);
	assert.match(
		errorsIn(inOrder.toSpliced(at, 0, victim)).join(),
		`${at} came when ${at + 1} was due: repeated`,
	);
	assert.match(errorsIn(inOrder.with(at, victim.subarray(1))).join(), `message ${at} has`);
	assert.match(errorsIn(inOrder.slice(0, -1)).join(), "1999 of 2000 messages came");
	assert.ok(errorsIn(inOrder.with(at, inOrder[at - 1] as Uint8Array).with(at - 1, victim)).length > 0);
	// Of short ones too: whatever one is lost or repeated, the lengths and contents behind it tell.
	for (let index = 0; index < 1990; index++) {
		assert.ok(errorsIn(inOrder.toSpliced(index, 1)).length > 0, `${index} lost`);
		assert.ok(
			errorsIn(inOrder.toSpliced(index, 0, inOrder[index] as Uint8Array)).length > 0,
			`${index} twice`,
		);
	}
});

for (const fault of ["lose", "repeat", "tear"] as const) {
	test(`between processes, a producer that does ${fault} a message is found out`, async () => {
		for (const path of ["small", "held", "reserve", "blocks"]) {
			const result = await runPair(path, { count: 2001, seed, fault });
			assert.ok(result.errors.length > 0, `${path}, seed ${seed}`);
			assert.match(result.errors.join(), /message 1?\d{3} /);
		}
	});
}

test("the check of streams finds a flipped bit, a lost and a repeated byte", () => {
	const payloads = new Payloads(2, 200_000);
	const whole = Buffer.concat(Array.from({ length: 50 }, (_, sequence) => payloads.bytes(sequence).slice()));
	const errorsIn = (bytes: Buffer): string[] => {
		const checker = new StreamChecker(payloads);
		for (let at = 0; at < bytes.length; at += 1000) checker.check(bytes.subarray(at, at + 1000));
		checker.finish(50);
		return checker.errors;
	};
	assert.equal(errorsIn(whole), []);
	const middle = whole.length >> 1;
	const flipped = Buffer.from(whole);
	flipped[middle] = (flipped[middle] as number) ^ 4;
	assert.ok(errorsIn(flipped).length > 0);
	for (const [to, from] of [
		[middle, middle + 1],
		[middle + 1, middle],
	] as const) {
		assert.ok(errorsIn(Buffer.concat([whole.subarray(0, to), whole.subarray(from)])).length > 0);
	}
	assert.ok(errorsIn(whole.subarray(0, -1)).length > 0);
});

test.run();

/** A process that has one end of the queue, and has sent, or received and in part released, so many messages. */
async function holder(
	side: "producer" | "consumer",
	count: number,
	releases: number[],
	staged = 0,
): Promise<ChildProcess> {
	const module = fileURLToPath(new URL("./endurance/holder.js", import.meta.url));
	const child = fork(module, [JSON.stringify({ region: name, queue: "q", side, count, releases, staged })]);
	children.push(child);
	const [message] = await Promise.race([once(child, "message"), once(child, "exit")]);
	assert.is(message, "ready");
	return child;
}
