import { DhmemError } from "../errors.js";

/** What the user typed or wrote is wrong: exit status 2. */
export class UsageError extends Error {
	override readonly name = "UsageError";
}

/** What the user wrote, read: what is wrong with it is a wrong call. */
export function fromUser<T>(read: () => T): T {
	try {
		return read();
	} catch (error) {
		throw error instanceof DhmemError ? new UsageError(error.message) : error;
	}
}
