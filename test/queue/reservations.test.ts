/** Reservations: messages that are written in place. */
import type { Producer } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { QUEUE_CLAIMED, QUEUE_TAIL } from "../../assembly/layout.js";
import { wordOf } from "../endurance/positions.js";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, failsLater, fill, got, holder, open, patience, waysToSend } from "./stage.js";

eachInFolder();

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

const flows = {
	"a send": (producer: Producer) => producer.send(new Uint8Array(100), patience),
	"a wait for room": (producer: Producer) => producer.wait(100, patience),
};
const openings = {
	"a reservation": (producer: Producer) => producer.tryReserve(8),
	"a reservation of many": (producer: Producer) => producer.tryReserveMany(8, 2),
};
for (const [flow, begin] of Object.entries(flows)) {
	for (const [opening, reserve] of Object.entries(openings)) {
		for (const end of ["commit", "abort"] as const) {
			test(`${flow} that began before ${opening} goes on after its ${end}`, async () => {
				const { producer, consumer } = ends();
				fill(producer);
				let over = false;
				const pending = begin(producer).finally(() => {
					over = true;
				});
				drain(consumer);
				const reservation = reserve(producer);
				if (reservation === undefined) throw new Error("there is no room");
				// The doorbell rings for another wait of this opening, so the attempts are made.
				const other = new AbortController();
				const receiving = consumer.receive({ signal: other.signal });
				await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
				assert.not(over);
				await failsLater("DHMEM_BAD_ARGUMENT", begin(producer));
				other.abort();
				await receiving.catch(() => {});
				reservation[end]();
				await pending;
				const own = end === "abort" ? 0 : "count" in reservation ? reservation.count : 1;
				assert.is(drain(consumer).length, own + (flow === "a send" ? 1 : 0));
			});
		}
	}
}

test("a reservation can't be committed twice, with more than its length, or used after a commit", () => {
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

test("the next producer begins after the last published message, not after padding that no message followed", () => {
	const { region, queue, producer, consumer } = ends(64);
	producer.trySend(new Uint8Array(24));
	producer.trySend("");
	for (const message of consumer.receiveMany(2)) message.release();
	// The last 24 bytes of the ring become padding, because it does not fit there.
	producer.tryReserve(24)?.abort();
	assert.is(wordOf(region.path, "q", QUEUE_CLAIMED), 64);
	assert.is(wordOf(region.path, "q", QUEUE_TAIL), 40);
	producer.close();
	using next = queue.producer();
	assert.is(wordOf(region.path, "q", QUEUE_CLAIMED), 40);
	next.trySend("x");
	assert.equal(drain(consumer), ["x"]);
});

test("messages that a killed producer had staged but not published never arrive", async () => {
	const region = open();
	using consumer = region.queue("q").consumer(patience);
	const child = await holder("producer", 2, 3);
	assert.ok(wordOf(region.path, "q", QUEUE_CLAIMED) > wordOf(region.path, "q", QUEUE_TAIL));
	await child.kill();
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

test.run();
