/** Whether C sees in time that there is no room: in the file system, and in the memory that a process may use. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findMemoryLimit } from "../../src/host/memory-limit.js";
import { within } from "../fixture/index.js";
import { Peer } from "./peer.js";

/** The compiled program, from scripts/test-c.sh. */
const PROGRAM = process.env.DHMEM_C_ROOM ?? "";
const LENGTH = 100 * 2 ** 20;

const stat = "anon 1\ninactive_file 100\nactive_file 1\nslab_reclaimable 2\n";
const oldStat = "inactive_file 9999\ntotal_inactive_file 100\ntotal_active_file 5";

function group(folder: string, max: string | number, current: string | number) {
	const path = join("sys/fs/cgroup", folder);
	return { [`${path}/memory.max`]: max, [`${path}/memory.current`]: current, [`${path}/memory.stat`]: stat };
}

function oldGroup(folder: string, max: string | number, current: number) {
	const path = join("sys/fs/cgroup/memory", folder);
	return {
		[`${path}/memory.limit_in_bytes`]: max,
		[`${path}/memory.usage_in_bytes`]: current,
		[`${path}/memory.stat`]: oldStat,
	};
}

const own = "proc/self/cgroup";
const machines: Record<string, string | number>[] = [
	{},
	{ [own]: "0::/a", ...group("a", "max", 1000) },
	{ [own]: "4:memory:/a\n0::/", ...oldGroup("a", "9223372036854771712", 5) },
	{ [own]: "0::/a/b", ...group("a/b", 1000, 600) },
	{ [own]: "0::/a", ...group("a", 1000, 5000) },
	{ [own]: "5:cpu:/x\n4:pids,memory:/a", ...oldGroup("a", 1000, 600), ...oldGroup("x", 10, 1) },
	{ [own]: "5:cpu,memory,pids:/a", ...oldGroup("a", 1000, 600) },
	{ [own]: "5:memory2:/a", ...oldGroup("a", 1000, 600) },
	{
		[own]: "0::/a/b/c",
		...group("a/b/c", "max", 10),
		...group("a/b", 5000, 4000),
		...group("a", 9000, 8500),
	},
	{ [own]: "0::/", ...group("", 1000, 600) },
	{ [own]: "4:memory:/machine/libpod-1", ...oldGroup("", 1000, 600) },
	{ [own]: "0::/a", ...group("a", 1000, 600), "proc/meminfo": "SwapTotal: 9 kB\nSwapFree:       2 kB" },
	{ [own]: "0::/a", ...group("a", "much", 600) },
	{ [own]: "0::/a", ...group("a", 1000, "much") },
	{ [own]: ":\n\n0::/a", "sys/fs/cgroup/a/memory.max": 1000 },
];

test("C finds the same limits of memory as Node", () => {
	let limited = 0;
	for (const files of machines) {
		const root = mkdtempSync(join(tmpdir(), "dhmem-limit-"));
		try {
			for (const [path, content] of Object.entries(files)) {
				mkdirSync(dirname(join(root, path)), { recursive: true });
				writeFileSync(join(root, path), `${content}\n`);
			}
			const found = findMemoryLimit(root);
			if (found !== undefined) limited++;
			const expected = found === undefined ? "" : `${found.limit} ${found.left}\n`;
			assert.is(execFileSync(PROGRAM, [root], { encoding: "utf8" }), expected, JSON.stringify(files));
		} finally {
			rmSync(root, { recursive: true });
		}
	}
	assert.is(limited, 8);
});

/** The program that finds out too late that there is no room, from `full.c`. */
const FULL = process.env.DHMEM_C_FULL ?? "";

/** Runs `body` with a folder that has 48 MiB. */
async function onDisk(body: (directory: string) => Promise<void> | void): Promise<void> {
	const directory = mkdtempSync("/dev/shm/dhmem-disk-");
	execFileSync("mount", ["-t", "tmpfs", "-o", "size=48m", "dhmem-test", directory]);
	try {
		await body(directory);
	} finally {
		execFileSync("umount", [directory]);
		rmdirSync(directory);
	}
}

for (const size of ["1GiB", "8GiB"]) {
	test(`in a region of ${size}, the pages of a block that fails half way are given back`, () =>
		onDisk((directory) => {
			using region = Region.open("full", { directory, size });
			const lengths = [LENGTH / 2, LENGTH, 2 * LENGTH].map(String);
			const output = execFileSync(FULL, [region.path, ...lengths], { encoding: "utf8" });
			const lines = output
				.trim()
				.split("\n")
				.map((line) => line.split(" "));
			assert.equal(
				lines.map(([what]) => what),
				[...Array(9).fill("refused"), "trimmed"],
			);
			const pages = lines.map(([, blocks]) => Number(blocks) * 512);
			// Tables grow with the first block of a length, and stay.
			assert.ok(Math.max(...pages) < 2 ** 20, output);
			// The failures don't make it count as full while there is room.
			region.allocate(40 * 2 ** 20).bytes.fill(1);
		}));

	test(`in a region of ${size}, a block for which the file system has no room is refused before any of it`, () =>
		onDisk(async (directory) => {
			using region = Region.open("full", { directory, size });
			await using peer = await Peer.in(region);
			const refused = peer.ask(`allocate it ${LENGTH} 6`);
			assert.match(
				await within(60_000, "allocating", refused),
				/^DHMEM_NO_SPACE .*\/full\.dhmem needs \d+ more bytes, and its file system has \d+ MiB free of 48 MiB: /,
			);
			await peer.ask("allocate it 30000000 6", "allocated");
			await peer.ask("close", "closed");
		}));
}
