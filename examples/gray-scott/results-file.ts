import { appendFileSync, readFileSync, writeFileSync } from "node:fs";

/**
 * A CSV file with a line for each step, in order. A process that replaces a killed one continues the file.
 */
export class ResultsFile {
	readonly #path: string;
	readonly #header: string;
	#last: number | undefined;

	constructor(path: string, header: string) {
		this.#path = path;
		this.#header = header;
	}

	/** Starts the file again, for a new run. */
	begin(): void {
		writeFileSync(this.#path, `${this.#header}\n`);
		this.#last = 0;
	}

	/**
	 * Adds a line unless it is there. A step is delivered again if its receiver was killed before it released
	 * it.
	 */
	add(step: number, figures: string): void {
		this.#last ??= lastStepIn(this.#path);
		if (step <= this.#last) return;
		appendFileSync(this.#path, `${step},${figures}\n`);
		this.#last = step;
	}
}

function lastStepIn(path: string): number {
	const line = readFileSync(path, "utf8").trimEnd().split("\n").at(-1) ?? "";
	return Number.parseInt(line, 10) || 0;
}
