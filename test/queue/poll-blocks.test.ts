/** Messages outside of the ring, and queues without one: what `poll` passes for them. */
import type { Block, Message } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, got, open } from "./stage.js";

eachInFolder();

test("a message that was too large for the ring, or carries a block, comes as a Message in its turn", () => {
	const { region, producer, consumer } = ends();
	const before = region.stats().used;
	for (let round = 0; round < 20; round++) {
		producer.trySend("small");
		producer.trySend("x".repeat(3000));
		const block = region.allocate(100);
		block.bytes.fill(round);
		producer.trySend("with a block", { block });
		producer.trySend("last");
		const seen: string[] = [];
		const handled = consumer.poll((view, at, length, message) => {
			if (message === undefined) {
				seen.push(`${Buffer.from(view.buffer, view.byteOffset + at, length)}`);
				return;
			}
			assert.is(view, undefined);
			assert.is(message.length, length);
			seen.push(message.text());
			if (message.block) assert.ok(message.block.bytes.every((byte) => byte === round));
		});
		assert.is(handled, 4);
		assert.equal(seen, ["small", "x".repeat(3000), "with a block", "last"]);
	}
	assert.is(region.stats().used, before);
	assert.is(region.stats().queues[0]?.bytes, 0);
});

test("a message is released after its handler, unless it took the block", () => {
	const { region, producer, consumer } = ends();
	const block = region.allocate(8);
	block.bytes.fill(7);
	producer.trySend("kept", { block });
	producer.trySend("freed", { block: region.allocate(8) });
	const messages: Message[] = [];
	let taken: Block | undefined;
	consumer.poll((_view, _at, _length, message) => {
		if (message) messages.push(message);
		if (message?.text() === "kept") taken = message.take();
	});
	assert.ok(messages.every(({ released }) => released));
	for (const message of messages) fails("DHMEM_CLOSED", () => message.bytes);
	assert.equal([...(taken as Block).bytes], [7, 7, 7, 7, 7, 7, 7, 7]);
	taken?.free();
});

test("a message with a block comes again if its handler throws, but not if it was taken before", () => {
	const { region, producer, consumer } = ends();
	for (const text of ["a", "b"]) producer.trySend(text, { block: region.allocate(8) });
	for (const takes of [false, true]) {
		let taken: Block | undefined;
		assert.throws(
			() =>
				consumer.poll((_view, _at, _length, message) => {
					assert.is(message?.text(), "a");
					if (takes) taken = message?.take();
					throw new Error("not this one");
				}),
			"not this one",
		);
		taken?.free();
	}
	assert.equal(drain(consumer), ["b"]);
});

test("waiting and polling with max stop before, at and behind a message with a block", async () => {
	const { region, producer, consumer } = ends();
	producer.trySend("a");
	producer.trySend("b", { block: region.allocate(8) });
	producer.trySend("c");
	producer.end();
	const seen: string[] = [];
	while (await consumer.wait()) {
		const handled = consumer.poll(
			(view, at, length, message) =>
				void seen.push(message?.text() ?? `${Buffer.from(view.buffer, view.byteOffset + at, length)}`),
			{ max: 1 },
		);
		assert.is(handled, 1);
	}
	assert.equal(seen, ["a", "b", "c"]);
	assert.ok(consumer.ended);
});

for (const options of [{ policy: "latest" }, { policy: "drop-oldest", keep: 4 }] as const) {
	test(`poll passes the messages of a ${options.policy} queue as Messages, up to the end`, async () => {
		const region = open();
		const queue = region.queue("q", options);
		using producer = queue.producer();
		using consumer = queue.consumer();
		const used = region.stats().used;
		assert.is(
			consumer.poll(() => {}),
			0,
		);
		const kept = options.policy === "latest" ? 1 : 4;
		const seen: string[] = [];
		const poll = () =>
			consumer.poll((view, at, length, message) => {
				assert.is(view, undefined);
				assert.is(at, 0);
				assert.is(length, message?.length);
				seen.push(got(message).text());
			});
		for (let round = 0; round < 3; round++) {
			for (let index = 0; index < 10; index++) producer.trySend(String(index));
			assert.ok(await consumer.wait());
			assert.is(poll(), kept);
			assert.equal(seen.splice(0), ["6", "7", "8", "9"].slice(-kept));
			assert.is(region.stats().used, used);
		}
		producer.trySend("last");
		producer.end();
		assert.ok(consumer.waitSync());
		assert.is(poll(), 1);
		assert.not(consumer.ended);
		assert.is(poll(), 0);
		assert.ok(consumer.ended);
		assert.is(await consumer.wait(), false);
	});
}

test("a wait for a latest queue leaves the message there, so that a newer one replaces it", async () => {
	const queue = open().queue("q", { policy: "latest" });
	const producer = queue.producer();
	const consumer = queue.consumer();
	producer.trySend("old");
	assert.ok(await consumer.wait());
	producer.trySend("new");
	assert.equal(drain(consumer), ["new"]);
});

test("a handler of a latest queue may close it, or throw: a message is released or comes again", () => {
	const region = open();
	const queue = region.queue("q", { policy: "drop-oldest", keep: 4 });
	const producer = queue.producer();
	const used = region.stats().used;
	const consumer = queue.consumer();
	producer.sendMany(["a", "b", "c"]);
	const failing = () =>
		consumer.poll((_view, _at, _length, message) => {
			if (message?.text() === "b") throw new Error("not this one");
		});
	assert.throws(failing, "not this one");
	assert.throws(failing, "not this one");
	consumer.poll(() => consumer.close());
	const next = queue.consumer();
	assert.equal(drain(next), ["c"]);
	assert.is(region.stats().used, used);
});

test.run();
