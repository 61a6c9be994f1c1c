import { DhmemError } from "../errors.js";
import type { Entry, RegionStats } from "../inspect/stats.js";
import { Region } from "../region.js";

/** What is in a region, looked at without taking part. */
export interface Look extends Omit<RegionStats, "objects"> {
	name: string;
	path: string;
	objects: number;
	entries: Entry[];
}

/** A look at a region; undefined if it went away meanwhile, is another user's, or is none that can be read. */
export function lookAt(name: string): Look | undefined {
	try {
		using region = Region.open(name, { mode: "read-only" });
		return { name, path: region.path, ...region.stats(), entries: region.entries() };
	} catch (error) {
		const isPassedOver =
			error instanceof DhmemError && /NOT_FOUND|PERMISSION|FORMAT|VERSION|CORRUPT|TRUNCATED/.test(error.code);
		if (isPassedOver) return undefined;
		throw error;
	}
}
