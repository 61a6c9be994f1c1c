/** Queues, messages and blocks that are used at the wrong time. */
import type { Message } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, start } from "../attachment/stage.js";
import { codeOf, codeOfLater, eachInFolder, errorOf, limitedTest, loadBlock } from "../fixture/index.js";
import { things, wrong } from "../values/wrong.js";

eachInFolder();

limitedTest("sendMany refuses a string, which is not sent as its characters", () => {
	const region = open();
	const queue = region.queue("q");
	const error = errorOf(() => queue.producer().sendMany("text"));
	assert.is(error.code, "DHMEM_BAD_ARGUMENT");
	assert.match(error.message, "trySend");
	assert.is(queue.consumer().tryReceive(), undefined);
});

limitedTest("a second producer or consumer is refused, and the error names the holder", async () => {
	const region = open();
	const other = open();
	const bytes = region.queue("q");
	const records = region.queue("r", { record: "f64" });
	const ends: [() => { close(): void }, () => { close(): void }][] = [
		[() => bytes.producer(), () => other.queue("q").producer()],
		[() => bytes.consumer(), () => other.queue("q").consumer()],
		[() => records.producer(), () => other.queue("r", { record: "f64" }).producer()],
		[() => records.consumer(), () => other.queue("r", { record: "f64" }).consumer()],
	];
	for (const [ours, theirs] of ends) {
		const end = ours();
		for (const second of [ours, theirs]) {
			const error = errorOf(second);
			assert.is(error.code, "DHMEM_ENDPOINT_TAKEN");
			assert.match(error.message, /queue [qr]\b/i);
		}
		end.close();
		theirs().close();
		ours().close();
	}
	// The endpoint of a dead participant is free.
	const child = start("receive", ["held"]);
	assert.is(await child.hear(), "ready");
	const held = region.queue("held");
	assert.is(
		codeOf(() => held.consumer()),
		"DHMEM_ENDPOINT_TAKEN",
	);
	await child.kill();
	assert.is(
		codeOf(() => held.consumer()),
		"nothing",
	);
});

limitedTest(
	"after end() sending is DHMEM_QUEUE_ENDED, and a new producer begins the next stream",
	async () => {
		const { queue, producer, consumer, records, pushing, popping } = things(open());
		producer.trySend("a");
		producer.end();
		producer.end();
		assert.is(
			codeOf(() => producer.trySend("b")),
			"DHMEM_QUEUE_ENDED",
		);
		assert.is(
			codeOf(() => producer.sendSync("b")),
			"DHMEM_QUEUE_ENDED",
		);
		assert.is(await codeOfLater(producer.send("b")), "DHMEM_QUEUE_ENDED");
		assert.is(
			codeOf(() => producer.sendMany(["b"])),
			"DHMEM_QUEUE_ENDED",
		);
		assert.is(
			codeOf(() => producer.tryReserve(5)),
			"DHMEM_QUEUE_ENDED",
		);
		pushing.push(1);
		pushing.end();
		assert.is(
			codeOf(() => pushing.push(1)),
			"DHMEM_QUEUE_ENDED",
		);
		assert.is(
			codeOf(() => pushing.pushMany(new Int32Array(2))),
			"DHMEM_QUEUE_ENDED",
		);
		assert.is(await codeOfLater(pushing.wait()), "DHMEM_QUEUE_ENDED");
		assert.is(consumer.receiveSync()?.text(), "a");
		assert.is(consumer.receiveSync(), undefined);
		assert.is(popping.pop(), 1);
		assert.is(popping.waitSync(), false);
		producer.close();
		pushing.close();
		assert.ok(queue.producer().trySend("next"));
		assert.ok(records.producer().push(2));
	},
);

