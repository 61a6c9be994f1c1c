/** What recovering from a killed participant costs: by what it held, and by how large the region is. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { performance } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { Region, type Size } from "../src/index.js";
import { figureOf, type Measurement } from "./measure.js";

const HOLDER = fileURLToPath(new URL("./holder.js", import.meta.url));

/** Region size, blocks that the dead one held, and bytes of each. */
const CASES: readonly [Size, number, number][] = [
	["16MiB", 100, 64],
	["256MiB", 100, 64],
	["4GiB", 100, 64],
	["4GiB", 1_000, 64],
	["4GiB", 10_000, 64],
	["4GiB", 100_000, 64],
	["4GiB", 100, 65_536],
	["4GiB", 1_000, 65_536],
];

/** Milliseconds that `recover` takes after one such participant was killed. */
async function killed(region: Region, blocks: number, bytes: number): Promise<number> {
	const { used } = region.stats();
	const holder = fork(HOLDER, [region.name, `${blocks}`, `${bytes}`]);
	await once(holder, "message");
	const ended = once(holder, "exit");
	holder.kill("SIGKILL");
	await ended;
	if (region.stats().used < used + blocks * bytes)
		throw new Error("what the dead one held is gone before recovery");
	const start = performance.now();
	const recovered = region.recover();
	const took = performance.now() - start;
	if (recovered !== 1 || region.stats().used !== used)
		throw new Error("recovery did not give everything back");
	return took;
}

export async function measureRecovery(
	rounds: number,
	onDone: (measurement: Measurement) => void,
): Promise<Measurement[]> {
	const done: Measurement[] = [];
	for (const [size, blocks, bytes] of CASES) {
		using region = Region.temporary({ size });
		const times: number[] = [];
		for (let round = 0; round < rounds; round++) times.push(await killed(region, blocks, bytes));
		const what = `recover from one that held ${blocks} blocks of ${bytes} B, in a region of ${size}`;
		const measurement = { what, unit: "ms", figure: figureOf("dhmem", times) };
		done.push(measurement);
		onDone(measurement);
	}
	return done;
}
