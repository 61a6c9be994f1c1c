import { format, inspect } from "node:util";
import { withRights } from "../host/engines.js";
import process from "../host/process.js";
import { Region } from "../region.js";
import { inspected } from "../values/console.js";
import { asyncDispose, dispose } from "../values/dispose.js";
import { checkMade } from "../values/made.js";
import type { Signal } from "../values/signal.js";
import { Agreement } from "./agreement.js";
import { readEnvironment, type TaskEnvironment, type Variables } from "./environment.js";
import { Input } from "./input.js";
import { Interruption } from "./interruption.js";
import { type Link, noSuchPort } from "./links.js";
import { MemoryTransport } from "./memory-transport.js";
import { NatsTransport } from "./nats/transport.js";
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
 * for await (const guess of task.input("guesses")) {
 *   await values.send(guess.as("f64").map((x) => x ** 2 - 2));
 * }
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
	readonly signal: Signal;
	/**
	 * Resolves after `close()`, when everything that the task sent and released is settled. In shared memory that
	 * is at once. A task that has links over a network keeps its process alive until then. If something could not
	 * be settled, the promise is rejected.
	 *
	 * @example
	 * ```ts
	 * task.close();
	 * await task.closed;
	 * ```
	 */
	readonly closed: Promise<void>;
	#settleClosed!: (left: Promise<void>) => void;
	#isClosed = false;
	readonly #links: TaskEnvironment["links"];
	readonly #memory: MemoryTransport;
	readonly #environment: TaskEnvironment;
	readonly #agreement: Agreement;
	#network: NatsTransport | undefined;
	readonly #interruption: Interruption;
	readonly #watch: Watch;
	readonly #inputs = new Map<string, Input>();
	readonly #outputs = new Map<string, Output>();

	private constructor(environment: TaskEnvironment) {
		const isOurs = typeof environment === "object" && environment !== null;
		checkMade(isOurs, "A Task", "call Task.fromEnvironment()");
		const { task, region, directory, links, runner, permissions, size, trust } = environment;
		this.name = task;
		this.#links = links;
		this.closed = new Promise((resolve) => {
			this.#settleClosed = resolve;
		});
		// Before the region is opened, so that a signal never ends a participant that could still clean up.
		this.#interruption = new Interruption(`Task ${task}`);
		this.signal = this.#interruption.signal;
		try {
			this.region = Region.open(region, {
				directory,
				label: task,
				permissions,
				trust,
				// A runner created the region, with the size in the workflow's file. If the region is gone, so is the
				// workflow.
				...(runner === undefined ? { mode: "open-or-create", size } : { mode: "open" }),
			});
		} catch (error) {
			this.#interruption.stop();
			throw error;
		}
		this.#environment = environment;
		this.#agreement = new Agreement(this.region, task, links);
		this.#memory = new MemoryTransport(this.region, task, runner !== undefined, this.log);
		this.#watch = new Watch(this.region, {
			runner,
			findFault: (activity) => this.#agreement.check(activity),
			onEnd: (reason) => this.#interruption.abort(reason),
			onStuck: (message) => this.log(message),
		});
	}

	/**
	 * Opens the task that the environment describes: `DHMEM_TASK`, `DHMEM_REGION`, `DHMEM_DIR`, `DHMEM_LINKS`,
	 * `DHMEM_TRANSPORT`, `DHMEM_PERMISSIONS`, `DHMEM_SIZE`, `DHMEM_TRUST`. `dhmem run` sets them, and `dhmem run --print-env`
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
	 * @example
	 * ```ts
	 * for await (const guess of task.input("guesses")) console.log(guess.as("f64")); // Float64Array(2) [ 1, 2 ]
	 * ```
	 */
	input(name: string): Input {
		return remembered(this.#inputs, name, () => {
			const links = this.#linksOf(name, "input", ({ to }) => to.task === this.name);
			const receivers = opened(links, (link) => this.#transportOf(link).receiver(link));
			for (const link of links) this.#agreement.note(link);
			return new Input(name, receivers, this.signal);
		});
	}

	/**
	 * Returns the output of this name.
	 *
	 * @throws DHMEM_NOT_FOUND if the task has no such output; DHMEM_ENDPOINT_TAKEN while another process runs
	 * this task
	 * @example
	 * ```ts
	 * await task.output("values").send(Float64Array.of(1, 2, 3));
	 * ```
	 */
	output(name: string): Output {
		return remembered(this.#outputs, name, () => {
			const links = this.#linksOf(name, "output", ({ from }) => from.task === this.name);
			const senders = opened(links, (link) => this.#transportOf(link).sender(link));
			for (const link of links) this.#agreement.note(link);
			return new Output(name, senders, this.signal);
		});
	}

	#transportOf({ transport }: Link): LinkTransport {
		const { server, runner, run = this.region.name } = this.#environment;
		if (transport !== "nats" || server === undefined) return this.#memory;
		const { region, name: task, log } = this;
		this.#network ??= new NatsTransport({ region, run, task, isRun: runner !== undefined, server, log });
		return this.#network;
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
	 *
	 * @example
	 * ```ts
	 * const task = Task.fromEnvironment();
	 * task.output("values").end();
	 * task.close();
	 * ```
	 */
	close(): void {
		if (this.#isClosed) return;
		this.#isClosed = true;
		this.#watch.stop();
		this.#interruption.stop();
		this.#agreement.leave();
		const ports = [...this.#inputs.values(), ...this.#outputs.values()];
		this.#settleClosed(this.#leave(ports.map((port) => port.close())));
	}

	async #leave(closing: readonly Promise<void>[]): Promise<void> {
		if (this.#network === undefined) {
			this.region.close();
			await Promise.all(closing);
			return;
		}
		try {
			await Promise.all(closing);
		} finally {
			await this.#network.close();
			// What was sent until now lay in the region.
			this.region.close();
		}
	}

	[dispose](): void {
		this.close();
	}

	/**
	 * Closes the task, and waits for `closed`: for `await using`.
	 *
	 * @example
	 * ```ts
	 * await using task = Task.fromEnvironment();
	 * await task.output("values").send("the last one");
	 * ```
	 */
	[asyncDispose](): Promise<void> {
		this.close();
		return this.closed;
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
function opened<T extends { close(): void | Promise<void> }>(
	links: readonly Link[],
	open: (link: Link) => T,
): T[] {
	const endpoints: T[] = [];
	try {
		for (const link of links) endpoints.push(open(link));
		return endpoints;
	} catch (error) {
		for (const endpoint of endpoints) void endpoint.close();
		throw error;
	}
}
