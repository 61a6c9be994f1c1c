import { isAbandoned, pathOf } from "../attachment/leftovers.js";
import { directoryOf, trustOf } from "../attachment/region-options.js";
import { openToWatch } from "../attachment/watching.js";
import { DhmemError } from "../errors.js";
import { type Entry, type RegionStats, readEntries, readStats } from "../inspect/stats.js";

/** The contents of a region, read without joining it. */
export interface Look extends Omit<RegionStats, "objects"> {
	name: string;
	path: string;
	objects: number;
	entries: Entry[];
}

/**
 * Reads a region; undefined if it is gone meanwhile, abandoned, belongs to another user, or can't be read. It
 * waits for no lock, since a stopped process or another user may hold one for ever.
 */
export function lookAt(name: string): Look | undefined {
	const path = pathOf(directoryOf({}), name);
	try {
		const attachment = openToWatch(path, trustOf({}));
		try {
			if (isAbandoned(attachment.file, attachment.words)) return undefined;
			const look = { name, path, ...readStats(attachment), entries: readEntries(attachment) };
			// If another program has truncated the file meanwhile, these are zeros.
			attachment.check();
			return look;
		} finally {
			attachment.close();
		}
	} catch (error) {
		const isPassedOver =
			error instanceof DhmemError && /NOT_FOUND|PERMISSION|FORMAT|VERSION|CORRUPT|TRUNCATED/.test(error.code);
		if (isPassedOver) return undefined;
		throw error;
	}
}
