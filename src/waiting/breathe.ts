import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers";

/** Milliseconds for which a loop that never has to wait may occupy the event loop. */
const TURN = 5;

let calls = 0;
let turnStarted = 0;

/**
 * For loops that never have to wait: returns a promise now and then, so that timers and other work get their
 * turn.
 */
export function breathe(): Promise<void> | undefined {
	if ((++calls & 31) !== 0) return undefined;
	if (performance.now() - turnStarted < TURN) return undefined;
	return new Promise((resolve) => {
		setImmediate(() => {
			turnStarted = performance.now();
			resolve();
		});
	});
}
