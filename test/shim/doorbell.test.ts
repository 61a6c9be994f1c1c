/** The doorbell: a thread that waits, and calls back. */
import { setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { until } from "../fixture/index.js";
import { child, code, countOf, eachInShimFolder, map, open, region, run, shim, threadsEnd } from "./stage.js";

eachInShimFolder();

test("the doorbell calls once for each arming, from another process", async () => {
	const { file, words } = region();
	const ringer = await child();
	let rings = 0;
	shim.watch(file, 256, () => rings++);
	for (let i = 0; i < 20; i++) {
		shim.arm(file, i, 1e9);
		shim.arm(file, 12345, 0);
		await ringer.call("add", 256, 1);
		await ringer.call("wake", 256);
		await until(() => rings === i + 1);
		assert.is(words[64], i + 1);
	}
});

test("the doorbell calls when it rang before it was armed", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	shim.arm(file, 1, 1e9);
	assert.is(rings, 0);
	await until(() => rings === 1);
});

test("the doorbell calls when the slice is over, and not before", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	for (const slice of [0, 1, 20, 120]) {
		const start = performance.now();
		const before = rings;
		shim.arm(file, 0, slice);
		await until(() => rings > before);
		assert.ok(performance.now() - start >= slice, `${slice} ms took ${performance.now() - start}`);
	}
	assert.is(rings, 4);
});

test("a disarmed doorbell doesn't call, even if a call was under way", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	shim.disarm(file);
	shim.arm(file, 1, 0);
	shim.disarm(file);
	for (let i = 0; i < 20; i++) {
		await turn();
	}
	assert.is(rings, 0);
	// The second arming is the one that calls.
	shim.arm(file, 1, 0);
	shim.disarm(file);
	shim.arm(file, 0, 30);
	const start = performance.now();
	await until(() => rings > 0);
	assert.ok(performance.now() - start >= 29);
	assert.is(rings, 1);
});

test("arming again replaces the figures only of an arming that has fired, whose call still comes", async () => {
	const { file, words } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	shim.arm(file, 0, 1e9);
	shim.arm(file, 1, 0);
	for (let i = 0; i < 20; i++) {
		await turn();
	}
	assert.is(rings, 0);
	words[0] = 1;
	shim.wake(file, 0);
	await until(() => rings === 1);
	// The second arming counts only if the first has fired before, which nobody sees, so this repeats until it has.
	const pause = new Int32Array(new SharedArrayBuffer(4));
	let start: number;
	do {
		rings = 0;
		shim.arm(file, 0, 1e9);
		Atomics.wait(pause, 0, 0, 1);
		start = performance.now();
		shim.arm(file, 1, 30);
		await until(() => rings > 0 && (rings === 2 || performance.now() > start + 1000));
	} while (rings < 2);
	assert.ok(performance.now() - start >= 30);
	assert.is(rings, 2);
});

test("a private mapping can be watched, and stays shared with the file", async () => {
	const { file, words } = region();
	const reader = open(false);
	const mine = new Int32Array(map(reader, true).buffer);
	let rings = 0;
	shim.watch(reader, 8, () => rings++);
	shim.arm(reader, 0, 1e9);
	words[2] = 3;
	shim.wake(file, 8);
	await until(() => rings === 1);
	assert.is(mine[2], 3);
});

test("the doorbell may arm itself again, or close its file, while it calls", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => {
		rings++;
		if (rings < 100) {
			shim.arm(file, 1, 1);
		} else {
			shim.closeFile(file);
		}
	});
	shim.arm(file, 1, 1);
	await until(() => rings === 100);
	assert.is(
		code(() => shim.arm(file, 0, 0)),
		"ECLOSED",
	);
});

test("a file is watched once, and armed only when watched", () => {
	const { file } = region();
	assert.is(
		code(() => shim.arm(file, 0, 0)),
		"EINVAL",
	);
	shim.watch(file, 0, () => {});
	assert.is(
		code(() => shim.watch(file, 0, () => {})),
		"EBUSY",
	);
	const unmapped = open();
	assert.is(
		code(() => shim.watch(unmapped, 0, () => {})),
		"EINVAL",
	);
});

test("closing while armed neither hangs nor calls", async () => {
	const { file } = region();
	let calls = 0;
	const threads = countOf("task");
	for (let i = 0; i < 200; i++) {
		const other = open();
		map(other);
		shim.watch(other, 0, () => calls++);
		shim.arm(other, i % 3 === 0 ? 1 : 0, i % 2 === 0 ? 1e9 : 0);
		shim.closeFile(other);
	}
	for (let i = 0; i < 20; i++) {
		await turn();
	}
	assert.is(calls, 0);
	await threadsEnd(threads);
	assert.is(shim.isBroken(file), false);
});

const watching = `
	const file = shim.createFile("/dev/shm", 65536, 0o600);
	shim.mapFile(file, memoryOf(65536), false);
	let rings = 0;
	process.on("exit", () => console.log("rings", rings));`;

test("the process lives while armed, and ends when it has rung", async () => {
	const { code, output } = await run(
		`${watching} shim.watch(file, 0, () => rings++); shim.arm(file, 0, 100);`,
	);
	assert.equal([code, output], [0, "rings 1\n"]);
});

test("the process ends while merely watching, or after disarming", async () => {
	for (const rest of ["", "shim.arm(file, 0, 1e9); shim.disarm(file);"]) {
		const { code, output } = await run(`${watching} shim.watch(file, 0, () => rings++); ${rest}`);
		assert.equal([code, output], [0, "rings 0\n"]);
	}
});

test("a process may exit while armed", async () => {
	const { code, output } = await run(
		`${watching} shim.watch(file, 0, () => rings++); shim.arm(file, 0, 1e9); process.exit(3);`,
	);
	assert.equal([code, output], [3, "rings 0\n"]);
});

test("an exception in the callback is uncaught", async () => {
	const thrower = `shim.watch(file, 0, () => { throw new Error("out of the bell"); }); shim.arm(file, 1, 0);`;
	const died = await run(watching + thrower);
	assert.is(died.code, 1);
	assert.match(died.errors, "Error: out of the bell");
	const caught = await run(
		`${watching} process.on("uncaughtException", (error) => console.log(error.message)); ${thrower}`,
	);
	assert.equal([caught.code, caught.output], [0, "out of the bell\nrings 0\n"]);
});

test("promises that the callback settles go on before the next event", async () => {
	const { output } = await run(`${watching}
		const order = [];
		let ring;
		new Promise((resolve) => { ring = resolve; }).then(() => order.push("promise"));
		shim.watch(file, 0, () => { ring(); process.nextTick(() => order.push("tick")); });
		shim.arm(file, 1, 0);
		process.on("exit", () => console.log(order.join()));`);
	assert.is(output, "rings 0\ntick,promise\n");
});

test.run();
