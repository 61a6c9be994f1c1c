/** Room for several messages, written in place and published at once. */
import type { BatchReservation, DhmemErrorCode, Producer } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOfLater, count, eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, failsLater, fill, open, patience, waysToSend } from "./stage.js";

eachInFolder();

function reserved(producer: Producer, length: number, most: number): BatchReservation {
	const batch = producer.tryReserveMany(length, most);
	if (batch === undefined) throw new Error("There is no room");
	return batch;
}

function write(batch: BatchReservation, index: number, text: string): void {
	const { buffer, byteOffset } = batch.view;
	Buffer.from(buffer, byteOffset).write(text, batch.offset(index));
}

/** Sends one-letter texts in one batch. Returns how many of them were sent. */
function sendBatch(producer: Producer, texts: readonly string[]): number {
	const batch = producer.tryReserveMany(1, texts.length);
	if (batch === undefined) return 0;
	for (let index = 0; index < batch.count; index++) write(batch, index, texts[index] as string);
	const { count } = batch;
	batch.commit();
	return count;
}

test("a batch is published at once, and each of its messages is received", () => {
	const { region, producer, consumer } = ends();
	const batch = reserved(producer, 5, 4);
	assert.is(batch.count, 4);
	for (let index = 0; index < 4; index++) write(batch, index, `text${index}`);
	assert.is(consumer.tryReceive(), undefined);
	assert.ok(batch.open);
	batch.commit();
	assert.not(batch.open);
	assert.is(region.stats().queues[0]?.sent, 4);
	assert.equal(drain(consumer), ["text0", "text1", "text2", "text3"]);
});

test("a commit publishes the first messages, and the room of the others is used again", () => {
	const { region, producer, consumer } = ends();
	for (const published of [2, 0, 4]) {
		const batch = reserved(producer, 2, 4);
		for (let index = 0; index < 4; index++) write(batch, index, `m${index}`);
		batch.commit(published);
		assert.equal(drain(consumer), ["m0", "m1", "m2", "m3"].slice(0, published));
	}
	const batch = reserved(producer, 2, 4);
	for (const wrong of [5, -1, 0.5]) fails("DHMEM_BAD_ARGUMENT", () => batch.commit(wrong));
	for (const wrong of [4, -1, 0.5, Number.NaN]) fails("DHMEM_BAD_ARGUMENT", () => batch.offset(wrong));
	batch.commit(0);
	assert.is(region.stats().queues[0]?.bytes, 0);
});

test("a batch that is aborted, or disposed, sends nothing and leaves its room", () => {
	const { producer, consumer } = ends(64);
	for (let turn = 0; turn < 100; turn++) {
		const batch = reserved(producer, 8, 2);
		batch.view.setFloat64(batch.offset(0), 1);
		if (turn % 2 === 0) batch.abort();
		else batch[Symbol.dispose]();
		batch.abort();
		fails("DHMEM_CLOSED", () => batch.commit());
		fails("DHMEM_CLOSED", () => batch.view);
		assert.ok(producer.trySend(String(turn)));
		assert.equal(drain(consumer), [String(turn)]);
	}
});

test("one reservation is open at a time, of one message or of many", async () => {
	const { producer, consumer } = ends();
	const batch = reserved(producer, 8, 2);
	for (const send of [
		...Object.values(waysToSend),
		() => producer.tryReserveMany(8, 2),
		() => producer.end(),
		() => producer.waitSync(8),
	]) {
		fails("DHMEM_BAD_ARGUMENT", () => send(producer, "x"));
	}
	await failsLater("DHMEM_BAD_ARGUMENT", producer.send("x"));
	await failsLater("DHMEM_BAD_ARGUMENT", producer.wait(8));
	batch.commit(0);
	const single = producer.tryReserve(8);
	fails("DHMEM_BAD_ARGUMENT", () => producer.tryReserveMany(8, 2));
	single?.abort();
	assert.is(sendBatch(producer, ["a", "b"]), 2);
	assert.equal(drain(consumer), ["a", "b"]);
});

test("what can never fit is too large, and a full ring has no room", () => {
	const { producer } = ends(64);
	for (const length of [25, 1000, 2 ** 31, 2 ** 40])
		fails("DHMEM_MESSAGE_TOO_LARGE", () => producer.tryReserveMany(length, 1));
	for (const wrong of [-1, 0.5, Number.NaN, "8" as never]) {
		fails("DHMEM_BAD_ARGUMENT", () => producer.tryReserveMany(wrong, 1));
		fails("DHMEM_BAD_ARGUMENT", () => producer.tryReserveMany(1, wrong));
	}
	fails("DHMEM_BAD_ARGUMENT", () => producer.tryReserveMany(8, 0));
	fill(producer);
	assert.is(producer.tryReserveMany(24, 1), undefined);
});

