/** Wrong arguments. */
import { readdirSync } from "node:fs";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { open } from "../attachment/stage.js";
import { codeOf, directory, eachInFolder, limitedTest } from "../fixture/index.js";
import { outcome, things, wrong } from "./wrong.js";

eachInFolder();

const unprintable = Object.create(null) as object;

const failing = {
	toString() {
		throw new Error("no text");
	},
};

const values: Record<string, unknown[]> = {
	names: [
		"",
		".hidden",
		"a/b",
		"../a",
		"a b",
		"ü",
		"a\0b",
		"a".repeat(201),
		5,
		null,
		undefined,
		{},
		unprintable,
	],
	objectNames: ["", "x".repeat(201), "ü".repeat(101), "\ud800", 5, null, undefined, {}, unprintable, failing],
	sizes: [
		0,
		-1,
		1.5,
		Number.NaN,
		Number.POSITIVE_INFINITY,
		2 ** 44 + 1,
		1000,
		"0",
		"-1",
		"x",
		"1 XB",
		"",
		"17 TiB",
	],
	wrongSizes: [null, {}, [], true, 10n, Symbol("s"), unprintable, () => 1],
	capacities: [0, -1, 1.5, Number.NaN, "x", "2GiB", 2 ** 30 + 1, null, {}, true, 10n, unprintable],
	dtypes: ["f16", "F64", "", 5, null, undefined, {}, "constructor", "__proto__", unprintable],
	roomy: [0, -1, 1.5, Number.NaN, 2 ** 31, "16", null, {}, 10n],
	timeouts: [-1, Number.NaN, "100", {}, 10n, true, unprintable, Number.NEGATIVE_INFINITY],
	signals: [5, "x", {}, { aborted: false }, new EventTarget(), unprintable],
	options: [5, "x", null, true, 1n],
	data: [5, null, undefined, {}, [1, 2], new ArrayBuffer(8), true, 1n, Symbol("s"), unprintable],
	counts: [0, -1, 1.5, Number.NaN, "5", null, undefined, {}, 10n, unprintable],
	handles: [5, null, undefined, {}, unprintable, new Uint8Array(28)],
	tokens: ["", "x", "A".repeat(38), "!".repeat(38), "ü".repeat(100), "A".repeat(100_000)],
};

