import { DhmemError } from "../errors.js";
import type { Entry, RegionStats } from "../inspect/stats.js";
import { Region } from "../region.js";

/** The contents of a region, read without joining it. */
export interface Look extends Omit<RegionStats, "objects"> {
	name: string;
	path: string;
	objects: number;
	entries: Entry[];
}

/** Reads a region; undefined if it is gone meanwhile, belongs to another user, or can't be read. */
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
