/** Objects that several processes construct, or open as something else. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open, started } from "../attachment/stage.js";
import { eachInFolder, errorOf, limitedTest } from "../fixture/index.js";

eachInFolder();

limitedTest("processes that construct the same objects at once agree on each", async () => {
	const region = open();
	const { used } = region.stats();
	const children = await Promise.all(Array.from({ length: 8 }, (_, i) => started("construct", i)));
	for (const child of children) child.say("go");
	const results = (await Promise.all(children.map((child) => child.hear()))) as string[][];
	for (const result of results) assert.equal(result, results[0]);
	// Everyone got a capacity that one of them had asked for.
	for (const capacity of results[0] ?? []) assert.match(capacity, /^10(2[4-9]|3[01])$/);
	assert.is(region.entries().length, 50);
	for (const child of children) child.say("go");
	for (const child of children) assert.is((await child.ended).code, 0);
	// The losers gave back what they had made: at most 50 rings of 2 KiB, records and lists are left.
	const left = region.stats().used - used;
	assert.ok(left < 50 * (2048 + 640) + 64 * 1024, `${left} bytes`);
});

limitedTest("opening an object as another type names both types", () => {
	const region = open();
	region.queue("bytes", { capacity: 1000 });
	region.queue("numbers", { record: "f64", capacity: 100 });
	const cases: [() => unknown, string, string][] = [
		[() => region.queue("bytes", { capacity: 2000 }), "a queue of 1000 bytes", "a queue of 2000 bytes"],
		[() => region.queue("bytes", { record: "f64" }), "a queue of 1000 bytes", "a queue of f64 records"],
		[() => region.queue("numbers", { policy: "block" }), "f64 records with capacity 100", "a queue"],
		[() => region.queue("numbers", { record: "f32" }), "f64 records with capacity 100", "f32 records"],
		[
			() => region.queue("numbers", { record: "f64", capacity: 128 }),
			"f64 records with capacity 100",
			"f64 records with capacity 128",
		],
	];
	for (const [action, is, wanted] of cases) {
		const { code, message } = errorOf(action);
		assert.is(code, "DHMEM_TYPE_MISMATCH");
		assert.match(message, is);
		assert.match(message, wanted);
	}
	// An option that is left out accepts what exists, and so does the same figure in other words.
	assert.is(region.queue("bytes").capacity, 1024);
	assert.is(region.queue("bytes", { capacity: "1 kB" }).capacity, 1024);
	assert.is(region.queue("numbers", { record: "f64" }).capacity, 128);
});

test.run();