limitedTest("errors for wrong arguments say what is right", async () => {
	const region = open();
	const { queue, records, producer, consumer, pushing, popping, block } = things(region);
	const fresh = () => Math.random().toString(36).slice(2);
	const name = () => `other-${fresh()}`;
	const table: [string, string, (value: unknown) => unknown][] = [
		["Region.open", "names", (v) => Region.open(wrong(v), { directory })],
		["Region.unlink", "names", (v) => Region.unlink(wrong(v), { directory })],
		["size", "sizes", (v) => Region.open(name(), { directory, size: wrong(v) })],
		["size", "wrongSizes", (v) => Region.open(name(), { directory, size: wrong(v) })],
		["mode", "names", (v) => v === undefined || Region.open(name(), { directory, mode: wrong(v) })],
		["lifetime", "names", (v) => v === undefined || Region.open(name(), { directory, lifetime: wrong(v) })],
		["permissions", "roomy", (v) => v === 0 || Region.open(name(), { directory, permissions: wrong(v) })],
		["permissions", "permissions", (v) => Region.open(name(), { directory, permissions: wrong(v) })],
		["directory", "directories", (v) => Region.open(name(), { directory: wrong(v) })],
		["directory", "directories", (v) => Region.list({ directory: wrong(v) })],
		["label", "labels", (v) => Region.open(name(), { directory, label: wrong(v) })],
		["open options", "options", (v) => Region.open(name(), wrong(v))],
		["unlink options", "options", (v) => Region.unlink(name(), wrong(v))],
		["list options", "options", (v) => Region.list(wrong(v))],
		["queue name", "objectNames", (v) => region.queue(wrong(v))],
		["records name", "objectNames", (v) => region.queue(wrong(v), { record: "f64" })],
		["queue options", "options", (v) => region.queue(fresh(), wrong(v))],
		["capacity", "capacities", (v) => region.queue(fresh(), { capacity: wrong(v) })],
		["dtype", "dtypes", (v) => region.queue(fresh(), { record: wrong(v) })],
		["capacity of records", "roomy", (v) => region.queue(fresh(), { record: "f64", capacity: wrong(v) })],
		["allocate", "counts", (v) => region.allocate(wrong(v))],
		["save", "handles", (v) => region.save(wrong(v))],
		["load", "handles", (v) => region.load(wrong(v))],
		["producer defaults", "options", (v) => queue.producer(wrong(v))],
		["consumer defaults", "timeouts", (v) => queue.consumer({ timeout: wrong(v) })],
		["consumer defaults", "signals", (v) => queue.consumer({ signal: wrong(v) })],
		["peer options", "options", (v) => queue.waitForPeer(wrong(v))],
		["peer timeout", "timeouts", (v) => queue.waitForPeer({ timeout: wrong(v) })],
		["trySend", "data", (v) => producer.trySend(wrong(v))],
		["sendSync", "data", (v) => producer.sendSync(wrong(v))],
		["send", "data", (v) => producer.send(wrong(v))],
		["block", "data", (v) => v === undefined || producer.trySend("x", { block: wrong(v) })],
		["block", "data", (v) => v === undefined || producer.send("x", { block: wrong(v) })],
		["sendSync options", "options", (v) => producer.sendSync("x", wrong(v))],
		["send options", "options", (v) => producer.send("x", wrong(v))],
		["send timeout", "timeouts", (v) => producer.send("x", { timeout: wrong(v) })],
		["send signal", "signals", (v) => producer.send("x", { signal: wrong(v) })],
		["tryReserve", "lengths", (v) => producer.tryReserve(wrong(v))],
		["sendMany", "iterables", (v) => producer.sendMany(wrong(v))],
		["sendMany item", "data", (v) => producer.sendMany([wrong(v)])],
		["receiveSync timeout", "timeouts", (v) => consumer.receiveSync({ timeout: wrong(v) })],
		["receive timeout", "timeouts", (v) => consumer.receive({ timeout: wrong(v) })],
		["receive signal", "signals", (v) => consumer.receive({ signal: wrong(v) })],
		["receive options", "options", (v) => consumer.receive(wrong(v))],
		["receiveMany", "counts", (v) => consumer.receiveMany(wrong(v))],
		["batches", "counts", (v) => consumer.batches(wrong(v)).next()],
		["pushMany", "arrays", (v) => pushing.pushMany(wrong(v))],
		["popInto", "arrays", (v) => popping.popInto(wrong(v))],
		["wait timeout", "timeouts", (v) => popping.wait({ timeout: wrong(v) })],
		["waitSync timeout", "timeouts", (v) => pushing.waitSync({ timeout: wrong(v) })],
		["wait signal", "signals", (v) => pushing.wait({ signal: wrong(v) })],
		["as", "strings", (v) => block.as(wrong(v))],
	];
	values.permissions = [0o1000, 0o7777, "600"];
	values.directories = ["", "a\0b", 5, {}, true];
	values.labels = [5, null, {}, true];
	values.lengths = (values.counts ?? []).filter((v) => v !== 0);
	values.iterables = [5, null, undefined, {}, true];
	values.arrays = [
		5,
		null,
		undefined,
		{},
		[1],
		"x",
		new Float64Array(1),
		new Uint32Array(1),
		new DataView(new ArrayBuffer(4)),
	];
	values.strings = ["f16", "F64", "", 5, null, undefined, "constructor"];
	const failures: string[] = [];
	for (const [what, kind, call] of table) {
		for (const value of values[kind] ?? []) {
			const shown = `${what}: ${typeof value === "string" ? JSON.stringify(value.slice(0, 20)) : Object.prototype.toString.call(value)}`;
			let result: string;
			let skipped = 0;
			try {
				result = await outcome(() => {
					const returned = call(value);
					// Undefined, or another value that is right here.
					if (returned === true) skipped++;
					return returned;
				});
				if (skipped > 0) result = "DHMEM_BAD_ARGUMENT";
			} catch (error) {
				result = String(error);
			}
			if (result !== "DHMEM_BAD_ARGUMENT") failures.push(`${shown} gave ${result}`);
		}
	}
	assert.equal(failures, []);
	for (const token of (values.tokens ?? []) as string[]) {
		assert.is(
			codeOf(() => region.load(token)),
			"DHMEM_BAD_HANDLE",
		);
	}
	// Nothing came of any of it.
	assert.equal(readdirSync(directory), ["region.dhmem"]);
	assert.is(consumer.tryReceive(), undefined);
	assert.is(popping.pop(), undefined);
	assert.is(records.capacity, 16);
	producer.sendSync("works", { timeout: 1 });
	assert.is(consumer.tryReceive()?.text(), "works");
	assert.is(
		codeOf(() => pushing.push(5)),
		"nothing",
	);
	assert.is(popping.pop(), 5);
	block.free();
});

test.run();
