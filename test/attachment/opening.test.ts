/** Opening a region: modes, permissions, sizes, folders. */
import { existsSync, statSync } from "node:fs";
import { type Handle, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	codeOf,
	directory,
	eachInFolder,
	errorOf,
	limitedTest,
	regionPath,
	regions,
} from "../fixture/index.js";
import { names, open } from "./stage.js";

eachInFolder();

/** Puts a word into a block that the region keeps: a participant that finds it is in the same region. */
function mark(region: Region): Handle {
	return region.save(region.allocate(8));
}

limitedTest("modes: open-or-create, create, open, force-create", () => {
	assert.is(
		codeOf(() => open({ mode: "open" })),
		"DHMEM_NOT_FOUND",
	);
	assert.equal(names(), []);
	const first = open();
	assert.equal(names(), ["region.dhmem"]);
	assert.is(first.path, regionPath("region"));
	assert.is(first.name, "region");
	const token = mark(first);
	assert.ok(open().load(token));
	assert.ok(open({ mode: "open" }).load(token));
	assert.is(
		codeOf(() => open({ mode: "create" })),
		"DHMEM_EXISTS",
	);

	// Replacing: those that have the old region keep it.
	const queue = first.queue("queue");
	const producer = queue.producer();
	const replaced = open({ mode: "force-create", size: "8MiB" });
	assert.is(replaced.size, 8 * 2 ** 20);
	assert.is(
		codeOf(() => replaced.load(token)),
		"DHMEM_BAD_HANDLE",
	);
	assert.equal(replaced.entries(), []);
	producer.trySend("still here");
	assert.is(queue.consumer().tryReceive()?.text(), "still here");
	assert.equal(names(), ["region.dhmem"]);
	assert.is(
		codeOf(() => open().load(token)),
		"DHMEM_BAD_HANDLE",
	);
	// It works without anything to replace, too.
	open({ mode: "force-create" }, "another");
	open({ mode: "create" }, "third");
	assert.equal(Region.list({ directory }), ["another", "region", "third"]);
});

limitedTest("permissions are exactly what was asked for, whatever the umask", () => {
	const umask = process.umask(0o077);
	try {
		for (const [permissions, expected] of [
			[undefined, 0o600],
			[0o666, 0o666],
			[0o640, 0o640],
			[0, 0],
		] as const) {
			for (const mode of ["open-or-create", "create", "force-create"] as const) {
				const name = `region-${expected}-${mode}`;
				open({ permissions, mode }, name);
				assert.is(statSync(regionPath(name)).mode & 0o7777, expected, name);
			}
		}
	} finally {
		process.umask(umask);
	}
	// An existing region keeps its options.
	open({ permissions: 0o666 }, "region-384-create");
	assert.is(statSync(regionPath("region-384-create")).mode & 0o777, 0o600);
});

limitedTest("sizes are parsed, rounded up, and default to the most", () => {
	const mib = 2 ** 20;
	const sizes: [number | string | undefined, number][] = [
		[4 * mib, 4 * mib],
		["4MiB", 4 * mib],
		["4 mib", 4 * mib],
		[" 1.5 MB ", Math.ceil(1.5e6 / 65536) * 65536],
		["0.001GB", Math.ceil(1e6 / 65536) * 65536],
		[1_000_001, 16 * 65536],
		["1048576", mib],
		["4GiB", 65534 * 65536],
		[2 ** 32, 65534 * 65536],
		[undefined, 65534 * 65536],
	];
	for (const [size, expected] of sizes) {
		const region = open({ size, mode: "force-create" });
		assert.is(region.size, expected, `${size}`);
		assert.is(region.stats().size, expected);
		assert.is(statSync(region.path).size, expected);
		region.close();
	}
	// Address space, not memory.
	assert.ok(statSync(regionPath("region")).blocks * 512 < 4 * mib);
});

limitedTest("an explicit size above the region's is refused, with both figures", () => {
	open({ size: "4MiB" });
	const error = errorOf(() => open({ size: "8MiB" }));
	assert.is(error.code, "DHMEM_TYPE_MISMATCH");
	assert.match(error.message, "4194304");
	assert.match(error.message, "8388608");
	assert.is(open({ size: "2MiB" }).size, 4 * 2 ** 20);
	assert.is(open({ size: undefined }).size, 4 * 2 ** 20);
});

limitedTest("a region of the smallest size works", () => {
	const region = open({ size: "256KiB" });
	const queue = region.queue("q", { capacity: 64 });
	const producer = queue.producer();
	const consumer = queue.consumer();
	for (let i = 0; i < 100; i++) {
		assert.ok(producer.trySend(String(i)));
		const message = consumer.tryReceive();
		assert.is(message?.text(), String(i));
		message?.release();
	}
});

limitedTest("the folder: the option, DHMEM_DIR, or /dev/shm", () => {
	const old = process.env.DHMEM_DIR;
	try {
		process.env.DHMEM_DIR = directory;
		const region = Region.open("from-environment", { size: "1MiB" });
		regions.push(region);
		assert.is(region.path, regionPath("from-environment"));
		assert.equal(Region.list(), ["from-environment"]);
		Region.unlink("from-environment");
		assert.equal(Region.list(), []);
		for (const value of ["", undefined]) {
			if (value === undefined) delete process.env.DHMEM_DIR;
			else process.env.DHMEM_DIR = value;
			const name = `dhmem-test-${process.pid}-${Date.now()}`;
			const plain = Region.open(name, { size: "1MiB", lifetime: "last-close" });
			try {
				assert.is(plain.path, `/dev/shm/${name}.dhmem`);
				assert.ok(Region.list().includes(name));
			} finally {
				plain.close();
			}
			assert.not(existsSync(plain.path));
		}
	} finally {
		if (old === undefined) delete process.env.DHMEM_DIR;
		else process.env.DHMEM_DIR = old;
	}
	// A relative folder works, too.
	const here = process.cwd();
	process.chdir(directory);
	try {
		const region = Region.open("relative", { directory: ".", size: "1MiB" });
		regions.push(region);
		assert.equal(Region.list({ directory: "." }), ["relative"]);
		region.unlink();
		assert.equal(names(), []);
	} finally {
		process.chdir(here);
	}
});

test.run();
