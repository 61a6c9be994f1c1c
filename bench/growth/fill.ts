/** The cost of allocating, by how full the region is. */
import { type Block, DhmemError, type Region } from "../../src/index.js";
import { churn } from "../churn.js";
import { type Growth, lineOf } from "../curve.js";
import type { Job } from "../measure.js";
import type { Works } from "../pair.js";
import { openRegion } from "../region.js";

const line = (name: string, work: string, count: number, until = 100) =>
	lineOf({ name, role: "dhmem", from: import.meta.url, work, count, until });
const REGION = 2 ** 26;

export const fill: Growth = {
	name: "fill",
	title: "Allocate and free, by how full a region of 64 MiB is",
	x: { label: "% in use", values: [0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95], scale: "linear" },
	y: "µs",
	// The lines of large blocks end early, because the blocks that are alive at a time must fit.
	lines: [
		line("64 B, among blocks of 64 B", "small", 2 ** 17),
		line("32 KiB, among blocks of 32 KiB", "medium", 2 ** 14, 90),
		line("128 KiB, among blocks of 128 KiB", "large", 2 ** 12, 80),
	],
};

/**
 * Fills the region with blocks, and frees random ones until `percent` are in use, so that free memory is
 * scattered.
 */
function scatter(region: Region, bytes: number, percent: number): void {
	const blocks: Block[] = [];
	try {
		for (;;) blocks.push(region.allocate(bytes));
	} catch (error) {
		if (!(error instanceof DhmemError) || error.code !== "DHMEM_REGION_FULL") throw error;
	}
	const keep = Math.floor((blocks.length * percent) / 100);
	for (let seed = 1; blocks.length > keep; ) {
		seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
		const index = (seed >>> 3) % blocks.length;
		const last = blocks.pop() as Block;
		if (index === blocks.length) last.free();
		else {
			blocks[index]?.free();
			blocks[index] = last;
		}
	}
}

function among(bytes: number) {
	return (place: string) => {
		const region = openRegion(place, REGION);
		let percent: number | undefined;
		return (job: Job) => {
			if (percent !== job.size) scatter(region, bytes, job.size);
			percent = job.size;
			return (churn(region, job, bytes) * 1000) / job.count;
		};
	};
}

export const works: Works = {
	small: { measure: among(64) },
	medium: { measure: among(2 ** 15) },
	large: { measure: among(2 ** 17) },
};
