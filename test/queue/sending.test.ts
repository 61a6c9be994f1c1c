/** Sending and receiving messages of any kind and size. */
import type { Message } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, fill, got, waysToSend } from "./stage.js";

eachInFolder();

test("text arrives as UTF-8, and a view as its bytes", () => {
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

test("text of any length arrives as a Buffer encodes it, whatever characters it has", () => {
	const { producer, consumer } = ends(2 ** 12);
	for (const length of [0, 1, 23, 24, 25, 64, 511, 512, 1900, 2030, 5000]) {
		for (const last of ["", "a", "é", "水", "🌊", "\0", "\ufeff", "\ud800", "\udc00"]) {
			const text = "x".repeat(length) + last;
			for (const send of [() => producer.trySend(text), () => producer.sendMany([text]) === 1]) {
				assert.ok(send());
				using message = got(consumer.tryReceive());
				assert.is(Buffer.compare(message.bytes, Buffer.from(text)), 0, `${length} and ${last}`);
			}
		}
	}
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

test("trySend returns false while there is no room, and sends again when there is", () => {
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

test.run();
