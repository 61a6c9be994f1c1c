/** How a region's memory is used, part by part. */
import type { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readMemoryMap } from "../../src/inspect/memory-map.js";
import { Watcher } from "../../src/inspect/watcher.js";
import { open } from "../attachment/stage.js";
import { directory, eachInFolder } from "../fixture/index.js";

eachInFolder();

function mapOf(region: Region) {
	const parts = region.lookWith(readMemoryMap);
	let end = 0;
	for (const { at, bytes } of parts) {
		assert.is(at, end, "parts have no gaps");
		end += bytes;
	}
	assert.is(end, region.size);
	return parts;
}

test("a fresh region has its tables and untouched memory", () => {
	assert.equal(
		mapOf(open()).map(({ kind }) => kind),
		["tables", "untouched"],
	);
});

test("blocks are seen with their sizes, and what was freed keeps its pages", () => {
	const region = open();
	for (let i = 0; i < 3; i++) region.allocate(1000);
	region.allocate(200_000);
	region.allocate(70_000).free();
	const [tables, small, large, free, untouched] = mapOf(region);
	assert.is(tables?.kind, "tables");
	assert.equal([small?.kind, small?.bytes, small?.blockBytes, small?.used], ["small", 65_536, 1024, 3072]);
	const rounded = 4 * 65_536;
	assert.equal(
		[large?.kind, large?.bytes, large?.blockBytes, large?.used],
		["large", rounded, rounded, rounded],
	);
	assert.equal([free?.kind, free?.bytes, free?.used], ["free", 2 * 65_536, 0]);
	assert.is(untouched?.kind, "untouched");
	const used = mapOf(region).reduce((sum, part) => sum + part.used, 0);
	assert.is(used, region.stats().used);
});

test("blocks in the bulk space are seen too, and count as in use", () => {
	const MIB = 2 ** 20;
	const region = open({ size: "8GiB" });
	const blocks = [9, 20, 8].map((size) => region.allocate(size * MIB));
	blocks[1]?.free();
	const bulk = mapOf(region).filter(({ at }) => at >= 2 ** 32);
	assert.equal(
		bulk.map(({ kind, bytes, used }) => [kind, bytes / MIB, used / MIB]),
		[
			["large", 10, 10],
			["free", 20, 0],
			["large", 8, 8],
			["untouched", 8 * 1024 - 4096 - 38, 0],
		],
	);
	const used = mapOf(region).reduce((sum, part) => sum + part.used, 0);
	assert.is(used, region.stats().used);
	assert.is(region.stats().bulk, 18 * MIB);
});

test("a watcher reads it too", () => {
	const region = open();
	region.allocate(1000);
	const watcher = new Watcher(directory, "owner");
	assert.equal(watcher.memoryMap("region"), region.lookWith(readMemoryMap));
	watcher.close();
});

test.run();
