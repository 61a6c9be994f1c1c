/** Loops over a consumer. */
import { setImmediate as turn } from "node:timers/promises";
import type { Message } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Checker, Payloads } from "../endurance/payload.js";
import { eachInFolder } from "../fixture/index.js";
import { drain, ends, fails, failsLater, failsWith, got, open, patience } from "./stage.js";

eachInFolder();

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

test("the body of a loop may release or take its message", async () => {
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

test("an endpoint's defaults apply to its loops, and a call's own options override them", async () => {
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

test("many sends and receives at once keep their order without being awaited one by one", async () => {
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

test.run();
