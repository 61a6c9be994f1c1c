import { DhmemError } from "../../../errors.js";

/** Undefined if a handle refers to nothing, or to nothing any more. */
export function unlessGone<T>(act: () => T): T | undefined {
	try {
		return act();
	} catch (error) {
		if (error instanceof DhmemError && error.code === "DHMEM_BAD_HANDLE") return undefined;
		throw error;
	}
}
