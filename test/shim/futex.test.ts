/** Waiting on a word, and waking. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directory, until } from "../fixture/index.js";
import { child, eachInShimFolder, region, run, shim, size } from "./stage.js";

eachInShimFolder();

test("waiting returns at once when the word differs", () => {
	const { file, words } = region();
	words[1] = -1;
	assert.is(shim.wait(file, 4, 0, Number.POSITIVE_INFINITY), true);
	assert.is(shim.wait(file, 4, -1, 0), false);
	assert.is(shim.wait(file, 4, 0xffffffff, 0), false);
	words[1] = 1 << 31;
	assert.is(shim.wait(file, 4, 0x80000000, 0), false);
	assert.is(shim.wait(file, 4, -0x80000000, 0), false);
});

test("waiting ends with its time, to a fraction of a millisecond", () => {
	const { file } = region();
	for (const timeout of [0, 0.5, 20]) {
		const start = performance.now();
		assert.is(shim.wait(file, size - 4, 0, timeout), false);
		assert.ok(performance.now() - start >= timeout);
	}
});

test("signals don't cut a wait short", async () => {
	const { code, output, errors } = await run(
		`
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		shim.mapFile(file, memoryOf(65536), false);
		const start = performance.now();
		const woken = shim.wait(file, 0, 0, 100);
		console.log(woken, performance.now() - start >= 100);`,
		// The profiler interrupts the thread every millisecond.
		{ flags: ["--cpu-prof", "--cpu-prof-interval=1000", `--cpu-prof-dir=${directory}`] },
	);
	assert.is(code, 0, errors);
	assert.is(output, "false true\n");
});

test("a wake reaches sleepers in other processes, with shared and with private mappings", async () => {
	const { file, words } = region();
	const [writer, reader] = [await child(), await child(false)];
	const sleeps = [writer, reader].map((process) => process.call("wait", 128, 0, 1e6));
	// Nobody has changed the word, so a waiter that it wakes must count as woken.
	let woken = 0;
	await until(() => {
		woken += shim.wake(file, 128);
		return woken === 2;
	});
	assert.equal(await Promise.all(sleeps), [true, true]);
	words[33] = 1;
	const last = reader.call("wait", 128, 0, Number.MAX_VALUE);
	await until(() => shim.wake(file, 128) === 1);
	assert.is(await last, true);
	assert.is(shim.wake(file, 128), 0);
});

test.run();
