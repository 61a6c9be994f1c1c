import { DhmemError } from "../errors.js";

/** The longest time of a timer, in milliseconds. A longer timeout means no timer. */
export const LONGEST_TIMER = 2 ** 31 - 1;

/** @param advice what to do, or why no result arrived, if that is known */
export function tooLate(
	what: string,
	timeout: number,
	advice = "allow more time, or check that the other side is running",
): DhmemError {
	return new DhmemError("DHMEM_TIMEOUT", `Waited ${timeout} ms for ${what}; ${advice}`);
}
