/** Queues that drop their oldest message when they are full. */
import { type Message, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { goTo, positionsOf, startAt } from "../endurance/positions.js";
import { Child, codeOf, codeOfLater, errorOf, regionTest } from "../fixture/index.js";
import { KEEP_FEW } from "./mailbox-child.js";
import { numbered, patience, statsOf, textsOf } from "./mailbox-stage.js";

test.after.each(() => Child.killAll());

regionTest("the last messages are kept, in order, and older ones are dropped", (region) => {
	for (const keep of [1, 2, 3, 5, 6, 16, 100]) {
		const queue = region.queue(`q${keep}`, { policy: "drop-oldest", keep });
		const [producer, consumer] = [queue.producer(), queue.consumer()];
		for (let i = 1; i <= 3 * keep; i++) {
			assert.is(producer.trySend(`${i}`), true);
			if (i < keep) continue;
			assert.is(consumer.tryReceive()?.text(), `${i - keep + 1}`, `the oldest of ${keep}`);
			if (i < 3 * keep) producer.trySend(`${i}`);
			textsOf(consumer);
			for (const text of numbered(i - keep + 2, i)) producer.trySend(text);
		}
		for (const text of numbered(1, 10 * keep)) producer.trySend(text);
		assert.equal(textsOf(consumer), numbered(9 * keep + 1, 10 * keep));
		assert.is(consumer.tryReceive(), undefined);
		assert.is(queue.capacity, keep);
	}
});

regionTest("a latest queue always has one message, the newest", (region) => {
	const queue = region.queue("q", { policy: "latest" });
	const [producer, consumer] = [queue.producer(), queue.consumer()];
	for (const text of numbered(1, 50)) producer.trySend(text);
	assert.equal(textsOf(consumer), ["50"]);
	producer.trySend("51");
	assert.equal(textsOf(consumer), ["51"]);
	assert.equal(textsOf(consumer), []);
});

regionTest("a producer without a consumer never waits, and only the kept messages use memory", (region) => {
	const queue = region.queue("q", { policy: "drop-oldest", keep: 8 });
	const producer = queue.producer({ timeout: 0 });
	const before = region.stats().used;
	const data = new Uint8Array(5000);
	for (let i = 0; i < 2000; i++) {
		producer.sendSync(data);
		if (i % 100 === 0) assert.ok(region.stats().used <= before + 8 * 5120, "more is in use than is kept");
	}
	assert.equal(statsOf(region), { depth: 8, sent: 2000, received: 0, dropped: 1992 });
	textsOf(queue.consumer());
	assert.equal(statsOf(region), { depth: 0, sent: 2000, received: 8, dropped: 1992 });
	assert.is(region.stats().used, before);
});

regionTest("messages of any size and kind come whole", async (region) => {
	const queue = region.queue("q", { policy: "drop-oldest", keep: 20 });
	const [producer, consumer] = [queue.producer(), queue.consumer()];
	const before = region.stats().used;
	for (const length of [0, 1, 7, 8, 55, 56, 57, 4096, 40_000, 3_000_000]) {
		const data = Uint8Array.from({ length }, (_, i) => i * 7);
		await producer.send(data);
		const slot = producer.tryReserve(length + 100);
		slot?.bytes.fill(1);
		slot?.commit(length);
		producer.tryReserve(length)?.abort();
		const first = (await consumer.receive()) as Message;
		assert.is(first.bytes.byteOffset % 8, 0);
		assert.is(Buffer.compare(first.bytes, data), 0);
		assert.is(first.block, undefined);
		const second = consumer.receiveSync() as Message;
		assert.is(second.length, length);
		assert.ok(second.bytes.every((byte) => byte === 1));
		second.release();
		first.release();
		first.release();
		assert.is(
			codeOf(() => first.bytes),
			"DHMEM_CLOSED",
		);
	}
	assert.is(producer.sendMany(["a", "b", "c"]), 3);
	const batch = consumer.receiveMany(10);
	assert.equal(
		batch.map((message) => message.text()),
		["a", "b", "c"],
	);
	for (const message of batch) message.release();
	assert.is(region.stats().used, before);
});

regionTest("a message that exceeds the region is refused, and one that does not fit makes room", (region) => {
	const queue = region.queue("q", { policy: "drop-oldest" });
	const [producer, consumer] = [queue.producer(), queue.consumer()];
	const before = region.stats().used;
	assert.is(
		codeOf(() => producer.trySend(new Uint8Array(region.size))),
		"DHMEM_MESSAGE_TOO_LARGE",
	);
	const data = new Uint8Array(10_000_000);
	for (let i = 1; i <= 20; i++) producer.trySend(data.fill(i));
	const { depth = 0 } = statsOf(region);
	assert.ok(depth >= 3 && depth <= 6, `${depth} of 10 MB are kept in 64 MiB`);
	for (let i = 21 - depth; i <= 20; i++) {
		const message = consumer.tryReceive();
		assert.ok(message?.bytes.every((byte) => byte === i));
		message?.release();
	}
	using everything = region.allocate(63_000_000);
	assert.is(
		codeOf(() => producer.trySend(data)),
		"DHMEM_REGION_FULL",
	);
	everything.free();
	assert.is(region.stats().used, before);
});

regionTest(
	"a block goes with its message, and is dropped with it or becomes the receiver's",
	async (region) => {
		const queue = region.queue("q", { policy: "drop-oldest", keep: 3 });
		const [producer, consumer] = [queue.producer(), queue.consumer()];
		const before = region.stats().used;
		const allocate = (mark: number) => {
			const block = region.allocate(10_000);
			block.bytes.fill(mark);
			return block;
		};
		for (let i = 1; i <= 10; i++) {
			const block = allocate(i);
			await producer.send(`${i}`, { block });
			assert.is(
				codeOf(() => block.bytes),
				"DHMEM_CLOSED",
			);
		}
		const [eighth, ninth, tenth] = consumer.receiveMany(5) as [Message, Message, Message];
		assert.is(eighth.block?.bytes[9999], 8);
		eighth.release();
		const taken = ninth.take();
		assert.equal([taken.bytes[9999], taken.length], [9, 10_000]);
		assert.is(
			codeOf(() => ninth.take()),
			"DHMEM_CLOSED",
		);
		assert.equal([tenth.text(), tenth.block?.bytes[0]], ["10", 10]);
		tenth.release();
		producer.trySend("plain");
		const plain = consumer.tryReceive() as Message;
		assert.is(
			codeOf(() => plain.take()),
			"DHMEM_BAD_ARGUMENT",
		);
		plain.release();
		await producer.send("again", { block: taken });
		consumer.tryReceive()?.release();
		assert.is(region.stats().used, before);
	},
);

regionTest("clones are sent and dropped on their own", (region) => {
	const queues = ["a", "b"].map((name) => region.queue(name, { policy: "latest" }));
	const producers = queues.map((queue) => queue.producer());
	const consumers = queues.map((queue) => queue.consumer());
	const before = region.stats().used;
	for (let i = 1; i <= 5; i++) {
		const block = region.allocate(5000);
		block.bytes.fill(i);
		producers[0]?.trySend("", { block: block.clone() });
		producers[1]?.trySend("", { block });
	}
	const first = consumers[0]?.tryReceive();
	assert.is(first?.block?.bytes[4999], 5);
	first?.release();
	const second = consumers[1]?.tryReceive()?.take();
	assert.is(second?.bytes[4999], 5);
	second?.free();
	assert.is(region.stats().used, before);
});

regionTest("unreleased messages are freed when the consumer leaves", (region) => {
	const queue = region.queue("q", KEEP_FEW);
	const producer = queue.producer();
	const before = region.stats().used;
	producer.trySend("one", { block: region.allocate(5000) });
	for (const text of ["two", "three"]) producer.trySend(text);
	const consumer = queue.consumer();
	const held = consumer.receiveMany(2);
	consumer.close();
	for (const message of held) {
		assert.is(
			codeOf(() => message.text()),
			"DHMEM_CLOSED",
		);
		message.release();
	}
	const next = queue.consumer();
	assert.equal(textsOf(next), ["three"]);
	assert.is(region.stats().used, before);
});

regionTest("removing one frees what is in it", (region) => {
	const before = region.stats().used;
	const queue = region.queue("q", KEEP_FEW);
	const [producer, consumer] = [queue.producer(), queue.consumer()];
	for (let i = 0; i < 6; i++) producer.trySend("x", { block: region.allocate(50_000) });
	consumer.tryReceive();
	region.remove("q");
	assert.is(region.stats().used, before);
	assert.is(
		codeOf(() => producer.trySend("y")),
		"DHMEM_CLOSED",
	);
});

regionTest("messages sent before the end arrive, and then the end", async (region) => {
	const queue = region.queue("q", { policy: "latest" });
	const producer = queue.producer();
	const consumer = queue.consumer(patience);
	for (const text of ["one", "two"]) producer.trySend(text);
	producer.end();
	producer.end();
	assert.is(
		codeOf(() => producer.trySend("three")),
		"DHMEM_QUEUE_ENDED",
	);
	const texts = [];
	for await (const message of consumer) texts.push(message.text());
	assert.equal(texts, ["two"]);
	assert.is(consumer.ended, true);
	assert.is(await consumer.receive(), undefined);
});

regionTest("a later producer begins the next stream, behind an end that is not dropped", (region) => {
	const queue = region.queue("q", { policy: "drop-oldest", keep: 3 });
	const send = (texts: string[], ends: boolean) => {
		using producer = queue.producer();
		producer.sendMany(texts);
		if (ends) producer.end();
	};
	/** Each stream, received by a consumer of its own, until one has no end. */
	const streams = () => {
		const found: string[] = [];
		for (;;) {
			using consumer = queue.consumer();
			const texts = textsOf(consumer).join();
			found.push(consumer.ended ? `${texts}.` : texts);
			if (!consumer.ended) return found;
		}
	};
	send(["a", "b"], true);
	send(["c"], false);
	assert.equal(streams(), ["a,b.", "c"]);
	send(["a", "b"], true);
	send(["c", "d"], false);
	assert.equal(streams(), ["b.", "c,d"]);
	send(["a", "b"], true);
	send(["c", "d", "e", "f"], false);
	assert.equal(streams(), [".", "d,e,f"]);
	send(["a"], true);
	send(["b"], true);
	send(["c"], false);
	assert.equal(streams(), ["a,b.", "c"], "of two ends that nobody saw there is one");
	send([], true);
	assert.equal(streams(), [".", ""]);
});

regionTest("a consumer that waits is woken by a message and by the end", async (region) => {
	const queue = region.queue("q", { policy: "latest" });
	using other = Region.open(region.name);
	const consumer = other.queue("q", { policy: "latest" }).consumer(patience);
	const first = consumer.receive();
	const second = consumer.receive();
	const third = consumer.receive();
	const producer = queue.producer();
	await queue.waitForPeer(patience);
	producer.trySend("one");
	assert.is((await first)?.text(), "one");
	producer.trySend("two");
	assert.is((await second)?.text(), "two");
	producer.end();
	assert.is(await third, undefined);
});

regionTest(
	"a consumer is told when its producer left without ending, once all is drained",
	async (region) => {
		const queue = region.queue("q", KEEP_FEW);
		const producer = queue.producer();
		const consumer = queue.consumer(patience);
		assert.is(await codeOfLater(consumer.receive({ timeout: 1 })), "DHMEM_TIMEOUT");
		producer.trySend("one");
		producer.close();
		assert.is((await consumer.receive())?.text(), "one");
		assert.is(await codeOfLater(consumer.receive()), "DHMEM_PEER_GONE");
		assert.is(
			codeOf(() => consumer.receiveSync()),
			"DHMEM_PEER_GONE",
		);
	},
);

regionTest("streams and batches go through it", async (region) => {
	const queue = region.queue("q", { policy: "drop-oldest", keep: 50 });
	const consumer = queue.consumer(patience);
	const writable = queue.producer().writable();
	for (const text of ["a", "b", "c"]) writable.write(text);
	await new Promise<void>((resolve) => writable.end(resolve));
	const batches = [];
	for await (const batch of consumer.batches(2)) batches.push(batch.map((message) => message.text()));
	assert.equal(batches, [["a", "b"], ["c"]]);
});

regionTest("positions run over 2^32", (region) => {
	const queue = region.queue("wrapping", { policy: "drop-oldest", keep: 3 });
	startAt(region.path, "wrapping", 2 ** 32 - 20);
	const [producer, consumer] = [queue.producer(), queue.consumer()];
	const before = region.stats().used;
	const texts: string[] = [];
	for (let i = 1; i <= 40; i++) {
		producer.trySend(`${i}`);
		// Every other time, so that some are dropped.
		if (i % 4 === 0) texts.push(...textsOf(consumer));
	}
	assert.equal(
		texts,
		numbered(1, 40).filter((text) => Number(text) % 4 !== 1),
	);
	assert.is(positionsOf(region.path, "wrapping").tail, 20);
	assert.is(region.stats().used, before);
});

regionTest(
	"an end of a stream stays an end when half of 2^32 positions have passed, or nearly all",
	(region) => {
		for (const [index, position] of [10, 2 ** 31 + 5, 2 ** 32 - 3].entries()) {
			const name = `long-gone-${index}`;
			const queue = region.queue(name, KEEP_FEW);
			const consumer = queue.consumer();
			{
				using producer = queue.producer();
				producer.trySend("old");
				producer.end();
			}
			assert.is(consumer.tryReceive()?.text(), "old");
			goTo(region.path, name, position);
			using producer = queue.producer();
			producer.trySend("new");
			assert.equal([textsOf(consumer), consumer.ended], [[], true]);
			consumer.close();
			using next = queue.consumer();
			assert.equal([textsOf(next), next.ended], [["new"], false]);
		}
	},
);

regionTest("a message is found when 2^32 others have passed since the consumer looked", (region) => {
	const queue = region.queue("long-asleep", KEEP_FEW);
	const [producer, consumer] = [queue.producer(), queue.consumer()];
	producer.sendMany(["one", "two"]);
	assert.equal(textsOf(consumer), ["one", "two"]);
	goTo(region.path, "long-asleep", 0);
	producer.sendMany(["three", "four"]);
	assert.equal(textsOf(consumer), ["three", "four"]);
});

regionTest("an existing object is opened without its type", (region) => {
	region.queue("bytes");
	region.queue("kept", { policy: "drop-oldest", keep: 3 });
	region.queue("latest", { policy: "latest" });
	assert.is(region.queue("kept", { policy: "drop-oldest" }).capacity, 3);
	assert.is(region.queue("latest", { policy: "drop-oldest" }).capacity, 1);
	assert.is(region.queue("bytes", { policy: "block" }).capacity, 2 ** 20);
	assert.is(region.queue("kept").capacity, 3);
	for (const wrong of [
		() => region.queue("bytes", { policy: "latest" }),
		() => region.queue("kept", { capacity: 4096 }),
		() => region.queue("kept", { policy: "latest" }),
		() => region.queue("kept", { policy: "drop-oldest", keep: 4 }),
		() => region.queue("kept", { record: "f64" }),
		() => region.queue("latest", { policy: "block" }),
		() => region.vector("latest", "f64"),
	]) {
		assert.match(errorOf(wrong).message, /is a queue of .* but was opened as /);
		assert.is(codeOf(wrong), "DHMEM_TYPE_MISMATCH");
	}
	assert.equal(
		region
			.entries()
			.map(({ type }) => type)
			.sort(),
		["a queue of 1048576 bytes", "a queue of the last 3 messages", "a queue of the latest message"],
	);
	for (const options of [
		{ policy: "newest" },
		{ policy: 1 },
		{ policy: null },
		{ policy: "latest", keep: 2 },
		{ policy: "drop-oldest", keep: 0 },
		{ policy: "drop-oldest", keep: 1.5 },
		{ policy: "drop-oldest", keep: 4097 },
		{ policy: "drop-oldest", keep: null },
	]) {
		assert.is(
			codeOf(() => region.queue("new", options as never)),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	assert.is(region.queue("most", { policy: "drop-oldest", keep: 4096 }).capacity, 4096);
});

test.run();
