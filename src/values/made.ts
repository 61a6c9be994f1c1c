import { DhmemError } from "../errors.js";

/**
 * Throws unless a constructor was called by dhmem itself. What it is given then is something that users don't have, so
 * `isOurs` says whether it is that.
 *
 * @param how to come by such an object
 */
export function checkMade(isOurs: boolean, what: string, how: string): void {
	if (isOurs) return;
	throw new DhmemError("DHMEM_BAD_ARGUMENT", `${what} can't be made with new; ${how}`);
}
