/** `dhmem stat --map`: how a region's memory is used. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cellsOf } from "../../src/inspect/map-cells.js";
import type { MemoryPart, PartKind } from "../../src/inspect/memory-map.js";
import { placeTest } from "../fixture/index.js";

const SPAN = 65_536;

/** Parts that follow one another. */
function partsOf(...parts: [kind: PartKind, spans: number, used?: number][]): MemoryPart[] {
	let at = 0;
	return parts.map(([kind, spans, used = 0]) => {
		const bytes = spans * SPAN;
		at += bytes;
		const isBlocks = kind === "small" || kind === "large";
		return { kind, at: at - bytes, bytes, used: used * bytes, blockBytes: isBlocks ? 64 : undefined };
	});
}

const marks = (parts: MemoryPart[], most: number) => cellsOf(parts, most).cells.map(({ kind }) => kind);

test("tables take one cell, and untouched memory at the end takes none", () => {
	const parts = partsOf(
		["tables", 1000],
		["small", 2, 0.5],
		["untouched", 1],
		["large", 3, 1],
		["untouched", 60_000],
	);
	const { scale, cells } = cellsOf(parts, 100);
	assert.is(scale, SPAN);
	assert.equal(
		cells.map(({ kind, used }) => `${kind} ${used}`),
		["tables 0", "small 0.5", "small 0.5", "untouched 0", "large 1", "large 1", "large 1"],
	);
	assert.equal(marks(partsOf(["tables", 1], ["untouched", 9]), 100), ["tables"]);
	assert.equal(marks([], 100), ["tables"]);
});

test("a large region has larger cells, each of the kind that has most of it", () => {
	const parts = partsOf(["tables", 1], ["small", 1, 1], ["free", 3], ["small", 4, 0.5], ["large", 4, 1]);
	const { scale, cells } = cellsOf(parts, 4);
	assert.is(scale, 4 * SPAN);
	assert.equal(
		cells.map(({ kind, used }) => `${kind} ${used}`),
		["tables 0", "free 1", "small 0.5", "large 1"],
	);
});

test("untouched memory that is longer than all the rest takes one cell, wherever it is", () => {
	const parts = partsOf(
		["tables", 1],
		["small", 2, 1],
		["untouched", 65_000],
		["large", 32, 1],
		["free", 32],
		["untouched", 70_000],
	);
	assert.equal(marks(parts, 100), [
		...["tables", "small", "small", "untouched"],
		...Array(32).fill("large"),
		...Array(32).fill("free"),
	]);
	for (const most of [4, 5, 7, 20, 67]) assert.ok(cellsOf(parts, most).cells.length <= most, `${most}`);
});

placeTest("the map says how much memory each kind of use has", async (place) => {
	using region = Region.open("r", { directory: place.regions, size: "16MiB" });
	const blocks = [region.allocate(1000), region.allocate(300_000)];
	const picture = join(place.folder, "map.svg");
	const { code, stdout } = await place.run(["stat", "r", "--map", "--svg", picture]);
	assert.is(code, 0);
	assert.match(stdout, /r\.dhmem: 321 KiB of 16\.0 MiB are in use\n/);
	assert.match(stdout, /\n=[░▒▓█]■■■■■\n/);
	assert.match(stdout, /■ +large blocks +320 KiB +320 KiB\n/);
	assert.match(stdout, /1\.0 KiB +1 +64\.0 KiB +1\.0 KiB/);
	const svg = readFileSync(picture, "utf8");
	assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="0 0 \d+ \d+"/);
	assert.match(svg, "320 KiB: large blocks");
	const parts: MemoryPart[] = JSON.parse((await place.run(["stat", "r", "--map", "--json"])).stdout);
	assert.is(
		parts.reduce((sum, { bytes }) => sum + bytes, 0),
		region.size,
	);
	const wrong = await place.run(["stat", "r", "--svg", join(place.folder, "nowhere", "map.svg")]);
	assert.is(wrong.code, 2);
	assert.match(wrong.stderr, "the picture can't be written: ENOENT");
	assert.is(blocks.length, 2);
	region.unlink();
});

placeTest("the map shows the bulk space", async (place) => {
	using region = Region.open("r", { directory: place.regions, size: "8GiB" });
	const block = region.allocate(10 * 2 ** 20);
	const { stdout } = await place.run(["stat", "r", "--map"]);
	assert.match(stdout, /r\.dhmem: 10\.0 MiB of 8\.0 GiB are in use\n/);
	assert.match(stdout, /■ +large blocks +10\.0 MiB +10\.0 MiB\n/);
	assert.match(stdout, /\n=░-■{77}\n■{80}\n■{3}\n/);
	assert.match((await place.run(["stat", "r"])).stdout, / in bulk .*\n.* 10\.0 MiB /);
	assert.is(block.length, 10 * 2 ** 20);
	region.unlink();
});

test.run();
