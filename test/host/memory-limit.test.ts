/** How much memory the control groups of a process let it use. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { howToRaiseMemory } from "../../src/host/advice.js";
import { findMemoryLimit, type MemoryLimit } from "../../src/host/memory-limit.js";

const MIB = 2 ** 20;

/** The limit where these files are all of `/proc` and `/sys`. */
function limitWith(files: Record<string, string | number>): MemoryLimit | undefined {
	const root = mkdtempSync(join(tmpdir(), "dhmem-limit-"));
	try {
		for (const [path, content] of Object.entries(files)) {
			mkdirSync(dirname(join(root, path)), { recursive: true });
			writeFileSync(join(root, path), `${content}\n`);
		}
		return findMemoryLimit(root);
	} finally {
		rmSync(root, { recursive: true });
	}
}

/** The files of a group: its limit, its use, and the part of it that is of files on a disk. */
function second(path: string, max: string | number, current: number, file = 0) {
	const folder = join("sys/fs/cgroup", path);
	return {
		[`${folder}/memory.max`]: max,
		[`${folder}/memory.current`]: current,
		[`${folder}/memory.stat`]: `anon 1\nshmem 7\ninactive_file ${file}\nactive_file 1\nslab_reclaimable 2`,
	};
}

function first(path: string, limit: string | number, usage: number, file = 0) {
	const folder = join("sys/fs/cgroup/memory", path);
	return {
		[`${folder}/memory.limit_in_bytes`]: limit,
		[`${folder}/memory.usage_in_bytes`]: usage,
		[`${folder}/memory.stat`]: `inactive_file 9999\ntotal_inactive_file ${file}\ntotal_active_file 5`,
	};
}

const NONE = "9223372036854771712";

test("without a limit there is none", () => {
	assert.is(limitWith({}), undefined);
	assert.is(limitWith({ "proc/self/cgroup": "0::/a", ...second("a", "max", 1000) }), undefined);
	const old = "4:memory:/a\n0::/";
	assert.is(limitWith({ "proc/self/cgroup": old, ...first("a", NONE, 5), ...first("", NONE, 5) }), undefined);
});

test("what is left is the limit less what is in use and can't be taken back", () => {
	const files = { "proc/self/cgroup": "0::/a/b", ...second("a/b", 1000, 600, 100) };
	assert.equal(limitWith(files), { limit: 1000, left: 503 });
	const old = { "proc/self/cgroup": "5:cpu:/x\n4:pids,memory:/a", ...first("a", 1000, 600, 100) };
	assert.equal(limitWith(old), { limit: 1000, left: 505 });
	assert.equal(limitWith({ "proc/self/cgroup": "0::/a", ...second("a", 1000, 5000) })?.left, 0);
});

test("the group that leaves least counts, of all above this process", () => {
	const files = {
		"proc/self/cgroup": "0::/a/b/c",
		...second("a/b/c", "max", 10),
		...second("a/b", 5000, 4000),
		...second("a", 9000, 8500),
	};
	assert.equal(limitWith(files), { limit: 9000, left: 503 });
});

test("in a container the group is the root, whatever its path on the host", () => {
	assert.is(limitWith({ "proc/self/cgroup": "0::/", ...second("", 1000, 600) })?.limit, 1000);
	const old = { "proc/self/cgroup": "4:memory:/machine/libpod-1", ...first("", 1000, 600) };
	assert.is(limitWith(old)?.limit, 1000);
});

test("what may be swapped out is left, too", () => {
	const files = { "proc/self/cgroup": "0::/a", ...second("a", 1000, 600) };
	assert.is(
		limitWith({ ...files, "proc/meminfo": "SwapTotal: 9 kB\nSwapFree:       2 kB" })?.left,
		403 + 2048,
	);
});

test("files that make no sense are no limit", () => {
	assert.is(limitWith({ "proc/self/cgroup": "0::/a", ...second("a", "much", 600) }), undefined);
	const files = { "proc/self/cgroup": ":\n\n0::/a", "sys/fs/cgroup/a/memory.max": 1000 };
	assert.is(limitWith(files), undefined);
});

test("the advice names the flag with a limit that is enough", () => {
	const text = howToRaiseMemory({ limit: 256 * MIB, left: 10 * MIB }, 400 * MIB);
	assert.match(text, "may use only 10 MiB more of 256 MiB");
	assert.match(text, "--memory=1024m");
});

test.run();