limitedTest("an open reservation blocks other sends, and can be used once", () => {
	const { producer, consumer } = things(open());
	const slot = producer.tryReserve(100);
	assert.ok(slot);
	for (const action of [
		() => producer.trySend("x"),
		() => producer.sendMany(["x"]),
		() => producer.tryReserve(1),
		() => producer.end(),
		() => slot?.commit(101),
		() => slot?.commit(-1),
		() => slot?.commit(1.5),
		() => slot?.commit(wrong("5")),
	]) {
		assert.is(codeOf(action), "DHMEM_BAD_ARGUMENT");
	}
	slot?.bytes.fill(5);
	slot?.commit(3);
	assert.is(slot?.open, false);
	assert.is(
		codeOf(() => slot?.commit(3)),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => slot?.bytes),
		"DHMEM_CLOSED",
	);
	slot?.abort();
	assert.equal([...(consumer.tryReceive()?.bytes ?? [])], [5, 5, 5]);
	assert.is(consumer.tryReceive(), undefined);
});

limitedTest("freeing twice, and using a block that was handed over, are errors", () => {
	const region = open();
	const { producer, consumer } = things(region);
	const { used } = region.stats();
	const freed = region.allocate(100);
	freed.free();
	assert.is(
		codeOf(() => freed.free()),
		"DHMEM_DOUBLE_FREE",
	);
	freed[Symbol.dispose]();
	const sent = region.allocate(100);
	producer.trySend("x", { block: sent });
	const saved = region.allocate(100);
	const handle = region.save(saved);
	for (const block of [freed, sent, saved]) {
		assert.is(
			codeOf(() => block.free()),
			"DHMEM_DOUBLE_FREE",
		);
		block[Symbol.dispose]();
		assert.is(
			codeOf(() => block.bytes),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => block.text()),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => block.as("u8")),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => region.save(block)),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => producer.trySend("x", { block })),
			"DHMEM_CLOSED",
		);
	}
	const message = consumer.tryReceive();
	// The message owns the block until the message is released or the block taken.
	const { block } = message as Message;
	assert.is(
		codeOf(() => block?.free()),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(
		codeOf(() => producer.trySend("x", { block })),
		"DHMEM_BAD_ARGUMENT",
	);
	block?.[Symbol.dispose]();
	assert.is(block?.bytes.length, 100);
	const taken = message?.take();
	assert.is(
		codeOf(() => message?.take()),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => message?.bytes),
		"DHMEM_CLOSED",
	);
	assert.is(
		codeOf(() => block?.bytes),
		"DHMEM_CLOSED",
	);
	message?.release();
	taken?.free();
	assert.is(
		codeOf(() => taken?.free()),
		"DHMEM_DOUBLE_FREE",
	);
	// A block of another region.
	const other = open({}, "other");
	assert.is(
		codeOf(() => other.save(region.allocate(1))),
		"DHMEM_BAD_ARGUMENT",
	);
	// Without a block there is none to take.
	producer.trySend("plain");
	const plain = consumer.tryReceive();
	assert.is(
		codeOf(() => plain?.take()),
		"DHMEM_BAD_ARGUMENT",
	);
	assert.is(plain?.block, undefined);
	plain?.release();
	plain?.release();
	loadBlock(region, handle).free();
	assert.is(region.stats().used, used + 64, "but for the block that was refused");
});

limitedTest(
	"a message is invalid once its consumer has left, and releasing it does not affect the next consumer",
	() => {
		const region = open();
		const { queue, producer, consumer } = things(region);
		producer.trySend("first");
		producer.trySend("second");
		const block = region.allocate(100);
		producer.trySend("with block", { block });
		const [old, , withBlock] = consumer.receiveMany(3);
		consumer.close();
		assert.is(
			codeOf(() => old?.text()),
			"DHMEM_CLOSED",
		);
		assert.is(
			codeOf(() => withBlock?.take()),
			"DHMEM_CLOSED",
		);
		const next = queue.consumer();
		const again = next.receiveMany(3);
		assert.equal(
			again.map((message) => message.text()),
			["first", "second", "with block"],
		);
		old?.release();
		withBlock?.release();
		assert.is(
			codeOf(() => withBlock?.take()),
			"DHMEM_CLOSED",
		);
		assert.is(again[2]?.block?.bytes.length, 100);
		for (const message of again) message.release();
		assert.is(region.stats().queues.find(({ name }) => name === "q")?.depth, 0);
	},
);

test.run();
