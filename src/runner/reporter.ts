/** Shows a run to the user: the output of its tasks, their starts and ends, and the state of their links. */
import type { Readable, Writable } from "node:stream";
import { createLogUpdate } from "log-update";
import { formatSize } from "../terminal/format-size.js";
import { figure, table } from "../terminal/table.js";
import { linkName } from "../workflow/links.js";
import type { LinkSnapshot } from "../workflow/stuck.js";
import { eachLine } from "./lines.js";
import { describeEnding, type Ending, type RunningTask } from "./runtime.js";
import type { Workflow } from "./workflow-file.js";

/** In the place of a figure that only the runner of another machine knows. */
const ELSEWHERE = "";

/**
 * Prints lines as they arrive. On a terminal, it also shows the current state of the tasks and links below
 * them.
 */
export class Reporter {
	readonly #workflow: Workflow;
	readonly #width: number;
	readonly #states: Map<string, string>;
	readonly #draw = process.stderr.isTTY ? createLogUpdate(process.stderr) : undefined;
	/** The outputs of tasks that are paused until the runner's own output is read. */
	readonly #held = new Map<Writable, Set<Readable>>();
	#picture = "";

	constructor(workflow: Workflow) {
		this.#workflow = workflow;
		this.#width = Math.max(...workflow.tasks.map(({ name }) => name.length));
		this.#states = new Map(workflow.tasks.map(({ name }) => [name, "not started"]));
		for (const to of [process.stdout, process.stderr]) {
			const held = new Set<Readable>();
			const release = () => {
				for (const from of held) from.resume();
				held.clear();
			};
			this.#held.set(to, held);
			to.on("drain", release).on("error", release);
		}
	}

	taskStarted(name: string, task: RunningTask): void {
		this.#states.set(name, "running");
		this.#pass(name, task.stdout, process.stdout);
		this.#pass(name, task.stderr, process.stderr);
	}

	/** Prints every line with the task's name in front of it. */
	#pass(name: string, from: Readable, to: Writable): void {
		eachLine(from, (line) => {
			const hasRoom = this.#print(`${name.padEnd(this.#width)} | ${line}`, to);
			if (hasRoom || !to.writable) return;
			from.pause();
			this.#held.get(to)?.add(from);
		});
	}

	taskEnded(name: string, ending: Ending): void {
		this.#states.set(name, describeEnding(ending));
		this.note(`${name} ${describeEnding(ending)}`);
	}

	/** Reports an event. */
	note(text: string): void {
		this.#print(`${this.#workflow.name}: ${text}`, process.stderr);
	}

	/** Prints a line. Returns false if the stream's buffer is full. */
	#print(line: string, to: Writable): boolean {
		this.#draw?.clear();
		const hasRoom = to.write(`${line}\n`);
		this.#draw?.(this.#picture);
		return hasRoom;
	}

	/** Shows the current state of the links. */
	update(links: readonly LinkSnapshot[]): void {
		// While the output is not read, further pictures would only pile up.
		if (this.#draw === undefined || process.stderr.writableNeedDrain) return;
		const tasks = Array.from(this.#states, ([name, state]) => `${name} ${state}`).join(", ");
		this.#picture = `\n${tasks}\n${this.#linkTable(this.#inOrder(links))}`;
		this.#draw(this.#picture);
	}

	/** Returns the links in the order of the file. */
	#inOrder(links: readonly LinkSnapshot[]): LinkSnapshot[] {
		const order = this.#workflow.links.map(linkName);
		return [...links].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
	}

	/** Shows the final state of the links. */
	finish(links: readonly LinkSnapshot[]): void {
		if (this.#draw !== undefined) {
			this.update(links);
			this.#draw.done();
			return;
		}
		for (const link of this.#inOrder(links)) this.note(`${link.name}: ${this.#summary(link)}`);
	}

	#linkTable(links: readonly LinkSnapshot[]): string {
		return table(
			["link", "sent", "received", "waiting", "dropped", "bytes"],
			links.map(({ name, from, to, sent, received, depth, dropped, bytes }) => {
				const [sends, receives] = [this.#states.has(from), this.#states.has(to)];
				return [
					name,
					sends ? sent : ELSEWHERE,
					receives ? received : ELSEWHERE,
					sends && receives ? depth : ELSEWHERE,
					dropped,
					sends ? figure(formatSize(bytes)) : ELSEWHERE,
				];
			}),
			{ width: process.stderr.columns || Number.POSITIVE_INFINITY },
		);
	}

	/** Of a link to another machine, this runner knows one half. */
	#summary({ from, to, sent, received, dropped, bytes }: LinkSnapshot): string {
		const parts = [
			...(this.#states.has(from) ? [`${sent} messages sent (${formatSize(bytes)} in total)`] : []),
			...(this.#states.has(to) ? [`${received}${this.#states.has(from) ? "" : " messages"} received`] : []),
			...(dropped > 0 ? [`${dropped} dropped`] : []),
		];
		return parts.join(", ");
	}
}
