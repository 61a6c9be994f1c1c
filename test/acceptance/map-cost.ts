/** The cost of operations on a map as it grows, beside a plain map in the same loop. It is reported, not judged. */
import { Region } from "dhmem";
import * as assert from "uvu/assert";
import { clock, randomFrom } from "../fixture/index.js";
import type { Conditions, Row } from "./row.js";

const SIZES = [1000, 10_000, 100_000, 1_000_000];

interface Mapping<K> {
	get(key: K): number | undefined;
	set(key: K, value: number): unknown;
	readonly size: number;
}

/** Nanoseconds for setting a new key, getting, and setting again. */
function costs<K>(map: Mapping<K>, keyOf: (index: number) => K, seed: number, most: number): number[][] {
	return SIZES.filter((size) => size <= most).map((size) => {
		const began = map.size;
		// Keys are made before, so that only the map is measured.
		const fresh = Array.from({ length: size - began }, (_, index) => keyOf(began + index));
		const random = randomFrom(seed);
		const probes = Array.from({ length: Math.min(100_000, 10 * most) }, () => keyOf(random(size)));
		const measured = (keys: K[], body: (key: K) => void) => {
			const from = clock();
			for (const key of keys) body(key);
			return ((clock() - from) * 1e6) / keys.length;
		};
		let sum = 0;
		const inserting = measured(fresh, (key) => map.set(key, 1));
		const getting = measured(probes, (key) => {
			sum += map.get(key) ?? Number.NaN;
		});
		const setting = measured(probes, (key) => map.set(key, 1));
		assert.is(map.size, size);
		assert.is(sum, probes.length);
		return [inserting, getting, setting];
	});
}

function run(count: number, { seed }: Conditions): string[] {
	using region = Region.temporary({ size: "2GiB" });
	const lines: string[] = [];
	const report = <K>(what: string, shared: Mapping<K>, keyOf: (index: number) => K) => {
		const ours = costs(shared, keyOf, seed, count);
		const plain = costs(new Map<K, number>(), keyOf, seed, count);
		for (const [index, row] of ours.entries()) {
			const each = ["insert", "get", "set"].map((name, at) => {
				const [us, them] = [row[at] ?? Number.NaN, plain[index]?.[at] ?? Number.NaN];
				return `${name} ${us.toFixed(0)} ns (${(us / them).toFixed(1)} times a plain Map)`;
			});
			lines.push(`${what}, ${SIZES[index]} entries: ${each.join(", ")}`);
		}
	};
	report(
		"keys u32",
		region.map("numbers", { key: "u32", value: "f64" }),
		(index) => Math.imul(index, 0x9e3779b1) >>> 0,
	);
	report("keys of text", region.map("texts", { key: "string", value: "f64" }), (index) => `run ${index * 7}`);
	return lines;
}

export const mapCost: Row = {
	title: "what an operation on a map costs as it grows",
	unit: "entries",
	full: 1_000_000,
	short: 1000,
	run,
};