test("a batch has as many messages as there is room for in one piece", () => {
	const { producer, consumer } = ends(256);
	const letters = Array.from("abcdefghijklmnopqrstuvwxyz");
	assert.is(sendBatch(producer, letters), 15);
	assert.is(producer.tryReserveMany(1, 1), undefined);
	assert.equal(drain(consumer), letters.slice(0, 15));
	assert.is(sendBatch(producer, letters), 1, "up to the end of the ring");
	assert.is(sendBatch(producer, letters), 14, "and then the rest from its start");
	assert.equal(drain(consumer), ["a", ...letters.slice(0, 14)]);
});

test("batches of all lengths and counts wrap around, and their contents are what was written", () => {
	const { producer, consumer } = ends(1024);
	const most = count(3000, 100_000);
	let sent = 0;
	let handled = 0;
	/** All messages from a multiple of 64 to the next have one length. */
	const lengthOf = (index: number) => (Math.floor(index / 64) * 13) % 200;
	while (handled < most) {
		const length = lengthOf(sent);
		const left = 64 - (sent % 64);
		const batch = producer.tryReserveMany(length, Math.min(left, 1 + (sent % 7)));
		if (batch) {
			for (let index = 0; index < batch.count; index++) {
				const at = batch.offset(index);
				for (let byte = 0; byte < length; byte++) batch.view.setUint8(at + byte, (sent + index) % 251);
			}
			const published = batch.count - (sent % 3 === 0 && batch.count > 1 ? 1 : 0);
			batch.commit(published);
			sent += published;
			if (sent % 5 !== 0) continue;
		}
		consumer.poll((view, at, bytes) => {
			assert.is(bytes, lengthOf(handled));
			for (let byte = 0; byte < bytes; byte++)
				if (view.getUint8(at + byte) !== handled % 251) assert.unreachable(`message ${handled}`);
			handled++;
		});
	}
});

test("messages of no bytes are messages of a batch too", () => {
	const { producer, consumer } = ends();
	reserved(producer, 0, 3).commit();
	assert.equal(drain(consumer), ["", "", ""]);
});

test("a batch can't be used after its producer, its region or its queue has gone", () => {
	for (const gone of ["producer", "region", "queue"]) {
		const region = open();
		const queue = region.queue(`q-${gone}`);
		const producer = queue.producer();
		const batch = reserved(producer, 8, 2);
		if (gone === "producer") producer.close();
		else if (gone === "region") region.close();
		else region.remove(`q-${gone}`);
		fails("DHMEM_CLOSED", () => batch.commit());
		fails("DHMEM_CLOSED", () => producer.tryReserveMany(8, 2));
		batch.abort();
		batch[Symbol.dispose]();
	}
});

test("a producer that leaves with an open batch has sent nothing of it, and its successor sends", () => {
	const { queue, producer, consumer } = ends(64);
	reserved(producer, 8, 2);
	producer.close();
	using next = queue.producer();
	assert.is(sendBatch(next, ["a", "b"]), 2);
	assert.equal(drain(consumer), ["a", "b"]);
});

test("items of sendMany are published before a batch that was reserved among them", () => {
	const { producer, consumer } = ends();
	function* items() {
		yield "a";
		sendBatch(producer, ["b", "c"]);
		yield "d";
	}
	assert.is(producer.sendMany(items()), 2);
	assert.equal(drain(consumer), ["a", "b", "c", "d"]);
});

test("an ended producer, and a queue that drops its oldest message, have no batches", () => {
	const { region, producer } = ends();
	producer.end();
	fails("DHMEM_QUEUE_ENDED", () => producer.tryReserveMany(8, 2));
	const mailbox = region.queue("latest", { policy: "latest" }).producer();
	fails("DHMEM_UNSUPPORTED", () => mailbox.tryReserveMany(8, 2));
	assert.ok(mailbox.waitSync(8, { timeout: 0 }));
});

test("a producer waits for room of a length, without sending", async () => {
	const { region, producer, consumer } = ends(64);
	assert.ok(await producer.wait(24));
	assert.ok(producer.waitSync(24));
	const sent = fill(producer);
	const codes: (DhmemErrorCode | "nothing")[] = [];
	fails("DHMEM_TIMEOUT", () => producer.waitSync(1, { timeout: 0 }));
	codes.push(await codeOfLater(producer.wait(1, { timeout: 5 })));
	assert.equal(codes, ["DHMEM_TIMEOUT"]);
	const waiting = producer.wait(24, patience);
	assert.is(drain(consumer).length, sent);
	assert.ok(await waiting);
	assert.is(region.stats().queues[0]?.sent, sent);
	for (const wrong of [-1, 0.5, Number.NaN]) {
		fails("DHMEM_BAD_ARGUMENT", () => producer.waitSync(wrong));
		fails("DHMEM_BAD_ARGUMENT", () => void producer.wait(wrong));
	}
	fails("DHMEM_MESSAGE_TOO_LARGE", () => producer.waitSync(2 ** 40));
});

test.run();
