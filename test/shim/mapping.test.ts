/** Mapping a file over a WebAssembly memory, and closing it. */
import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directory } from "../fixture/index.js";
import {
	child,
	code,
	countOf,
	create,
	eachInShimFolder,
	map,
	mappingsOf,
	memoryOf,
	open,
	path,
	region,
	run,
	shim,
	size,
	threadsEnd,
	WebAssembly,
} from "./stage.js";

eachInShimFolder();

test("a mapping is shared with every other mapping of the file", async () => {
	const { memory, words } = region();
	const other = map(open());
	memory[size - 1] = 1;
	other[0] = 2;
	assert.is(other[size - 1], 1);
	assert.is(memory[0], 2);
	const process = await child();
	await process.call("store", 4096, -5);
	assert.is(words[1024], -5);
});

test("a private mapping sees the file until it writes, and its writes stay its own", () => {
	const { memory } = region();
	const mine = map(open(false), true);
	memory[0] = 1;
	assert.is(mine[0], 1);
	mine[0] = 2;
	mine[shim.pageSize] = 3;
	assert.is(memory[0], 1);
	assert.is(memory[shim.pageSize], 0);
	memory[2 * shim.pageSize] = 4;
	assert.is(mine[2 * shim.pageSize], 4);
});

test("a file opened read-only can't be mapped shared", () => {
	region();
	const file = open(false);
	const memory = memoryOf(size);
	assert.is(
		code(() => shim.mapFile(file, memory, false)),
		"EACCES",
	);
	memory[0] = 1;
	assert.is(memory[0], 1);
});

test("only the beginning of a shared memory, no longer than the file, can be mapped over", () => {
	const file = create();
	const fixed = new Uint8Array(new WebAssembly.Memory({ initial: 16, maximum: 16, shared: false }).buffer);
	const refused = [
		fixed,
		new Uint8Array(size),
		memoryOf(2 * size),
		memoryOf(2 * size).subarray(size),
		memoryOf(size).subarray(0, size - 1),
		new Uint8Array(new SharedArrayBuffer(size), 8),
		new Int8Array(memoryOf(size).buffer),
		new DataView(memoryOf(size).buffer),
		memoryOf(size).buffer,
	];
	Object.setPrototypeOf(fixed.buffer, SharedArrayBuffer.prototype);
	for (const memory of refused) {
		assert.throws(
			() => shim.mapFile(file, memory as Uint8Array, false),
			(error: unknown) => error instanceof TypeError,
		);
	}
	// What is behind the file stays in the memory's own pages.
	const memory = memoryOf(2 * size).fill(7);
	shim.mapFile(file, memory.subarray(0, size), false);
	assert.equal([memory[0], memory[size - 1], memory[size]], [0, 0, 7]);
	shim.closeFile(file);
	assert.equal([memory[0], memory[size]], [0, 7]);
	const empty = create(0);
	assert.throws(
		() => shim.mapFile(empty, memoryOf(0), false),
		(error: unknown) => error instanceof TypeError,
	);
});

test("a file maps once, and a memory takes one file at a time", () => {
	const { file, memory } = region();
	assert.is(
		code(() => shim.mapFile(file, memoryOf(size), false)),
		"EBUSY",
	);
	const second = create();
	assert.is(
		code(() => shim.mapFile(second, memory, false)),
		"EBUSY",
	);
	shim.closeFile(file);
	shim.mapFile(second, memory, false);
	memory[0] = 9;
	const into = new Uint8Array(1);
	shim.readFile(second, into, 0);
	assert.is(into[0], 9);
});

test("after closing, stale views read zeros, write nowhere, and never fault", () => {
	const { file, memory } = region();
	const inode = statSync(path).ino;
	memory.fill(7);
	assert.is(mappingsOf(inode).length, 1);
	shim.closeFile(file);
	shim.closeFile(file);
	assert.is(mappingsOf(inode).length, 0);
	assert.ok(memory.every((byte) => byte === 0));
	memory.fill(9);
	assert.ok(readFileSync(path).every((byte) => byte === 7));
});

test("closing a private mapping removes both of its mappings", () => {
	region();
	const inode = statSync(path).ino;
	const file = open(false);
	map(file, true);
	assert.is(mappingsOf(inode).length, 3);
	shim.closeFile(file);
	assert.is(mappingsOf(inode).length, 1);
});

