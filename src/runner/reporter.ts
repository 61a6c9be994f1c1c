/** What the user sees of a run: what tasks print, what happens to them, and how their links fare. */
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Region } from "../region.js";
import { describeEnding, type Ending, type RunningTask } from "./runtime.js";
import type { Workflow } from "./workflow-file.js";

export class Reporter {
	readonly #workflow: Workflow;
	readonly #width: number;

	constructor(workflow: Workflow) {
		this.#workflow = workflow;
		this.#width = Math.max(...workflow.tasks.map(({ name }) => name.length));
	}

	taskStarted(name: string, task: RunningTask): void {
		this.#pass(name, task.stdout, process.stdout);
		this.#pass(name, task.stderr, process.stderr);
	}

	/** Every line with the task's name before it. */
	#pass(name: string, from: Readable, to: Writable): void {
		const lines = createInterface({ input: from, crlfDelay: Number.POSITIVE_INFINITY });
		lines.on("line", (line) => to.write(`${name.padEnd(this.#width)} | ${line}\n`));
	}

	taskEnded(name: string, ending: Ending): void {
		this.note(`${name} ${describeEnding(ending)}`);
	}

	/** Something that happened. */
	note(text: string): void {
		process.stderr.write(`${this.#workflow.name}: ${text}\n`);
	}

	update(_region: Region): void {}

	finish(_region: Region): void {}
}
