/** Waits that look for a while before they sleep. */
import { closeSync, openSync, readSync } from "node:fs";
import type { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SLOT_BYTES, SLOT_DOORBELL, SLOTS_START } from "../../assembly/layout.js";
import {
	Child,
	codeOf,
	codeOfLater,
	count,
	directory,
	eachInFolder,
	leastTime,
	limitedTest,
} from "../fixture/index.js";
import { open, textOf } from "./stage.js";

eachInFolder();

/** How often the participants of a region were rung so far: each ring adds to a doorbell. */
function rings(region: Region): number {
	const file = openSync(region.path, "r");
	const word = Buffer.alloc(4);
	let sum = 0;
	for (const { slot } of region.stats().participants) {
		readSync(file, word, 0, 4, SLOTS_START + slot * SLOT_BYTES + SLOT_DOORBELL);
		sum += word.readUInt32LE();
	}
	closeSync(file);
	return sum;
}

for (const how of ["sync", "async"]) {
	limitedTest(`nobody is rung while both sides spin, ${how}`, async () => {
		const region = open();
		using pings = region.queue("ping").producer();
		using pongs = region.queue("pong").consumer();
		const child = new Child(new URL("./spinning-child.js", import.meta.url).href, "echo", [directory, how]);
		await region.queue("ping").waitForPeer();
		await region.queue("pong").waitForPeer();
		let before = 0;
		for (let round = 0; round < count(200, 20_000); round++) {
			// The first rounds ring for the waits that the two began with.
			if (round === 10) before = rings(region);
			pings.trySend(String(round));
			const pong = how === "sync" ? pongs.receiveSync({ spin: 1000 }) : await pongs.receive({ spin: 1000 });
			assert.is(textOf(pong), String(round));
		}
		assert.is(rings(region), before);
		pings.end();
		assert.is((await child.ended).code, 0);
	});
}

test("a timeout ends a wait that spins longer, and an abort one that has begun", async () => {
	const region = open();
	using consumer = region.queue("q").consumer();
	for (const timeout of [0, 5]) {
		const options = { timeout, spin: 1000 };
		const took = await leastTime(900, async () => {
			assert.is(
				codeOf(() => consumer.receiveSync(options)),
				"DHMEM_TIMEOUT",
			);
			assert.is(await codeOfLater(consumer.receive(options)), "DHMEM_TIMEOUT");
		});
		assert.ok(took < 900, `${took} ms`);
	}
	const reason = new Error("enough");
	const controller = new AbortController();
	const waiting = consumer.receive({ spin: 1, signal: controller.signal }).catch((error: unknown) => error);
	controller.abort(reason);
	assert.is(await waiting, reason);
	for (const spin of [-1, Number.NaN, 1001, "1" as never]) {
		assert.is(
			codeOf(() => consumer.waitSync({ spin })),
			"DHMEM_BAD_ARGUMENT",
		);
		assert.is(await codeOfLater(consumer.wait({ spin })), "DHMEM_BAD_ARGUMENT");
	}
});

test("every wait takes it: mutexes, conditions, records, sends", async () => {
	const region = open();
	const wait = { timeout: 2, spin: 1 };
	using held = region.mutex("lock").lockSync(wait);
	const other = open();
	assert.is(await codeOfLater(other.mutex("lock").lock(wait)), "DHMEM_TIMEOUT");
	const condition = region.condition("changed");
	assert.is(await codeOfLater(condition.wait(held, { ...wait, until: () => false })), "DHMEM_TIMEOUT");
	assert.is(await codeOfLater(region.queue("r", { record: "f64" }).consumer().wait(wait)), "DHMEM_TIMEOUT");
	const producer = region.queue("full", { capacity: 64 }).producer(wait);
	while (producer.trySend("x"));
	assert.is(await codeOfLater(producer.send("x")), "DHMEM_TIMEOUT");
	assert.is(
		codeOf(() => producer.sendSync("x")),
		"DHMEM_TIMEOUT",
	);
});

test.run();
