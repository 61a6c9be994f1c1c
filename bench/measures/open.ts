/** Opening an existing region, and the memory that a fresh one occupies. */
import { rmSync, statSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { Region, type RegionOptions, type Size } from "../../src/index.js";
import { checkRecord, recordOf } from "../data.js";
import type { Measure } from "../measure.js";
import { native } from "../native.js";
import { pair, type Work, type Works } from "../pair.js";
import { openRegion } from "../region.js";

const from = import.meta.url;

export const open: Measure = {
	name: "open",
	title: "opening a region of 4 GiB, and closing it",
	unit: "ms",
	better: "less",
	aim: { of: "figure", atMost: 2 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "open", count: 2 ** 9 }),
		native({ name: "open, mmap, munmap, close in C++", role: "floor", program: "open", count: 2 ** 9 }),
	],
	leavesOut: "Loading the library and starting the process. The region has 1,000 objects.",
};

export const openLargest: Measure = {
	name: "open-largest",
	title: "the same with a region of 16 TiB, the largest size",
	unit: "ms",
	better: "less",
	aim: { of: "figure", atMost: 5 },
	contenders: [pair({ name: "dhmem", role: "dhmem", from, work: "open-largest", count: 2 ** 8 })],
	leavesOut: "As above.",
};

export const fresh: Measure = {
	name: "fresh",
	title: "what a fresh region of 4 GiB occupies",
	unit: "KiB",
	better: "less",
	aim: { of: "figure", atMost: 256 },
	contenders: [pair({ name: "dhmem", role: "dhmem", from, work: "fresh", count: 1 })],
	leavesOut: "The memory of the process that opens it.",
};

export const freshLargest: Measure = {
	name: "fresh-largest",
	title: "the same with a region of 16 TiB",
	unit: "KiB",
	better: "less",
	aim: { of: "figure", atMost: 300 },
	contenders: [pair({ name: "dhmem", role: "dhmem", from, work: "fresh-largest", count: 1 })],
	leavesOut: "As above.",
};

const LARGEST = "16TiB";
const OBJECTS = 1000;

/** Returns the single number in object number `index`. */
function number(region: Region, index: number): Float64Array {
	return region.array(`object ${index}`, { dtype: "f64", shape: [1] }).data;
}

/** Opens and closes a region of this size that has objects. */
function opening(size: Size): Work["measure"] {
	return (place) => {
		const filled = openRegion(place, size);
		for (let index = 0; index < OBJECTS; index++) number(filled, index)[0] = index;
		return (job) => {
			let took = 0;
			for (let sequence = 0; sequence < job.count; sequence++) {
				const index = sequence % OBJECTS;
				number(filled, index)[0] = recordOf(sequence, job);
				const started = performance.now();
				const region = Region.open("bench", { directory: place, mode: "open" });
				took += performance.now() - started;
				checkRecord(number(region, index)[0], sequence);
				const between = performance.now();
				region.close();
				took += performance.now() - between;
			}
			return took / job.count;
		};
	};
}

/** The KiB that a region of this size occupies before anything is in it. */
function occupying(options: RegionOptions): Work["measure"] {
	return (place) => (job) => {
		using region = Region.open("fresh", { ...options, directory: place, mode: "create" });
		const occupied = (statSync(region.path).blocks * 512) / 1024;
		const value = number(region, 0);
		value[0] = recordOf(0, job);
		using other = Region.open("fresh", { directory: place, mode: "open" });
		checkRecord(number(other, 0)[0], 0);
		rmSync(region.path);
		return occupied;
	};
}

export const works: Works = {
	open: { measure: opening("4GiB") },
	"open-largest": { measure: opening(LARGEST) },
	fresh: { measure: occupying({}) },
	"fresh-largest": { measure: occupying({ size: LARGEST }) },
};
