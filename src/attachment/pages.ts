/** Commits pages of the file, and gives them back. */
import { errnoOf, isErrorNamed } from "../errors.js";
import { noSpace, systemError } from "../host/system-error.js";
import { debug } from "./debug.js";
import type { Mapping } from "./mapping.js";

/** A range of spans, by number. */
export interface Spans {
	first: number;
	count: number;
}

/** Commits pages for a range of the file. @throws DHMEM_NO_SPACE */
export function commitRange(mapping: Mapping, offset: number, length: number): void {
	try {
		mapping.shim.commit(mapping.file, offset, length);
	} catch (error) {
		if (errnoOf(error) === "ENOSPC" || errnoOf(error) === "EDQUOT") {
			throw noSpace(mapping.path, length, { cause: error });
		}
		throw rangeError(mapping, error, "Committing memory");
	}
}

/** Gives back the pages of a range of the file. */
export function punchRange(mapping: Mapping, offset: number, length: number): void {
	try {
		mapping.shim.punch(mapping.file, offset, length);
	} catch (error) {
		throw rangeError(mapping, error, "Giving back memory");
	}
}

function rangeError(mapping: Mapping, error: unknown, what: string): unknown {
	if (errnoOf(error) === "ENXIO") return mapping.unusable();
	// The range came from the region, so the region is corrupted.
	if (isErrorNamed(error, "TypeError")) return mapping.corrupted(what);
	return systemError(error, mapping.path, `${what} of`);
}

/** As `punchRange`, but never throws: after a failure, only memory is wasted. */
export function giveBackRange(mapping: Mapping, offset: number, length: number): void {
	try {
		mapping.shim.punch(mapping.file, offset, length);
	} catch (error) {
		debug("%s: pages can't be given back: %s", mapping.path, error);
	}
}
