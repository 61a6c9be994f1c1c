/**
 * How much memory the control groups (cgroups) of this process let it use. The kernel kills a program that uses more,
 * where a full file system would only refuse. Pages in a tmpfs count for the group that touches them first.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The tightest limit. Bytes. */
export interface MemoryLimit {
	limit: number;
	/** How much more may be used, if everything that the kernel could take back or swap out were gone. */
	left: number;
}

/** Where the two versions of cgroups keep what. A missing limit is "max", or larger than any machine. */
const versions = [
	{
		folder: "sys/fs/cgroup",
		limit: "memory.max",
		usage: "memory.current",
		reclaimable: ["inactive_file", "active_file", "slab_reclaimable"],
	},
	{
		folder: "sys/fs/cgroup/memory",
		limit: "memory.limit_in_bytes",
		usage: "memory.usage_in_bytes",
		reclaimable: ["total_inactive_file", "total_active_file"],
	},
];
const UNLIMITED = 2 ** 60;

/**
 * Undefined if there is no limit, or if it can't be determined.
 *
 * @param root the folder that contains `proc` and `sys`
 */
export function findMemoryLimit(root = "/"): MemoryLimit | undefined {
	const read = (...path: string[]) => {
		try {
			return readFileSync(join(root, ...path), "utf8");
		} catch {
			return "";
		}
	};
	let tightest: MemoryLimit | undefined;
	for (const path of groupsOf(read("proc/self/cgroup"))) {
		for (const { folder, limit: name, usage, reclaimable } of versions) {
			const limit = Number.parseInt(read(folder, path, name), 10);
			if (!(limit < UNLIMITED)) continue;
			const used = Number.parseInt(read(folder, path, usage), 10);
			const figures = read(folder, path, "memory.stat");
			const back = reclaimable.reduce((sum, each) => sum + figureOf(figures, each), 0);
			const left = Math.max(0, limit - used + back);
			if (left < (tightest?.left ?? Number.POSITIVE_INFINITY)) tightest = { limit, left };
		}
	}
	if (tightest === undefined) return undefined;
	const swap = figureOf(read("proc/meminfo"), "SwapFree:") * 1024;
	return { limit: tightest.limit, left: tightest.left + swap };
}

/**
 * The groups of this process and those above them. In a container the paths may be those of the host, while only its own
 * group is mounted, as the root.
 *
 * @param text the contents of `/proc/self/cgroup`
 */
function groupsOf(text: string): Set<string> {
	const groups = new Set<string>(["/"]);
	for (const line of text.split("\n")) {
		const [, controllers = "", ...rest] = line.split(":");
		if (controllers !== "" && !controllers.split(",").includes("memory")) continue;
		for (let path = rest.join(":"); path.length > 1; path = path.slice(0, path.lastIndexOf("/")))
			groups.add(path);
	}
	return groups;
}

/** The number behind a name, in a text with one of each on a line; 0 if there is none. */
function figureOf(text: string, name: string): number {
	const line = text.split("\n").find((each) => each.startsWith(`${name} `));
	return Number.parseInt(line?.slice(name.length) ?? "0", 10) || 0;
}
