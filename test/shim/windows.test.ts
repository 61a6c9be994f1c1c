/** Windows: parts of a file that are mapped besides its beginning. */
import { readFileSync, statSync, truncateSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { File } from "../../native-shim/index.js";
import { code, create, eachInShimFolder, mappingsOf, memoryOf, open, path, shim, size } from "./stage.js";

eachInShimFolder();

const MIB = 2 ** 20;
/** A window's memory is so much longer, since the window begins at a multiple of it. */
const SLACK = 2 * MIB;
const LENGTH = 4 * MIB;
const FILE = 64 * MIB;

/** A file of 64 MiB whose first MiB is mapped. */
function large(): { file: File; memory: Uint8Array } {
	const file = create(FILE);
	shim.publishFile(file, path, false);
	return { file, memory: mapBeginning(file) };
}

function mapBeginning(file: File, isPrivate = false): Uint8Array {
	const memory = memoryOf(size);
	shim.mapFile(file, memory, isPrivate);
	return memory;
}

function window(file: File, offset: number, length = LENGTH): Uint8Array {
	const memory = memoryOf(length + SLACK);
	const start = shim.mapWindow(file, memory, offset, length);
	return memory.subarray(start, start + length);
}

test("a window shows its part of the file to every opening", () => {
	const { file } = large();
	const other = open();
	mapBeginning(other);
	const mine = window(file, 32 * MIB);
	const theirs = window(other, 32 * MIB);
	mine[LENGTH - 1] = 1;
	theirs[0] = 2;
	assert.equal([theirs[LENGTH - 1], mine[0]], [1, 2]);
	const into = new Uint8Array(1);
	shim.readFile(file, into, 32 * MIB);
	assert.is(into[0], 2);
});

test("windows of a private mapping are private, and never change the file", () => {
	const { file } = large();
	const shared = window(file, 8 * MIB);
	const reader = open(false);
	mapBeginning(reader, true);
	const mine = window(reader, 8 * MIB);
	shared[0] = 1;
	assert.is(mine[0], 1);
	mine[0] = 2;
	assert.is(shared[0], 1);
});

test("a window must lie in the file, begin at a page, and have a memory that is 2 MiB longer", () => {
	const { file, memory } = large();
	const room = memoryOf(LENGTH + SLACK);
	for (const [where, offset, length] of [
		[room, FILE - MIB, LENGTH],
		[room, MIB + 1, LENGTH],
		[room, MIB, LENGTH - 1],
		[room, MIB, 0],
		[room, MIB, 2 * LENGTH],
		[room, -LENGTH, LENGTH],
		[room.subarray(MIB), MIB, LENGTH],
		[new Uint8Array(LENGTH + SLACK), MIB, LENGTH],
	] as const) {
		assert.is(
			code(() => shim.mapWindow(file, where, offset, length)),
			"TypeError",
			`${offset} ${length}`,
		);
	}
	assert.is(
		code(() => shim.mapWindow(create(FILE), room, MIB, LENGTH)),
		"EINVAL",
		"a file that is not mapped",
	);
	window(file, MIB);
	assert.is(memory[0], 0);
	shim.closeFile(file);
	assert.is(
		code(() => shim.mapWindow(file, room, MIB, LENGTH)),
		"ECLOSED",
	);
});

test("closing removes every window; kept views then read zeros, and write nowhere", () => {
	const { file } = large();
	const inode = statSync(path).ino;
	const windows = [8, 16, 24].map((at) => window(file, at * MIB).fill(at, 0, 100));
	assert.is(mappingsOf(inode).length, 4);
	shim.closeFile(file);
	assert.is(mappingsOf(inode).length, 0);
	assert.is(shim.openFiles(), 0);
	for (const each of windows) {
		assert.is(each[99], 0);
		each[99] = 1;
	}
	const again = open();
	mapBeginning(again);
	assert.equal(
		[8, 16, 24].map((at) => window(again, at * MIB)[99]),
		[8, 16, 24],
	);
});

test("a fault in a window replaces all mappings of the file by zeros, and no other file's", () => {
	const { file, memory } = large();
	const bystander = open(false);
	const shown = mapBeginning(bystander, true);
	const windows = [8, 32].map((at) => window(file, at * MIB));
	memory[0] = 1;
	for (const each of windows) each[0] = 2;
	assert.is(shown[0], 1);
	// The first window is behind the new end, and only it.
	truncateSync(path, 16 * MIB);
	assert.is(shim.isBroken(file), false);
	assert.is(windows[1]?.[0], 0);
	assert.is(shim.isBroken(file), true);
	assert.equal([memory[0], windows[0]?.[0]], [0, 0]);
	assert.is(shim.isBroken(bystander), false);
	assert.is(shown[0], 1);
	shim.closeFile(file);
	assert.is(shim.isBroken(file), true);
});

test("a fault in the beginning of the file replaces the windows too", () => {
	const { file, memory } = large();
	const there = window(file, 8 * MIB);
	there[0] = 1;
	truncateSync(path, 0);
	assert.is(memory[0], 0);
	assert.is(there[0], 0);
	assert.is(shim.isBroken(file), true);
});

test("windows are left out of forked children and of core dumps", () => {
	const { file } = large();
	const inode = statSync(path).ino;
	window(file, 8 * MIB);
	const mappings = readFileSync("/proc/self/smaps", "utf8").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
	const ours = mappings.filter((mapping) => new RegExp(`^(\\S+ ){4}${inode} `).test(mapping));
	assert.is(ours.length, 2);
	for (const each of ours) {
		assert.match(each.match(/VmFlags:.*/)?.[0] ?? "", " dc");
		assert.match(each.match(/VmFlags:.*/)?.[0] ?? "", " dd");
	}
});

test("100 files with windows leave nothing behind", () => {
	large();
	const maps = () => readFileSync("/proc/self/maps", "utf8").split("\n").length;
	const memory = memoryOf(size);
	const room = memoryOf(LENGTH + SLACK);
	const cycle = () => {
		const file = shim.openFile(path, true);
		shim.mapFile(file, memory, false);
		const start = shim.mapWindow(file, room, 16 * MIB, LENGTH);
		room[start] = 1;
		shim.closeFile(file);
	};
	cycle();
	const before = { maps: maps(), files: shim.openFiles() };
	for (let i = 0; i < 100; i++) cycle();
	assert.is(shim.openFiles(), before.files);
	// The engine maps memory of its own, too.
	assert.ok(maps() < before.maps + 50, `${maps()} mappings instead of ${before.maps}`);
});

test.run();
