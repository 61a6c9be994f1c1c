/** Being asked to end, by a signal: process 1 of a container gets only those that it has a handler for. */
import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Aborts a signal on SIGTERM and SIGINT. The second one of them ends the process. */
export class Interruption {
	readonly #controller = new AbortController();
	readonly #task: string;
	#status = 1;

	constructor(task: string) {
		this.#task = task;
		for (const signal of SIGNALS) process.on(signal, this.#onSignal);
	}

	get signal(): AbortSignal {
		return this.#controller.signal;
	}

	readonly #onSignal = (signal: (typeof SIGNALS)[number]): void => {
		this.#status = 128 + constants.signals[signal];
		if (this.signal.aborted) process.exit(this.#status);
		// A program that lets the reason pass has ended as it was asked to: the shell's status for that, and no stack.
		if (process.listenerCount("uncaughtException") === 0) process.on("uncaughtException", this.#onUncaught);
		this.abort(new DOMException(`Task ${this.#task} was asked to end by ${signal}`, "AbortError"));
	};

	readonly #onUncaught = (error: unknown): void => {
		if (error === this.signal.reason) process.exit(this.#status);
		console.error(error);
		process.exit(1);
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