test("a closed file throws ECLOSED from everything but closing, abandoning and asking whether it broke", () => {
	const { file } = region();
	shim.watch(file, 0, () => {});
	shim.closeFile(file);
	const calls: (() => unknown)[] = [
		() => shim.publishFile(file, path, true),
		() => shim.statFile(file),
		() => shim.isNamed(file, path),
		() => shim.readFile(file, new Uint8Array(1), 0),
		() => shim.mapFile(file, memoryOf(size), false),
		() => shim.commit(file, 0, 1),
		() => shim.punch(file, 0, 1),
		() => shim.tryLock(file, 0),
		() => shim.unlock(file, 0),
		() => shim.isLocked(file, 0),
		() => shim.wait(file, 0, 1, 0),
		() => shim.wake(file, 0),
		() => shim.watch(file, 0, () => {}),
		() => shim.arm(file, 0, 0),
		() => shim.disarm(file),
	];
	for (const call of calls) {
		assert.is(code(call), "ECLOSED", String(call));
	}
	shim.closeFile(file);
	shim.abandonFile(file);
	assert.is(shim.isBroken(file), false);
});

test("the mapping is not inherited over fork, nor the descriptors over exec", () => {
	const { file } = region();
	const inode = statSync(path).ino;
	const mappings = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
	const ours = mappings.find((mapping) => new RegExp(`^(\\S+ ){4}${inode} `).test(mapping));
	assert.match(ours?.match(/VmFlags:.*/)?.[0] ?? "", " dc");
	const seen = execFileSync("sh", ["-c", "ls -l /proc/self/fd"], { encoding: "utf8" });
	assert.not.match(seen, directory);
	assert.is(shim.isBroken(file), false);
});

test("2000 files opened, mapped, watched and closed leave nothing behind", async () => {
	region();
	const memory = memoryOf(size);
	const cycle = (watched: boolean) => {
		const file = shim.openFile(path, true);
		shim.mapFile(file, memory, false);
		shim.tryLock(file, 1);
		if (watched) {
			shim.watch(file, 0, () => {});
			shim.arm(file, 0, 1e6);
		}
		shim.closeFile(file);
	};
	cycle(true);
	await turn();
	const maps = () => readFileSync("/proc/self/maps", "utf8").split("\n").length;
	const threads = countOf("task");
	const before = [countOf("fd"), shim.openFiles()];
	const mapsBefore = maps();
	for (let i = 0; i < 2000; i++) {
		cycle(i % 4 === 0);
		if (i % 100 === 0) {
			await turn();
		}
	}
	assert.equal([countOf("fd"), shim.openFiles()], before);
	await threadsEnd(threads);
	// The number of mappings of the engine's own heap varies by a few.
	assert.ok(maps() < mapsBefore + 100, `${mapsBefore} mappings became ${maps()}`);
});

test("a file that nobody holds any more is closed by garbage collection, watched or not", async () => {
	const { code, output, errors } = await run(
		`
		const directory = ${JSON.stringify(directory)};
		const keep = shim.createFile(directory, 65536, 0o600);
		shim.publishFile(keep, directory + "/a.dhmem", false);
		function leak(index) {
			const file = shim.openFile(directory + "/a.dhmem", true);
			shim.mapFile(file, memoryOf(65536), false);
			shim.tryLock(file, index);
			shim.watch(file, 0, () => { shim.wake(file, 0); });
			if (index % 2) { shim.arm(file, 0, 1); }
		}
		for (let i = 0; i < 50; i++) leak(i);
		const most = shim.openFiles();
		let turns = 0;
		(function collect() {
			global.gc();
			if (shim.openFiles() > 0 && turns++ < 5000) return setImmediate(collect);
			let locked = 0;
			for (let i = 0; i < 50; i++) locked += shim.isLocked(keep, i);
			console.log(most, shim.openFiles(), locked);
		})();`,
		{ flags: ["--expose-gc"] },
	);
	assert.is(code, 0, errors);
	assert.is(output, "50 0 0\n");
});

test("a memory stays mapped while its file is open, even when nobody else holds it", async () => {
	const { code, output, errors } = await run(
		`
		const file = shim.createFile(${JSON.stringify(directory)}, 65536, 0o600);
		(() => shim.mapFile(file, memoryOf(65536), false))();
		for (let i = 0; i < 20; i++) global.gc();
		const bytes = new Uint8Array(1);
		console.log(shim.openFiles(), shim.wait(file, 0, 0, 1), shim.isBroken(file));
		shim.closeFile(file);
		for (let i = 0; i < 20; i++) global.gc();`,
		{ flags: ["--expose-gc"] },
	);
	assert.is(code, 0, errors);
	assert.is(output, "1 false false\n");
});

test.run();
