/** Functions and iterables of the user's that close the region while a queue calls them. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, eachInFolder, openRegion } from "../fixture/index.js";
import { drain } from "./stage.js";

eachInFolder();

test("sendMany: the items before the region was closed are sent", () => {
	const region = openRegion("closing");
	const producer = region.queue("q").producer();
	function* closing(): Generator<string> {
		yield* ["a", "b"];
		region.close();
		yield "c";
	}
	assert.is(
		codeOf(() => producer.sendMany(closing())),
		"DHMEM_CLOSED",
	);
	assert.equal(drain(openRegion("closing").queue("q").consumer()), ["a", "b"]);
});

test("pushEach: the records before the region was closed are published", () => {
	const region = openRegion("closing");
	const record = { id: "u32" } as const;
	const producer = region.queue("r", { record }).producer();
	const done = producer.pushEach(5, (each, index) => {
		each.id = index;
		if (index === 2) region.close();
	});
	assert.is(done, 2);
	const consumer = openRegion("closing").queue("r", { record }).consumer();
	assert.equal([consumer.pop(), consumer.pop(), consumer.pop()], [{ id: 0 }, { id: 1 }, undefined]);
});

test("poll: the messages before the region was closed are released", () => {
	const region = openRegion("closing");
	const queue = region.queue("p");
	queue.producer().sendMany(["a", "b", "c"]);
	let count = 0;
	queue.consumer().poll(() => {
		if (++count === 2) region.close();
	});
	assert.equal(drain(openRegion("closing").queue("p").consumer()), ["b", "c"]);
});

test("close: a function that it calls finds its messages gone", async () => {
	const region = openRegion("closing");
	const queue = region.queue("c");
	const consumer = queue.consumer();
	queue.producer().sendMany(["a"]);
	const message = consumer.tryReceive();
	const mutex = region.mutex("m");
	const seen: unknown[] = [];
	const waiting = region.condition("changed").wait(await mutex.lock(), {
		until: () => {
			if (consumer.closed) seen.push(codeOf(() => message?.writeUInt8(1)));
			return seen.length > 0;
		},
	});
	await new Promise(setImmediate);
	region.condition("changed").notifyAll();
	consumer.close();
	await waiting;
	assert.equal(seen, ["DHMEM_CLOSED"]);
});

test.run();
