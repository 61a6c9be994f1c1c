/** Giving memory back to the machine: `region.trim()`. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, statfsSync, statSync, writeFileSync } from "node:fs";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, isMarked, regionTest } from "../fixture/index.js";

const MIB = 2 ** 20;

/** The bytes of memory that the region's file has. */
function pagesOf(region: Region): number {
	return statSync(region.path).blocks * 512;
}

regionTest("a trim gives back the pages of freed blocks, and of these alone", (region) => {
	const fresh = pagesOf(region);
	const blocks = [8, 1, 8, 1].map((size) => region.allocate(size * MIB));
	for (const [index, block] of blocks.entries()) block.bytes.fill(index + 1);
	const [first, kept, second, alsoKept] = blocks;
	first?.free();
	second?.free();
	assert.ok(pagesOf(region) >= fresh + 18 * MIB);
	assert.is(region.trim(), 16 * MIB);
	// Owner bytes and the like stay.
	assert.ok(pagesOf(region) < fresh + 3 * MIB, `${pagesOf(region)} bytes have pages`);
	assert.ok(isMarked(kept?.bytes as Uint8Array, 2) && isMarked(alsoKept?.bytes as Uint8Array, 4));
	assert.is(region.trim(), 0);
});

regionTest("trimmed memory gets pages again when it is allocated", (region) => {
	region.allocate(8 * MIB).free();
	region.trim();
	const before = pagesOf(region);
	using other = Region.open(region.name);
	using block = other.allocate(8 * MIB);
	// Before anything was written to it.
	assert.ok(pagesOf(region) >= before + 8 * MIB);
	block.bytes.fill(7);
	assert.ok(isMarked(block.bytes, 7));
});

regionTest("a trim gives back the memory of small blocks, too", (region) => {
	const before = pagesOf(region);
	const blocks = Array.from({ length: 1000 }, () => region.allocate(4096));
	for (const block of blocks) block.free();
	assert.ok(pagesOf(region) >= before + 1000 * 4096);
	assert.ok(region.trim() >= 1000 * 4096);
	assert.ok(pagesOf(region) < before + MIB);
});

regionTest("memory that a vector has outgrown keeps its pages while others may look at it", (region) => {
	const other = Region.open(region.name);
	const vector = region.vector("v", "u8");
	vector.resize(4 * MIB);
	vector.resize(16 * MIB);
	assert.is(region.trim(), 0);
	other.close();
	assert.is(region.trim(), 4 * MIB);
});

regionTest("a reader cannot trim, nor can a closed region", (region) => {
	using reader = Region.open(region.name, { mode: "read-only" });
	assert.is(
		codeOf(() => reader.trim()),
		"DHMEM_READ_ONLY",
	);
	region.close();
	assert.is(
		codeOf(() => region.trim()),
		"DHMEM_CLOSED",
	);
});

test("memory that others took after a trim is missed by an error, not by a signal", () => {
	const directory = mkdtempSync("/dev/shm/dhmem-trim-");
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=32m", "dhmem-test", directory]);
	try {
		using region = Region.open("trimmed", { directory });
		region.allocate(16 * MIB).free();
		assert.is(region.trim(), 16 * MIB);
		const { bavail, bsize } = statfsSync(directory);
		writeFileSync(`${directory}/filler`, new Uint8Array(bavail * bsize));
		assert.is(
			codeOf(() => region.allocate(16 * MIB).bytes.fill(1)),
			"DHMEM_NO_SPACE",
		);
	} finally {
		execFileSync("umount", [directory]);
		rmdirSync(directory);
	}
});

test("blocks of the bulk space give their memory back, too, and others keep theirs", () => {
	using region = Region.temporary({ size: "16GiB", trim: "never" });
	const before = pagesOf(region);
	const [first, kept] = [64, 16].map((mebibytes) => region.allocate(mebibytes * MIB));
	kept?.bytes.fill(7);
	first?.free();
	assert.is(region.stats().trimmable, 64 * MIB);
	assert.is(region.trim(), 64 * MIB);
	assert.ok(pagesOf(region) < before + 18 * MIB);
	assert.ok(isMarked(kept?.bytes as Uint8Array, 7));
	// It gets pages again before it is used.
	using again = region.allocate(64 * MIB);
	assert.ok(pagesOf(region) >= before + 80 * MIB);
	again.bytes.fill(8);
	assert.ok(isMarked(kept?.bytes as Uint8Array, 7));
});

test.run();
