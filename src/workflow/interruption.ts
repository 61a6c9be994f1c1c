/** Handles SIGTERM and SIGINT. Process 1 of a container gets only the signals for which it has a handler. */
import { constants } from "node:os";
import process from "../host/process.js";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** The reason with which waits end after SIGTERM or SIGINT. */
export class Interrupted extends Error {
	override readonly name = "AbortError";
	/** The exit status that a shell reports for a program that this signal has ended. */
	readonly status: number;

	constructor(who: string, signal: (typeof SIGNALS)[number]) {
		super(`${who} was asked to end by ${signal}`);
		this.status = 128 + constants.signals[signal];
	}
}

/** Aborts an AbortSignal on the first SIGTERM or SIGINT. The second one ends the process. */
export class Interruption {
	readonly #controller = new AbortController();
	readonly #who: string;

	/** @param who the subject of the reason's message, such as "Task steer" */
	constructor(who: string) {
		this.#who = who;
		for (const signal of SIGNALS) process.on(signal, this.#onSignal);
	}

	get signal(): AbortSignal {
		return this.#controller.signal;
	}

	readonly #onSignal = (signal: (typeof SIGNALS)[number]): void => {
		const reason = new Interrupted(this.#who, signal);
		if (this.signal.aborted) process.exit(reason.status);
		if (process.listenerCount("uncaughtException") === 0) process.on("uncaughtException", onUncaught);
		this.abort(reason);
	};

	/** Ends all waits, with this reason. */
	abort(reason: Error): void {
		this.#controller.abort(reason);
	}

	/** Stops handling signals. */
	stop(): void {
		for (const signal of SIGNALS) process.off(signal, this.#onSignal);
	}
}

/**
 * A program that does not catch the reason ends as the signal asks: with the signal's exit status, and
 * without a stack.
 */
function onUncaught(error: unknown): void {
	if (error instanceof Interrupted) process.exit(error.status);
	console.error(error);
	process.exit(1);
}
