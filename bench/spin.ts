/** Waiting in a busy loop. */

/**
 * The number of checks before a nap, about 0.1 ms. With a core for each process, any answer arrives sooner.
 */
const CHECKS = 2 ** 11;
/** The length of a nap in milliseconds. It lets other processes run if there are fewer cores. */
const NAP = 0.05;
/** The number of naps after which the peer counts as dead. */
const NAPS = 100_000;
const bed = new Int32Array(new SharedArrayBuffer(4));

/** Calls `check` until it returns something other than undefined, and returns that. */
export function spin<T>(check: () => T | undefined): T {
	for (let nap = 0; nap < NAPS; nap++) {
		for (let i = 0; i < CHECKS; i++) {
			const seen = check();
			if (seen !== undefined) return seen;
		}
		Atomics.wait(bed, 0, 0, NAP);
	}
	throw new Error("The peer does not answer");
}
