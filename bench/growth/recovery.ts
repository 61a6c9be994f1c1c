/** The cost of recovering from a killed participant, by how much it held and by the size of the region. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import type { Region, Size } from "../../src/index.js";
import { type Growth, lineOf } from "../curve.js";
import type { Job } from "../measure.js";
import type { Works } from "../pair.js";
import { openRegion } from "../region.js";

const HOLDER = fileURLToPath(new URL("./holder.js", import.meta.url));

const line = (name: string, work: string, until = Number.POSITIVE_INFINITY) =>
	lineOf({ name, role: "dhmem", from: import.meta.url, work, count: 1, until });

export const recovery: Growth = {
	name: "recovery",
	title: "Recovering from a killed participant, by how many blocks it held",
	x: { label: "blocks", values: [100, 1_000, 10_000, 100_000], scale: "log" },
	y: "ms",
	lines: [
		line("of 64 B, in a region of 4 GiB", "large"),
		line("of 64 B, in a region of 64 MiB", "small"),
		line("of 64 KiB, in a region of 4 GiB", "large-blocks", 10_000),
	],
};

/** Kills a participant that holds `size` blocks, and returns the milliseconds that `recover` takes. */
async function killed(region: Region, place: string, bytes: number, { size, spoilt }: Job): Promise<number> {
	const { used } = region.stats();
	const holder = fork(HOLDER, [place, `${size}`, `${bytes}`]);
	await once(holder, "message");
	const ended = once(holder, "exit");
	holder.kill("SIGKILL");
	await ended;
	if (region.stats().used < used + size * bytes)
		throw new Error("The memory of the dead participant was freed before the recovery");
	const kept = spoilt < 0 ? undefined : region.allocate(bytes);
	const started = performance.now();
	const recovered = region.recover();
	const took = performance.now() - started;
	const isAllBack = recovered === 1 && region.stats().used === used;
	kept?.free();
	if (!isAllBack) throw new Error("The memory in use after the recovery is wrong");
	return took;
}

function among(size: Size, bytes: number): Works[string] {
	return {
		measure: (place) => {
			const region = openRegion(place, size);
			return (job) => killed(region, place, bytes, job);
		},
	};
}

export const works: Works = {
	large: among("4GiB", 64),
	small: among("64MiB", 64),
	"large-blocks": among("4GiB", 2 ** 16),
};
