/** The cost of operations, by how many participants are attached. */
import { performance } from "node:perf_hooks";
import { Region } from "../../src/index.js";
import { churn } from "../churn.js";
import { type Growth, lineOf } from "../curve.js";
import { checkRecord, recordOf } from "../data.js";
import type { Job } from "../measure.js";
import type { Works } from "../pair.js";
import { openRegion } from "../region.js";

const line = (name: string, work: string, count: number) =>
	lineOf({ name, role: "dhmem", from: import.meta.url, work, count });

export const participants: Growth = {
	name: "participants",
	title: "By how many participants are attached",
	x: { label: "participants", values: [1, 2, 4, 8, 16, 32, 64], scale: "log" },
	y: "µs",
	lines: [
		line("allocate and free 64 B", "allocate", 2 ** 17),
		line("open and close", "open", 2 ** 8),
		line("look for dead participants", "recover", 2 ** 8),
	],
};

/** Attaches further participants. Each allocates a little, so that it holds memory like a real one. */
function attach(place: string, others: Region[], count: number): void {
	while (others.length < count) {
		const other = Region.open("bench", { directory: place, mode: "open" });
		other.allocate(64);
		others.push(other);
	}
}

function among(run: (region: Region, job: Job, place: string) => number) {
	return (place: string) => {
		const region = openRegion(place);
		const others: Region[] = [];
		return (job: Job) => {
			attach(place, others, job.spoilt < 0 ? job.size - 1 : job.size);
			return run(region, job, place);
		};
	};
}

export const works: Works = {
	allocate: { measure: among((region, job) => (churn(region, job) * 1000) / job.count) },
	open: {
		measure: among((region, job, place) => {
			const { data } = region.array("number", { dtype: "f64", shape: [1] });
			let took = 0;
			for (let sequence = 0; sequence < job.count; sequence++) {
				data[0] = recordOf(sequence, job);
				const started = performance.now();
				const opened = Region.open("bench", { directory: place, mode: "open" });
				took += performance.now() - started;
				checkRecord(opened.array("number", { dtype: "f64", shape: [1] }).data[0], sequence);
				const between = performance.now();
				opened.close();
				took += performance.now() - between;
			}
			return (took * 1000) / job.count;
		}),
	},
	recover: {
		measure: among((region, job) => {
			const started = performance.now();
			for (let look = 0; look < job.count; look++) {
				if (region.recover() !== 0) throw new Error("All are alive");
			}
			const took = performance.now() - started;
			if (region.stats().participants.length !== job.size)
				throw new Error("The number of participants is wrong");
			return (took * 1000) / job.count;
		}),
	},
};
