import { DhmemError } from "../errors.js";

/** A mistake in the user's arguments or files. The exit status is 2. */
export class UsageError extends Error {
	override readonly name = "UsageError";
}

/** Calls `read`, which reads something that the user wrote, and turns its errors into usage errors. */
export function fromUser<T>(read: () => T): T {
	try {
		return read();
	} catch (error) {
		throw error instanceof DhmemError ? new UsageError(error.message) : error;
	}
}
