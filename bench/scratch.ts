/** The folder in shared memory with a run's files. It is removed afterwards, whatever happens. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class Scratch {
	readonly #directory = mkdtempSync(`/dev/shm/dhmem-bench-${process.pid}-`);
	#places = 0;
	/**
	 * Removes the folder, and files next to it whose names begin with its name: some libraries do not support
	 * folders.
	 */
	readonly #remove = () => {
		const parent = dirname(this.#directory);
		for (const name of readdirSync(parent)) {
			if (!name.startsWith(basename(this.#directory))) continue;
			rmSync(join(parent, name), { recursive: true, force: true });
		}
	};

	constructor() {
		process.once("exit", this.#remove);
		// The listeners stay, so that a second signal does not interrupt the clean-up that the first one started.
		for (const signal of SIGNALS) process.on(signal, this.#onSignal);
	}

	readonly #onSignal = (_: NodeJS.Signals, number: number): void => process.exit(128 + number);

	/** Creates an empty folder for one contender. */
	place(): string {
		return mkdtempSync(join(this.#directory, `${++this.#places}-`));
	}

	/** Removes the folder of a contender. */
	remove(place: string): void {
		rmSync(place, { recursive: true, force: true });
	}

	[Symbol.dispose](): void {
		this.#remove();
		process.off("exit", this.#remove);
		for (const signal of SIGNALS) process.off(signal, this.#onSignal);
	}
}
