/** Being asked to end, by a signal: process 1 of a container gets only those that it has a handler for. */
import { constants } from "node:os";
import process from "../host/process.js";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Why waits end when the process is asked to. */
export class Interrupted extends Error {
	override readonly name = "AbortError";
	/** What a shell says of a program that the signal has ended. */
	readonly status: number;

	constructor(who: string, signal: (typeof SIGNALS)[number]) {
		super(`${who} was asked to end by ${signal}`);
		this.status = 128 + constants.signals[signal];
	}
}

/** Aborts a signal on SIGTERM and SIGINT. The second one of them ends the process. */
export class Interruption {
	readonly #controller = new AbortController();
	readonly #who: string;

	/** @param who for the reason */
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

	/** Leaves signals to the process again. */
	stop(): void {
		for (const signal of SIGNALS) process.off(signal, this.#onSignal);
	}
}

/** A program that lets the reason pass has ended as it was asked to: with the status for that, and without a stack. */
function onUncaught(error: unknown): void {
	if (error instanceof Interrupted) process.exit(error.status);
	console.error(error);
	process.exit(1);
}
