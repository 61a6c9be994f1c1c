import { clearTimeout, setTimeout } from "node:timers";
import type { WaitOptions } from "../../values/arguments.js";
import { reasonOf } from "../../values/signal.js";
import { onAbort } from "../../waiting/any-signal.js";
import { LONGEST_TIMER, tooLate } from "../../waiting/timeout.js";

/** The result of `promise`, unless the wait is over before. */
export function limited<T>(
	promise: Promise<T>,
	{ timeout, signal }: WaitOptions,
	what: () => string,
): Promise<T> {
	if (timeout === undefined && signal === undefined) return promise;
	return new Promise((resolve, reject) => {
		let timer: NodeJS.Timeout | undefined;
		let stop: (() => void) | undefined;
		const settle = (act: () => void) => {
			clearTimeout(timer);
			stop?.();
			act();
		};
		promise.then(
			(value) => settle(() => resolve(value)),
			(error) => settle(() => reject(error)),
		);
		if (signal !== undefined) stop = onAbort(signal, () => settle(() => reject(reasonOf(signal))));
		if (timeout !== undefined && timeout <= LONGEST_TIMER)
			timer = setTimeout(() => settle(() => reject(tooLate(what(), timeout))), timeout);
	});
}
