/** Where other engines than Node differ: what Bun can't do, and what Deno has to be allowed. */

import { DhmemError, isErrorNamed } from "../errors.js";
import process from "./process.js";

const DENO_FLAGS = "--allow-ffi --allow-read --allow-write --allow-env --allow-sys";

/**
 * Throws where a region can't be opened to be read only. Bun's atomic loads write what they have read, so each page that
 * is looked at becomes this process's own, and what others change there is not seen any more.
 *
 * @throws DHMEM_UNSUPPORTED
 */
export function checkReading(mode: string): void {
	if (process.versions.bun === undefined) return;
	throw new DhmemError(
		"DHMEM_UNSUPPORTED",
		`Bun can't open a region ${mode}: it would not see what others change; open it with another mode, or use Node`,
	);
}

/** Whether it is Deno's error for what it was not given the right to. */
export function isDenied(error: unknown): error is Error {
	return isErrorNamed(error, "NotCapable");
}

/** Deno's error as ours. */
export function denied(error: Error): DhmemError {
	return new DhmemError(
		"DHMEM_PERMISSION",
		`Deno does not allow this (${error.message}); run it with ${DENO_FLAGS}`,
		{ cause: error },
	);
}

/** Runs what needs rights that Deno may not have given. @throws DHMEM_PERMISSION */
export function withRights<T>(run: () => T): T {
	try {
		return run();
	} catch (error) {
		throw isDenied(error) ? denied(error) : error;
	}
}
