import { reasonOf } from "../values/signal.js";

interface Followed {
	/** Called when the signal aborts. */
	readonly acts: Set<() => void>;
	readonly listener: () => void;
}

/** A signal gets one listener for everything that follows it, because Node warns of a leak at more than ten. */
const followed = new WeakMap<AbortSignal, Followed>();

/** Calls `act` when the signal aborts, or now if it has aborted. Returns a function that stops this, and never throws. */
export function onAbort(signal: AbortSignal, act: () => void): () => void {
	if (signal.aborted) {
		act();
		return () => {};
	}
	const { acts, listener } = followed.get(signal) ?? follow(signal);
	acts.add(act);
	return () => {
		if (!acts.delete(act) || acts.size > 0) return;
		followed.delete(signal);
		try {
			signal.removeEventListener("abort", listener);
		} catch {
			// A signal of the user's own class refuses. Its listener has nothing to call any more.
		}
	};
}

function follow(signal: AbortSignal): Followed {
	const acts = new Set<() => void>();
	const listener = () => {
		// An act that another one has stopped is not called: it is not in the set any more.
		for (const act of acts) act();
	};
	signal.addEventListener("abort", listener);
	followed.set(signal, { acts, listener });
	return { acts, listener };
}

/** A signal that follows other signals during one call. */
export interface FollowingSignal {
	readonly signal: AbortSignal;
	/** Stops following the other signals, which may live much longer. */
	release(): void;
}

/**
 * Returns a signal that aborts when the first of `signals` does. `AbortSignal.any` is not used because it
 * accepts only its own realm's class, and would leave a dependent signal per call on a signal that lives as
 * long as the task.
 */
export function anySignal(signals: readonly (AbortSignal | undefined)[]): FollowingSignal {
	const given = signals.filter((signal) => signal !== undefined);
	const [first, ...others] = given;
	if (first !== undefined && others.length === 0) return { signal: first, release: () => {} };
	const controller = new AbortController();
	const stops = given.map((signal) => onAbort(signal, () => controller.abort(reasonOf(signal))));
	return {
		signal: controller.signal,
		release: () => {
			for (const stop of stops) stop();
		},
	};
}
