/** Many messages at once. */
import type { Block, Message, Producer } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { RECORD_HEADER } from "../../assembly/layout.js";
import { positionsOf } from "../endurance/positions.js";
import { codeOf, eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, failsLater, got, open } from "./stage.js";

eachInFolder();

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

test("sendMany sends as many items as fit, and the rest can follow", () => {
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

test("sendMany sends the staged items when the iterable or an item fails", () => {
	const { producer, consumer } = ends();
	function* failing(): Generator<string> {
		yield "a";
		throw new Error("no more");
	}
	assert.throws(() => producer.sendMany(failing()), "no more");
	fails("DHMEM_BAD_ARGUMENT", () => producer.sendMany(["b", 3 as unknown as string]));
	assert.equal(drain(consumer), ["a", "b"]);
});

test("receiveMany returns the messages that are there, at most `max`", () => {
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

test("leaving a loop over batches early leaves the last batch unreleased", async () => {
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

test("a batch is released together, except for messages that were released or taken before", async () => {
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

test("releasing a batch works when all or the last of its messages were released before", async () => {
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

test("the room of a batch after a held message returns with that message", async () => {
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

test("a batch releases no messages that another loop over the same consumer received in between", async () => {
	const { region, producer, consumer } = ends();
	for (let index = 0; index < 10; index++) producer.trySend(String(index));
	const [one, two] = [consumer.batches(3), consumer.batches(2)];
	const textsOf = async (batches: typeof one) =>
		((await batches.next()).value ?? []).map((message) => message.text());
	assert.equal(await textsOf(one), ["0", "1", "2"]);
	assert.equal(await textsOf(two), ["3", "4"]);
	const held = got(consumer.tryReceive());
	// The first ones of it are released; those of the other loop and of the caller are not.
	assert.equal(await textsOf(one), ["6", "7", "8"]);
	assert.is(region.stats().queues[0]?.depth, 7);
	assert.equal(await textsOf(two), ["9"]);
	assert.is(held.text(), "5");
	consumer.close();
	assert.equal(drain(open().queue("q").consumer()), ["5", "6", "7", "8", "9"]);
});

test("a batch whose consumer has left does not release messages of the next consumer", async () => {
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

test("releasing a batch again, half of all positions later, does not touch newer messages", async () => {
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
	// Up to where a position reads as one ahead, and the next message is in the place of the second.
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

test.run();
