/** Differences between Node and other runtimes: Bun's limits, and the permissions that Deno needs. */

import { DhmemError, isErrorNamed } from "../errors.js";
import process from "./process.js";

const DENO_RIGHTS = ["ffi", "read", "write", "env", "sys"];
const DENO_FLAGS = DENO_RIGHTS.map((right) => `--allow-${right}`).join(" ");
/** Deno lets a program examine what is in /dev, /proc and /sys only with this flag. */
const DENO_ALL = "--allow-all";

/** What is used of Deno's own interface. */
interface DenoPermissions {
	readonly permissions: { querySync(descriptor: { name: string }): { readonly state: string } };
}

/**
 * Throws if this runtime can't open a region only for reading. Bun's atomic loads write back what they have
 * read. Each page that is read so becomes a private copy, which no longer shows changes by others.
 *
 * @throws DHMEM_UNSUPPORTED
 */
export function checkReading(mode: string): void {
	if (process.versions.bun === undefined) return;
	throw new DhmemError(
		"DHMEM_UNSUPPORTED",
		`Bun can't open a region ${mode}: it would not see changes by others; open it in another mode, or use Node`,
	);
}

/**
 * Tells whether the shim can watch a pipe on this thread's event loop, which must be libuv's. Bun has libuv's functions,
 * but ends the process when they are called. With `DHMEM_WAKE=thread`, for tests, no runtime watches pipes.
 */
export function canWatchPipes(): boolean {
	const { bun, deno } = process.versions;
	return bun === undefined && deno === undefined && process.env.DHMEM_WAKE !== "thread";
}

/** Tells whether Deno threw this error because it lacks a permission. */
export function isDenied(error: unknown): error is Error {
	return isErrorNamed(error, "NotCapable");
}

/** Converts Deno's error to a DhmemError. */
export function denied(error: Error): DhmemError {
	// Deno names that flag also where the others would do.
	const needsAll = error.message.includes(DENO_ALL) && hasRights();
	return new DhmemError(
		"DHMEM_PERMISSION",
		`Deno does not allow this (${error.message}); run it with ${needsAll ? DENO_ALL : DENO_FLAGS}`,
		{ cause: error },
	);
}

/** Whether Deno was started with all flags that dhmem needs. */
function hasRights(): boolean {
	const { Deno: deno } = globalThis as { Deno?: DenoPermissions };
	return DENO_RIGHTS.every((name) => deno?.permissions.querySync({ name }).state === "granted");
}

/** Runs code that needs permissions of Deno. @throws DHMEM_PERMISSION */
export function withRights<T>(run: () => T): T {
	try {
		return run();
	} catch (error) {
		throw isDenied(error) ? denied(error) : error;
	}
}
