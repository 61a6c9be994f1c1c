/** How much memory a region keeps after 1 GiB of it was freed, by the option `trim`. */
import { statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Region, type RegionOptions } from "../../src/index.js";
import { type Growth, lineOf } from "../curve.js";
import { checkRecord, recordOf } from "../data.js";
import type { Job } from "../measure.js";
import type { Works } from "../pair.js";

const BYTES = 2 ** 30;
const MIB = 2 ** 20;

const line = (trim: NonNullable<RegionOptions["trim"]>, name: string) =>
	lineOf({ name, role: "dhmem", from: import.meta.url, work: trim, count: 1 });

export const giveBack: Growth = {
	name: "give-back",
	title: "Memory of a region after a block of 1 GiB was freed",
	x: {
		label: "ms after the free",
		values: [0, 100, 200, 300, 400, 500, 900, 1000, 1100, 1200, 1300, 1400, 1600],
		scale: "linear",
	},
	y: "MiB",
	lines: [line("eager", "eager"), line("lazy", "lazy, the default")],
};

function keeping(trim: NonNullable<RegionOptions["trim"]>) {
	return (place: string) => {
		return async (job: Job) => {
			// An opening of its own, which knows nothing of what was freed in the round before.
			using region = Region.open("bench", { directory: place, trim });
			region.trim();
			const block = region.allocate(BYTES);
			const values = block.as("f64");
			const last = values.length - 1;
			values[last] = recordOf(job.count - 1, job);
			checkRecord(values[last], job.count - 1);
			block.free();
			if (job.size > 0) await sleep(job.size);
			return (statSync(region.path).blocks * 512) / MIB;
		};
	};
}

export const works: Works = {
	eager: { measure: keeping("eager") },
	lazy: { measure: keeping("lazy") },
};
