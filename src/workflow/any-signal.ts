/** A signal that follows other signals during one call. */
export interface FollowingSignal {
	readonly signal: AbortSignal;
	/** Stops following the other signals, which may live much longer. */
	release(): void;
}

/**
 * Returns a signal that aborts when the first of `signals` does. `AbortSignal.any` is not used because it
 * would leave a dependent signal per call on a signal that lives as long as the task.
 */
export function anySignal(signals: readonly (AbortSignal | undefined)[]): FollowingSignal {
	const given = signals.filter((signal) => signal !== undefined);
	const [first, ...others] = given;
	if (first !== undefined && others.length === 0) return { signal: first, release: () => {} };
	const controller = new AbortController();
	const onAbort = (event: Event) => controller.abort((event.target as AbortSignal).reason);
	for (const signal of given) {
		if (signal.aborted) controller.abort(signal.reason);
		else signal.addEventListener("abort", onAbort);
	}
	return {
		signal: controller.signal,
		release: () => {
			for (const signal of given) signal.removeEventListener("abort", onAbort);
		},
	};
}
