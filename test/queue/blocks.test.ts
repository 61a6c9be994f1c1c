/** Blocks that are sent with messages. */
import type { Message, Producer, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eachInFolder, regions } from "../fixture/index.js";
import { ends, fails, failsLater, failsWith, got, open } from "./stage.js";

eachInFolder();

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

test("after a failed send the block still belongs to the sender", async () => {
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
	// Its new owner can send it on.
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

test("a message's block belongs to the message, and is freed when the message is released", () => {
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
	// Also if nobody has asked for it before.
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

test("a block of another opening is refused, and so is anything that is not a block", () => {
	const { producer } = ends();
	using block = open().allocate(8);
	fails("DHMEM_BAD_ARGUMENT", () => producer.trySend("", { block }));
	const bytes = new Uint8Array(8) as unknown as typeof block;
	fails("DHMEM_BAD_ARGUMENT", () => producer.trySend("", { block: bytes }));
	assert.is(block.bytes.length, 8);
});

test("messages requested at the same time are all released when the next one is requested", async () => {
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

test.run();
