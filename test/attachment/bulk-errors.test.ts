/** What can go wrong with a bulk space: a full file system, a truncated file, too few addresses. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { closeRegions, codeOf, directory, eachInFolder, errorOf, openRegion } from "../fixture/index.js";

eachInFolder();

const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** A file system of 64 MiB. */
function onSmallDisk(body: (folder: string, free: () => number) => void): void {
	const folder = join(directory, "disk");
	mkdirSync(folder);
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=64m,mode=777", "dhmem-test", folder]);
	try {
		body(folder, () => {
			const { bavail, bsize } = statfsSync(folder);
			return bavail * bsize;
		});
	} finally {
		closeRegions();
		execFileSync("umount", [folder]);
	}
}

test("on a full file system a large allocation is DHMEM_NO_SPACE, keeps no pages, and harms no block", () => {
	onSmallDisk((folder, free) => {
		const region = openRegion("full", { directory: folder, size: "16GiB" });
		const kept = region.allocate(20 * MIB);
		kept.bytes.fill(7);
		const { used } = region.stats();
		const before = free();
		for (const bytes of [2 * GIB, 60 * MIB, before + 1]) {
			const error = errorOf(() => region.allocate(bytes));
			assert.is(error.code, "DHMEM_NO_SPACE");
			assert.match(error.message, region.path);
			assert.ok(before - free() < 64 * 1024, `${before - free()} bytes are gone after ${bytes}`);
			assert.is(region.stats().used, used);
		}
		// 16 MiB or less are tried without a look at the file system.
		writeFileSync(join(folder, "filler"), new Uint8Array(free() - 5 * MIB));
		const left = free();
		assert.is(
			codeOf(() => region.allocate(12 * MIB)),
			"DHMEM_NO_SPACE",
		);
		assert.ok(left - free() < 64 * 1024, `${left - free()} bytes are gone`);
		assert.ok(kept.bytes.every((byte) => byte === 7));
		// Its pages are used again.
		kept.free();
		region.allocate(18 * MIB).bytes.fill(8);
	});
});

test("a large allocation that fails on the way gives back the pages that it got", () => {
	onSmallDisk((folder, free) => {
		const region = openRegion("half", { directory: folder, size: "16GiB" });
		const first = region.allocate(8 * MIB);
		const second = region.allocate(8 * MIB);
		first.free();
		region.trim();
		second.free();
		// The run of 24 MiB lacks pages before and after the second block's. There is room for one of the two.
		writeFileSync(join(folder, "filler"), new Uint8Array(free() - 10 * MIB));
		const before = free();
		assert.is(
			codeOf(() => region.allocate(24 * MIB)),
			"DHMEM_NO_SPACE",
		);
		assert.ok(before - free() < 64 * 1024, `${before - free()} bytes are gone`);
	});
});

test("reading memory that was given back, on a full file system, reads zeros and is DHMEM_NO_SPACE afterwards", () => {
	onSmallDisk((folder, free) => {
		const region = openRegion("late", { directory: folder, size: "16GiB" });
		const block = region.allocate(10 * MIB);
		const { bytes } = block;
		bytes.fill(7);
		block.free();
		region.trim();
		writeFileSync(join(folder, "filler"), new Uint8Array(free()));
		assert.is(bytes[5 * MIB], 0);
		assert.is(errorOf(() => region.allocate(1)).code, "DHMEM_NO_SPACE");
	});
});

test("a peer that truncates the file ends the use of every window: zeros, and DHMEM_TRUNCATED", () => {
	const region = openRegion("cut", { size: "16GiB" });
	const blocks = [8, 9].map((mebibytes) => region.allocate(mebibytes * MIB));
	const views = blocks.map(({ bytes }) => bytes.fill(7));
	const heap = region.allocate(100).bytes.fill(7);
	truncateSync(region.path, 4 * GIB + 8 * MIB);
	assert.is(views[1]?.at(-1), 0);
	assert.equal([views[0]?.[0], heap[0]], [0, 0]);
	assert.is(
		codeOf(() => blocks[0]?.readUInt8(0)),
		"DHMEM_TRUNCATED",
	);
	assert.is(
		codeOf(() => openRegion("cut", { mode: "open" })),
		"DHMEM_FORMAT",
	);
});

test("a file that was truncated before a window is mapped is DHMEM_TRUNCATED", () => {
	const region = openRegion("early", { size: "16GiB" });
	const token = String(region.save(region.allocate(8 * MIB)));
	const other = openRegion("early");
	truncateSync(region.path, 4 * GIB);
	const block = other.load(token);
	assert.ok(block.kind === "block");
	assert.is(
		codeOf(() => block.readUInt8(0)),
		"DHMEM_TRUNCATED",
	);
});

test("where there are no addresses for a window, the error says what to do, and nothing is lost", () => {
	const script = `
		import { readFileSync } from "node:fs";
		import { Region } from "dhmem";
		const region = Region.open("narrow", { directory: ${JSON.stringify(directory)}, size: "16GiB" });
		const { used } = region.stats();
		const size = Number(/VmSize:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
		let error = {};
		try {
			region.allocate(9 * 2 ** 20).free();
		} catch (thrown) {
			error = thrown;
		}
		const small = region.allocate(5 * 2 ** 20).length;
		region.trim();
		console.log(JSON.stringify({ size, code: error.code, message: error.message, lost: region.stats().used - used - small }));`;
	const run = (limit: string) => {
		const { stdout, stderr } = spawnSync(
			"sh",
			["-c", `ulimit -v ${limit}; exec "$0" --input-type=module -e "$1"`, process.execPath, script],
			{ encoding: "utf8", cwd: new URL("../../..", import.meta.url) },
		);
		assert.is(stderr, "");
		return JSON.parse(stdout) as { size: number; code?: string; message: string; lost: number };
	};
	const { size, code, lost } = run("unlimited");
	assert.equal([code, lost], [undefined, 0]);
	// Enough for the region, but for no window, which takes 4 GiB at least.
	const narrow = run(`${size + 2 ** 20}`);
	assert.is(narrow.code, "DHMEM_UNSUPPORTED");
	assert.match(narrow.message, /ulimit -v unlimited/);
	assert.ok(Math.abs(narrow.lost) < MIB, `${narrow.lost} bytes`);
});

test("200 windows are mapped at once, each over its own part of the file", () => {
	const region = openRegion("wide", { size: "1TiB" });
	region.lookWith(({ bulk, shim, file }) => {
		const into = new Uint8Array(1);
		for (let index = 0; index < 200; index++) bulk.view((index + 1) * 2 ** 32 + 5, 1).fill(index + 1);
		for (let index = 0; index < 200; index++) {
			shim.readFile(file, into, 4 * GIB + index * 2046 * 2 * MIB + 5);
			assert.is(into[0], index + 1);
		}
	});
});

test("what is larger than any block is to be divided; a larger region is advised only where it helps", () => {
	const large = openRegion("large", { size: "64GiB" });
	const small = openRegion("small", { size: "1MiB" });
	const producers = [large, small].map((region) => region.queue("q", { capacity: 1024 }).producer());
	const messages = [large, small].map((region, i) => [
		errorOf(() => region.allocate(5 * GIB)).message,
		errorOf(() => producers[i]?.tryReserve(5 * GIB)).message,
	]);
	for (const message of messages[0] ?? []) assert.match(message, "; divide it");
	for (const message of messages[1] ?? []) assert.match(message, "; create the region with a larger size");
});

test.run();
