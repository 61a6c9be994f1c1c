/** The waits that are not settled. */
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Waits } from "../../src/waiting/waits.js";
import { eachInFolder, limitedTest } from "../fixture/index.js";
import { open, receivedFrom } from "./stage.js";

eachInFolder();

interface Entry {
	number: number;
	settled: boolean;
}

/** Adds waits with these numbers. */
function add(waits: Waits<Entry>, ...numbers: number[]): Entry[] {
	return numbers.map((number) => {
		const entry = { number, settled: false };
		waits.add(entry);
		return entry;
	});
}

function settle(waits: Waits<Entry>, entry: Entry | undefined): void {
	assert.ok(entry !== undefined && !entry.settled);
	entry.settled = true;
	waits.leave();
}

function numbersIn(waits: Waits<Entry>): number[] {
	const numbers = waits.all().map(({ number }) => number);
	assert.is(waits.size, numbers.length);
	return numbers;
}

test("waits stay in the order in which they came, whichever leaves", () => {
	const waits = new Waits<Entry>();
	const entries = add(waits, 0, 1, 2, 3, 4);
	for (const index of [1, 4, 0]) settle(waits, entries[index]);
	assert.equal(numbersIn(waits), [2, 3]);
	add(waits, 5);
	assert.equal(numbersIn(waits), [2, 3, 5]);
	for (const entry of waits.all()) settle(waits, entry);
	assert.equal(numbersIn(waits), []);
});

limitedTest("waits that come and go leave nothing that young collections keep", async () => {
	const queue = open().queue("turns");
	const consumer = queue.consumer();
	const producer = queue.producer();
	const take = async (times: number) => {
		for (let i = 0; i < times; i++) {
			const receiving = consumer.receive();
			producer.trySend("x");
			receivedFrom(await receiving).release();
		}
	};
	const old = () =>
		getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")?.space_used_size ?? 0;
	await take(3000);
	setFlagsFromString("--expose-gc");
	runInNewContext("gc")();
	const before = old();
	await take(10_000);
	// With sets of waits it is 3 MB.
	assert.ok(old() - before < 1e6, `${old() - before} bytes have become old`);
});

test.run();
