import { Region, type RegionOptions } from "dhmem";
import type { Steps } from "./steps.js";

/** What a copy uses for its part of an operation, and what it has open. */
export class VictimStage {
	readonly directory: string;
	readonly #steps: Steps;
	readonly #regions: Region[] = [];

	constructor(directory: string, steps: Steps) {
		this.directory = directory;
		this.#steps = steps;
	}

	/** Opens the region of the try. */
	open(options: RegionOptions = {}): Region {
		const region = Region.open(NAME, { size: SIZE, ...options, directory: this.directory });
		this.#regions.push(region);
		return region;
	}

	/** Remembers to close this. */
	keep(region: Region): void {
		this.#regions.push(region);
	}

	/** Runs `body` in a copy of this process, which then dies. */
	perish(body: () => void): void {
		const pid = this.#steps.fork();
		if (pid === 0) {
			body();
			this.die();
		}
		this.#steps.wait(pid);
	}

	die(): never {
		this.#steps.die();
	}

	/** Blocks the thread for this long. */
	pause(milliseconds: number): void {
		Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
	}

	close(): void {
		for (const region of this.#regions) region.close();
	}
}

/** The region of a try. */
export const NAME = "region";
export const SIZE = "8MiB";
