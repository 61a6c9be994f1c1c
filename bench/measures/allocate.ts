/** Allocating and freeing blocks of 64 B: in one process, and in two at once. */
import type { Region } from "../../src/index.js";
import { Churn, churn, LIVE } from "../churn.js";
import type { Measure } from "../measure.js";
import { native } from "../native.js";
import { pair, type Works } from "../pair.js";
import { openRegion } from "../region.js";
import { spin } from "../spin.js";

const from = import.meta.url;

export const allocate: Measure = {
	name: "allocate",
	title: "allocate and free 64 B",
	unit: "ns",
	better: "less",
	aim: { of: "ratio", atMost: 1 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "allocate", count: 2 ** 20 }),
		native({
			name: "rbtree_best_fit in C++",
			role: "peer",
			program: "allocate",
			args: ["rbtree"],
			count: 2 ** 22,
		}),
		native({
			name: "malloc in C++, one process's own",
			role: "floor",
			program: "allocate",
			args: ["malloc"],
			count: 2 ** 22,
		}),
	],
	leavesOut:
		"64 blocks exist at a time, and the oldest is freed first. Each is written at both ends after it is allocated, " +
		"and checked before it is freed; dhmem's figure includes the view for that.",
};

export const allocateTwo: Measure = {
	name: "allocate-two",
	title: "allocate and free 64 B, two processes at once against one",
	unit: "M/s",
	better: "more",
	aim: { of: "ratio", atLeast: 1.7 },
	contenders: [
		pair({ name: "dhmem", role: "dhmem", from, work: "two", count: 2 ** 20 }),
		pair({ name: "dhmem, one process", role: "peer", from, work: "one", count: 2 ** 20 }),
		native({
			name: "rbtree_best_fit in C++, two processes",
			role: "beside",
			program: "allocate",
			args: ["rbtree-two"],
			count: 2 ** 20,
		}),
	],
	leavesOut: "As above; each process has its own core.",
};

/** The words by which the two processes agree: whether to run, and how much the serving process has done. */
const RUNNING = 0;
const DONE = 1;

function agreement(region: Region): Int32Array {
	return region.array("agreement", { dtype: "i32", shape: [2] }).data;
}

export const works: Works = {
	allocate: {
		measure: (place) => {
			const region = openRegion(place);
			return (job) => (churn(region, job) * 1e6) / job.count;
		},
	},
	one: {
		measure: (place) => {
			const region = openRegion(place);
			return (job) => job.count / churn(region, job) / 1000;
		},
	},
	two: {
		measure: (place) => {
			const region = openRegion(place);
			const words = agreement(region);
			return (job) => {
				Atomics.store(words, RUNNING, 1);
				spin(() => Atomics.load(words, DONE) || undefined);
				const before = Atomics.load(words, DONE);
				const took = churn(region, job);
				const both = job.count + Atomics.load(words, DONE) - before;
				Atomics.store(words, RUNNING, 0);
				return both / took / 1000;
			};
		},
		serve: (place) => {
			const region = openRegion(place);
			const words = agreement(region);
			return (job) => {
				spin(() => Atomics.load(words, RUNNING) || undefined);
				const blocks = new Churn(region);
				const whole = { ...job, spoilt: -1 };
				let count = 0;
				for (; Atomics.load(words, RUNNING) === 1 || count === 0; Atomics.store(words, DONE, count)) {
					for (let i = 0; i < LIVE; i++) blocks.step(count++, whole);
				}
				blocks.end(count);
				Atomics.store(words, DONE, 0);
			};
		},
	},
};
