/** Where a run keeps its files: a folder in shared memory of its own, which is gone afterwards, whatever happens. */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

export class Scratch {
	readonly #directory = mkdtempSync("/dev/shm/dhmem-bench-");
	#places = 0;
	readonly #remove = () => rmSync(this.#directory, { recursive: true, force: true });

	constructor() {
		process.once("exit", this.#remove);
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, this.#onSignal);
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
		for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.off(signal, this.#onSignal);
	}
}
