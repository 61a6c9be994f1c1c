/** Waiting in a busy loop. */

/** Looks before a nap, about 0.1 ms: more than any answer takes on a machine that has a core for each process. */
const LOOKS = 2 ** 11;
/** Milliseconds of a nap, which lets others run on a machine that has not. */
const NAP = 0.05;
/** After so many naps the peer has died. */
const NAPS = 100_000;
const bed = new Int32Array(new SharedArrayBuffer(4));

/** What `look` gives, as soon as that is anything but undefined. */
export function spin<T>(look: () => T | undefined): T {
	for (let nap = 0; nap < NAPS; nap++) {
		for (let i = 0; i < LOOKS; i++) {
			const seen = look();
			if (seen !== undefined) return seen;
		}
		Atomics.wait(bed, 0, 0, NAP);
	}
	throw new Error("The peer does not answer");
}
