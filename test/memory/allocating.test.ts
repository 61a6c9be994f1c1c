import { test } from "uvu";
import * as assert from "uvu/assert";
import { count, isMarked, randomFrom } from "../fixture/index.js";
import { match } from "./match.js";
import { randomSize } from "./player.js";

const OPERATIONS = count(20_000, 50_000);

test("two processes allocate and free at random: no block is given out twice, all comes back", async () => {
	const { reports, usedBefore, usedAfter, largestAfter } = await match(OPERATIONS, 0, 1);
	assert.is(reports.length, 2);
	for (const { operations, full, sent, taken, leastLargest, meanLargest } of reports) {
		assert.is(operations, OPERATIONS);
		assert.ok(sent > 100 && taken > 10, `sent ${sent}, took ${taken}`);
		assert.ok(full > 0, "the region was never full");
		assert.ok(
			leastLargest >= 0 && leastLargest <= meanLargest && meanLargest <= 1,
			"fragmentation is a share",
		);
	}
	assert.is(usedAfter, usedBefore);
	assert.ok(largestAfter > 0.7, `the largest free block is ${largestAfter} of what is free`);
});

test("while one of two participants is stopped at random moments, the other continues", async () => {
	const stops = count(8, 40);
	const { meanwhile, usedBefore, usedAfter } = await match(OPERATIONS, stops, 1);
	assert.ok(meanwhile >= stops * 300);
	assert.is(usedAfter, usedBefore);
});

test("the checks that the players make can fail, and sizes reach from 1 byte to half the region", () => {
	const bytes = new Uint8Array(100).fill(7);
	assert.ok(isMarked(bytes, 7));
	assert.not(isMarked(bytes, 8));
	for (const index of [0, 50, 99]) {
		const spoilt = bytes.slice();
		spoilt[index] = 6;
		assert.not(isMarked(spoilt, 7), `byte ${index}`);
	}
	const random = randomFrom(1);
	const sizes = Array.from({ length: 100_000 }, () => randomSize(random, 1e6));
	assert.is(Math.min(...sizes), 1);
	assert.ok(Math.max(...sizes) > 9e5 && Math.max(...sizes) <= 1e6);
});

test.run();
