/** Where a run keeps its files: a folder in shared memory of its own, which is gone afterwards, whatever happens. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class Scratch {
	readonly #directory = mkdtempSync("/dev/shm/dhmem-bench-");
	#places = 0;
	/** Also what stands beside it by its name: not everybody has folders. */
	readonly #remove = () => {
		const parent = dirname(this.#directory);
		for (const name of readdirSync(parent)) {
			if (!name.startsWith(basename(this.#directory))) continue;
			rmSync(join(parent, name), { recursive: true, force: true });
		}
	};

	constructor() {
		process.once("exit", this.#remove);
		// A second one must not cut short what the first one began.
		for (const signal of SIGNALS) process.on(signal, this.#onSignal);
	}

	readonly #onSignal = (_: NodeJS.Signals, number: number): void => process.exit(128 + number);

	/** A folder for one contender, empty. */
	place(): string {
		return mkdtempSync(join(this.#directory, `${++this.#places}-`));
	}

	/** Removes what one contender left. */
	remove(place: string): void {
		rmSync(place, { recursive: true, force: true });
	}

	[Symbol.dispose](): void {
		this.#remove();
		process.off("exit", this.#remove);
		for (const signal of SIGNALS) process.off(signal, this.#onSignal);
	}
}
