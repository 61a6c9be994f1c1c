/**
 * The costs of finding a named object, and of reading and changing entries of a map, by how many there are.
 */
import { performance } from "node:perf_hooks";
import type { Region } from "../../src/index.js";
import { type Growth, lineOf } from "../curve.js";
import type { Job } from "../measure.js";
import type { Works } from "../pair.js";
import { openRegion } from "../region.js";

const line = (name: string, role: "dhmem" | "peer", work: string, count: number) =>
	lineOf({ name, role, from: import.meta.url, work, count });

export const objects: Growth = {
	name: "objects",
	title: "Finding a named object, by how many there are",
	x: { label: "objects", values: [1, 10, 100, 1_000, 10_000, 100_000], scale: "log" },
	y: "ns",
	lines: [
		line("region.array(name)", "dhmem", "objects", 2 ** 15),
		line("get of a plain Map", "peer", "plain-objects", 2 ** 18),
	],
};

export const mapEntries: Growth = {
	name: "map-entries",
	title: "Reading and changing entries of a map, by how many there are",
	x: { label: "entries", values: [1_000, 10_000, 100_000, 1_000_000], scale: "log" },
	y: "ns",
	lines: [
		line("get", "dhmem", "get", 2 ** 14),
		line("set", "dhmem", "set", 2 ** 14),
		line("get of a plain Map", "peer", "plain-get", 2 ** 16),
		line("set of a plain Map", "peer", "plain-set", 2 ** 16),
	],
};

/** Returns the indices of `count` random entries. */
function chosen({ size, count }: Job): number[] {
	let seed = 1;
	return Array.from({ length: count }, () => {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		return (seed >>> 3) % size;
	});
}

/** A store with a number under each name. */
interface Numbers {
	get(name: string): number | undefined;
	set(name: string, value: number): unknown;
}

/** Fills a store with as many names as the job's size, unless it has them already. */
function filled(make: (region: Region) => Numbers, region: Region) {
	const numbers = make(region);
	const names: string[] = [];
	return ({ size }: Job) => {
		for (let index = names.length; index < size; index++) {
			names.push(`number ${index}`);
			numbers.set(`number ${index}`, index);
		}
		return { numbers, names };
	};
}

function reading(make: (region: Region) => Numbers): Works[string] {
	return {
		measure: (place) => {
			const fill = filled(make, openRegion(place, "1GiB"));
			return (job) => {
				const { numbers, names } = fill(job);
				const indices = chosen(job);
				if (job.spoilt >= 0) numbers.set(names[indices[0] as number] as string, -1);
				const started = performance.now();
				for (const index of indices) {
					if (numbers.get(names[index] as string) !== index) throw new Error(`${names[index]} is wrong`);
				}
				return ((performance.now() - started) * 1e6) / job.count;
			};
		},
	};
}

function changing(make: (region: Region) => Numbers): Works[string] {
	return {
		measure: (place) => {
			const fill = filled(make, openRegion(place, "1GiB"));
			let round = 0;
			return (job) => {
				const { numbers, names } = fill(job);
				const indices = chosen(job);
				const value = ++round;
				const started = performance.now();
				for (const index of indices) numbers.set(names[index] as string, index + value);
				const took = performance.now() - started;
				if (job.spoilt >= 0) numbers.set(names[indices[0] as number] as string, -1);
				for (const index of indices) {
					if (numbers.get(names[index] as string) !== index + value)
						throw new Error(`${names[index]} is wrong`);
				}
				return (took * 1e6) / job.count;
			};
		},
	};
}

const plain = () => new Map<string, number>();
const shared = (region: Region) => region.map("numbers", { key: "string", value: "f64" });
const arrays = (region: Region): Numbers => {
	const data = (name: string) => region.array(name, { dtype: "f64", shape: [1] }).data;
	return {
		get: (name) => data(name)[0],
		set: (name, value) => {
			data(name)[0] = value;
		},
	};
};

export const works: Works = {
	objects: reading(arrays),
	"plain-objects": reading(plain),
	get: reading(shared),
	set: changing(shared),
	"plain-get": reading(plain),
	"plain-set": changing(plain),
};
