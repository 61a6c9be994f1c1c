import { DhmemError } from "../errors.js";

/**
 * Throws if a user has called a constructor that only dhmem may call. Such a constructor takes an internal
 * object; `isOurs` says whether it got one.
 *
 * @param how the user gets such an object; the end of the message
 */
export function checkMade(isOurs: boolean, what: string, how: string): void {
	if (isOurs) return;
	throw new DhmemError("DHMEM_BAD_ARGUMENT", `${what} can't be created with new; ${how}`);
}
