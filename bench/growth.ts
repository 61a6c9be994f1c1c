/** How the cost of an operation grows with what is there already. */
import { performance } from "node:perf_hooks";
import { Region } from "../src/index.js";
import { compare, type Measurement } from "./measure.js";

/** Operations in one round, on keys at random. */
const OPERATIONS = 10_000;
const SIZES = [1_000, 10_000, 100_000, 1_000_000];

/** What a map in shared memory and a plain one have in common. */
type Numbers = Pick<Map<string, number>, "get" | "size"> & { set(key: string, value: number): unknown };

/** Nanoseconds for each of a round of reads and of changes, on keys that a seed chooses. */
function round(map: Numbers, keys: readonly string[], seed: number): { get: number; set: number } {
	const chosen: number[] = [];
	for (let i = 0, next = seed; i < OPERATIONS; i++) {
		next = (Math.imul(next, 1103515245) + 12345) >>> 0;
		chosen.push((next >>> 3) % keys.length);
	}
	const start = performance.now();
	for (const index of chosen) {
		if (map.get(keys[index] as string) !== index) throw new Error(`${keys[index]} is not what was put`);
	}
	const between = performance.now();
	for (const index of chosen) map.set(keys[index] as string, index);
	const end = performance.now();
	if (map.size !== keys.length) throw new Error("a change of what is there added something");
	const each = 1e6 / OPERATIONS;
	return { get: (between - start) * each, set: (end - between) * each };
}

/** Reading and changing entries of maps of more and more, in turn with a plain `Map` of as many. */
export function measureGrowth(rounds: number, onDone: (measurement: Measurement) => void): Measurement[] {
	const done: Measurement[] = [];
	for (const size of SIZES) {
		using region = Region.temporary({ size: "1GiB" });
		const ours = region.map("map", { key: "string", value: "f64" });
		const theirs = new Map<string, number>();
		const keys = Array.from({ length: size }, (_, index) => `key ${index}`);
		keys.forEach((key, index) => {
			ours.set(key, index);
			theirs.set(key, index);
		});
		const figures = { get: [[], []], set: [[], []] } as Record<"get" | "set", [number[], number[]]>;
		// The first is for warming up.
		for (let i = 0; i <= rounds; i++) {
			const [mine, plain] = [round(ours, keys, i + 1), round(theirs, keys, i + 1)];
			for (const what of ["get", "set"] as const) {
				if (i === 0) continue;
				figures[what][0].push(mine[what]);
				figures[what][1].push(plain[what]);
			}
		}
		for (const [what, title] of [
			["get", "read"],
			["set", "change"],
		] as const) {
			const [mine, plain] = figures[what];
			const measurement = compare(`${title} one of ${size} map entries`, "ns", mine, "plain Map", plain);
			done.push(measurement);
			onDone(measurement);
		}
	}
	return done;
}
