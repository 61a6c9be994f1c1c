/** The pages of a file: committing, punching, and truncation under a mapping. */
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { directory, until } from "../fixture/index.js";
import {
	code,
	create,
	eachInShimFolder,
	isRoot,
	map,
	open,
	path,
	region,
	run,
	shim,
	size,
	wasmPage,
} from "./stage.js";

eachInShimFolder();

test("committing gives the range its pages, and punching takes them back and zeroes them", () => {
	const { file, memory } = region(64 << 20);
	shim.commit(file, 0, 40 << 20);
	assert.is(shim.statFile(file).committed, 40 << 20);
	memory.fill(1, 0, 1 << 20);
	shim.punch(file, 0, 1 << 19);
	assert.is(shim.statFile(file).committed, (40 << 20) - (1 << 19));
	assert.is(memory[(1 << 19) - 1], 0);
	assert.is(memory[1 << 19], 1);
	shim.commit(file, 5, 0);
	shim.punch(file, 5, 0);
	assert.is(shim.statFile(file).size, 64 << 20);
});

test("committing and punching do not reach beyond the file, even a truncated one", () => {
	const { file } = region();
	for (const operation of [shim.commit, shim.punch]) {
		for (const [offset, length] of [
			[size, 1],
			[0, size + 1],
			[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
		] as const) {
			assert.is(
				code(() => operation(file, offset, length)),
				"TypeError",
			);
		}
	}
	truncateSync(path, wasmPage);
	assert.is(
		code(() => shim.commit(file, 0, size)),
		"ENXIO",
	);
	assert.is(shim.statFile(file).size, wasmPage);
});

test("a full file system is ENOSPC when committing, and zeros with a broken mapping when merely touched", () => {
	if (!isRoot) {
		return;
	}
	const mount = join(directory, "small");
	mkdirSync(mount);
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]);
	try {
		const file = create(4 << 20, 0o600, mount);
		const memory = map(file);
		shim.commit(file, 0, 1 << 19);
		assert.is(
			code(() => shim.commit(file, 0, 2 << 20)),
			"ENOSPC",
		);
		memory.fill(1, 0, 1 << 19);
		assert.is(shim.isBroken(file), false);
		memory.fill(2);
		assert.is(shim.isBroken(file), true);
		assert.is(memory[(4 << 20) - 1], 2);
		shim.closeFile(file);
		assert.is(shim.isBroken(file), true);
	} finally {
		execFileSync("umount", [mount]);
	}
});

test("a truncated file reads as zeros and is broken, and the other mappings aren't", () => {
	const { file, memory } = region();
	const reader = open(false);
	const copy = map(reader, true);
	const other = create();
	const otherMemory = map(other);
	memory.fill(7);
	otherMemory.fill(8);
	assert.is(copy[0], 7);
	truncateSync(path, 0);
	assert.is(memory[size - 1], 0);
	assert.is(shim.isBroken(file), true);
	assert.is(shim.isBroken(reader), false);
	assert.is(copy[shim.pageSize], 0);
	assert.is(shim.isBroken(reader), true);
	assert.is(shim.isBroken(other), false);
	assert.is(otherMemory[0], 8);
	memory.fill(9);
	assert.is(statSync(path).size, 0);
});

test("waiting on a truncated file neither faults nor hangs", async () => {
	const { file } = region();
	const reader = open(false);
	map(reader, true);
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	truncateSync(path, 0);
	shim.arm(file, 0, 5);
	assert.is(shim.wait(reader, 0, 0, 5), false);
	assert.is(shim.wait(reader, 0, 1, 5), true);
	assert.is(shim.isBroken(reader), true);
	await until(() => rings === 1);
	assert.is(shim.isBroken(file), true);
	assert.is(shim.wake(file, 0), 0);
});

test("a truncation while the waiter sleeps breaks the mapping in the waiter's thread", async () => {
	const { file } = region();
	let rings = 0;
	shim.watch(file, 0, () => rings++);
	shim.arm(file, 0, 150);
	truncateSync(path, 0);
	await until(() => rings === 1);
	assert.is(shim.isBroken(file), true);
});

test("a bus error outside a region goes to the handler that was installed before", async () => {
	const map = `shim.mapFile(shim.createFile(${JSON.stringify(directory)}, 65536, 0o600), memoryOf(65536), false);`;
	const kill = `process.kill(process.pid, "SIGBUS");`;
	assert.is((await run(`${map} ${kill} setInterval(() => {}, 1000);`)).signal, "SIGBUS");
	const { code, output } = await run(`
		process.on("SIGBUS", () => { console.log("heard"); process.exit(); });
		${map} ${kill} setInterval(() => {}, 1000);`);
	assert.equal([code, output], [0, "heard\n"]);
});

test.run();
