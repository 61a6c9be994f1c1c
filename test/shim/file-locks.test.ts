/** Locks of a file's bytes. */
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { child, code, eachInShimFolder, open, path, region, shim, size } from "./stage.js";

eachInShimFolder();

test("a lock is held against every other open file, in this process too", () => {
	const { file } = region();
	const other = open();
	for (const index of [0, 1, 4095, 4096, 65535]) {
		assert.is(shim.isLocked(other, index), false);
		assert.is(shim.tryLock(file, index), true);
		assert.is(shim.tryLock(file, index), true);
		assert.is(shim.isLocked(other, index), true);
		assert.is(shim.tryLock(other, index), false);
		assert.is(shim.isLocked(file, index), false);
		assert.is(shim.isLocked(other, (index + 7) % 65536), false);
		shim.unlock(file, index);
		assert.is(shim.tryLock(other, index), true);
		shim.unlock(other, index);
	}
});

test("read-only files share read locks, which show at byte 4096 and above, never below", () => {
	const { file } = region();
	const [first, second] = [open(false), open(false)];
	for (const index of [5000, 5]) {
		assert.is(shim.tryLock(first, index), true);
		assert.is(shim.tryLock(second, index), true);
		assert.is(shim.isLocked(file, index), index >= 4096);
	}
	shim.closeFile(first);
	assert.is(shim.isLocked(second, 5000), false);
	assert.is(shim.isLocked(file, 5000), true);
	shim.unlock(second, 5000);
	assert.is(shim.isLocked(file, 5000), false);
});

test("closing drops the locks although the engine still has the memory", () => {
	const { file, memory } = region();
	const other = open();
	shim.tryLock(file, 3);
	shim.closeFile(file);
	assert.is(shim.isLocked(other, 3), false);
	assert.is(memory.length, size);
});

test("abandoning drops the locks and keeps the mapping, and takes no lock again", () => {
	const { file, memory } = region();
	const other = open();
	shim.tryLock(file, 3);
	shim.tryLock(file, 9);
	memory[0] = 5;
	shim.abandonFile(file);
	assert.is(shim.isLocked(other, 3), false);
	assert.is(shim.isLocked(other, 9), false);
	assert.is(memory[0], 5);
	assert.is(
		code(() => shim.tryLock(file, 3)),
		"ECLOSED",
	);
});

test("abandoning works where the stack has run out", () => {
	const { file } = region();
	const other = open();
	shim.tryLock(file, 3);
	let done = false;
	const descend = (): void => {
		try {
			descend();
		} catch {
			if (!done) {
				shim.abandonFile(file);
				done = true;
			}
		}
	};
	descend();
	assert.is(done, true);
	assert.is(shim.isLocked(other, 3), false);
});

test("a lock holds between processes, and drops when its holder is killed", async () => {
	const { file } = region();
	const holder = await child();
	assert.is(await holder.call("tryLock", 12), true);
	assert.is(shim.isLocked(file, 12), true);
	assert.is(shim.tryLock(file, 12), false);
	assert.is(shim.tryLock(file, 13), true);
	assert.is(await holder.call("isLocked", 13), true);
	await holder.kill();
	assert.is(shim.isLocked(file, 12), false);
	assert.is(shim.tryLock(file, 12), true);
});

test("a lock survives every open and close of the same path by its own process", () => {
	const { file } = region();
	const other = open();
	shim.tryLock(file, 3);
	readFileSync(path);
	shim.closeFile(open());
	assert.is(shim.isLocked(other, 3), true);
});

test.run();
