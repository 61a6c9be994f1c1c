import { format, inspect } from "node:util";
import { withRights } from "../host/engines.js";
import process from "../host/process.js";
import { Region } from "../region.js";
import { inspected } from "../values/console.js";
import { dispose } from "../values/dispose.js";
import { checkMade } from "../values/made.js";
import { readEnvironment, type TaskEnvironment, type Variables } from "./environment.js";
import { Input } from "./input.js";
import { Interruption } from "./interruption.js";
import { type Link, noSuchPort } from "./links.js";
import { MemoryTransport } from "./memory-transport.js";
import { Output } from "./output.js";
import type { LinkTransport } from "./transport.js";
import { Watch } from "./watch.js";

/**
 * One task of a workflow, with its named inputs and outputs. The environment says how they are connected, so
 * the program is the same as a single process, in a container, or spread over many.
 *
 * @example
 * ```ts
 * using task = Task.fromEnvironment();
 * const values = task.output("values");
 * for await (const guess of task.input("guesses")) await values.send(evaluate(guess.as("f64")));
 * values.end();
 * ```
 */
export class Task {
	/** The task's name, unique in the workflow. */
	readonly name: string;
	/** The memory that the tasks share. */
	readonly region: Region;
	/**
	 * Aborted by SIGTERM and SIGINT, and when the `dhmem run` that started the task is gone. All waits of the
	 * task's inputs and outputs then end with the signal's reason.
	 */
	readonly signal: AbortSignal;
	readonly #links: TaskEnvironment["links"];
	readonly #transport: LinkTransport;
	readonly #interruption: Interruption;
	readonly #watch: Watch;
	readonly #inputs = new Map<string, Input>();
	readonly #outputs = new Map<string, Output>();

	private constructor(environment: TaskEnvironment) {
		const isOurs = typeof environment === "object" && environment !== null;
		checkMade(isOurs, "A Task", "call Task.fromEnvironment()");
		const { task, region, directory, links, runner, permissions, trust } = environment;
		this.name = task;
		this.#links = links;
		this.region = Region.open(region, {
			directory,
			label: task,
			permissions,
			trust,
			// The runner created the region. If the region is gone, so is the workflow.
			mode: runner === undefined ? "open-or-create" : "open",
		});
		this.#interruption = new Interruption(`Task ${task}`);
		this.signal = this.#interruption.signal;
		this.#transport = new MemoryTransport(this.region, task, runner !== undefined, this.log);
		this.#watch = new Watch(this.region, {
			runner,
			onRunnerGone: (reason) => this.#interruption.abort(reason),
			onStuck: (message) => this.log(message),
		});
	}

	/**
	 * Opens the task that the environment describes: `DHMEM_TASK`, `DHMEM_REGION`, `DHMEM_DIR`, `DHMEM_LINKS`,
	 * `DHMEM_TRANSPORT`, `DHMEM_PERMISSIONS`, `DHMEM_TRUST`. `dhmem run` sets them, and `dhmem run --print-env`
	 * shows them.
	 *
	 * @param variables used instead of `process.env`
	 * @throws DHMEM_NOT_FOUND, DHMEM_BAD_ARGUMENT or DHMEM_UNSUPPORTED for a missing or wrong variable, which
	 * the message names; as `Region.open`
	 * @example
	 * ```ts
	 * using task = Task.fromEnvironment();
	 * ```
	 */
	static fromEnvironment(variables: Variables = process.env): Task {
		return withRights(() => new Task(readEnvironment(variables)));
	}

	/**
	 * Returns the input of this name.
	 *
	 * @throws DHMEM_NOT_FOUND if the task has no such input; DHMEM_ENDPOINT_TAKEN while another process runs
	 * this task
	 */
	input(name: string): Input {
		return remembered(this.#inputs, name, () => {
			const links = this.#linksOf(name, "input", ({ to }) => to.task === this.name);
			const receivers = opened(links, (link) => this.#transport.receiver(link));
			return new Input(name, receivers, this.signal);
		});
	}

	/**
	 * Returns the output of this name.
	 *
	 * @throws DHMEM_NOT_FOUND if the task has no such output; DHMEM_ENDPOINT_TAKEN while another process runs
	 * this task
	 */
	output(name: string): Output {
		return remembered(this.#outputs, name, () => {
			const links = this.#linksOf(name, "output", ({ from }) => from.task === this.name);
			const senders = opened(links, (link) => this.#transport.sender(link));
			return new Output(name, senders, this.signal);
		});
	}

	#linksOf(name: string, what: "input" | "output", isOurs: (link: Link) => boolean): Link[] {
		const ours = this.#links.filter(({ link }) => isOurs(link));
		const found = ours.filter(({ local }) => local === name);
		if (found.length > 0) return found.map(({ link }) => link);
		throw noSuchPort(what, name, this.name, [...new Set(ours.map(({ local }) => local))]);
	}

	/**
	 * Writes a line to standard error, with the time and the task's name. Formats its arguments like
	 * `console.log`.
	 */
	readonly log = (...data: unknown[]): void => {
		process.stderr.write(`${new Date().toISOString()} ${this.name}: ${format(...data)}\n`);
	};

	/**
	 * Leaves the workflow. A successor can take the inputs and outputs then. This does not end the outputs;
	 * call `end()` for that.
	 */
	close(): void {
		this.#watch.stop();
		this.#interruption.stop();
		for (const input of this.#inputs.values()) input.close();
		for (const output of this.#outputs.values()) output.close();
		this.region.close();
	}

	[dispose](): void {
		this.close();
	}

	/** @internal */
	[inspect.custom](): string {
		return inspected("Task", () => ({ name: this.name, region: this.region.path }));
	}
}

function remembered<T>(known: Map<string, T>, name: string, make: () => T): T {
	const value = known.get(name) ?? make();
	known.set(name, value);
	return value;
}

/** Opens an endpoint for each link. If one fails, closes those that were opened before. */
function opened<T extends { close(): void }>(links: readonly Link[], open: (link: Link) => T): T[] {
	const endpoints: T[] = [];
	try {
		for (const link of links) endpoints.push(open(link));
		return endpoints;
	} catch (error) {
		for (const endpoint of endpoints) endpoint.close();
		throw error;
	}
}
