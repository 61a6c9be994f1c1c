/** Runs a workflow: creates its region, starts its tasks, and restarts or stops them when one ends. */
import { randomBytes } from "node:crypto";
import { constants } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { publish } from "../events.js";
import { Region } from "../region.js";
import { completeRun } from "../workflow/completion.js";
import { writeEnvironment } from "../workflow/environment.js";
import { Keeper } from "../workflow/nats/pull/keeper.js";
import { type LinkSnapshot, readLinks, StuckLinks } from "../workflow/stuck.js";
import { linksOf } from "./links-of.js";
import type { Machines } from "./machines.js";
import type { Reporter } from "./reporter.js";
import { RunServer } from "./run-server.js";
import { describeEnding, type Ending, type RunningTask, type Runtime, statusOf } from "./runtime.js";
import type { TaskSpec, Workflow } from "./workflow-file.js";

/** The runner's label among the participants of the region. Tasks recognise the runner by it. */
export const RUNNER = "dhmem run";

/** Milliseconds between the signal that asks tasks to end and SIGKILL. */
const GRACE = 5000;
/**
 * Milliseconds before the first restart of a task. Each further pause is twice as long, up to the longest
 * one.
 */
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;
/** Milliseconds between checks of the links. */
const INTERVAL = 250;
/** Added to what is reported of tasks that wait. */
const ADVICE =
	"The run goes on, because these tasks may also wait for something else; otherwise end it, for example by Ctrl-C";
/** The same for a run on one machine. */
const REMEDY = ". `dhmem run --stop-when-stuck` does so by itself";

/** One run of a workflow. */
export class Run {
	readonly #workflow: Workflow;
	readonly #runtime: Runtime;
	readonly #reporter: Reporter;
	readonly #name: string;
	readonly #stopWhenStuck: boolean;
	/** The other machines of the run; undefined if there is only this one. */
	readonly #machines: Machines | undefined;
	readonly #running = new Map<string, RunningTask>();
	/** Tasks that have finished successfully and are not restarted. */
	readonly #finished = new Set<string>();
	readonly #stopping = new AbortController();
	/** The exit status of the run: that of the task that failed first, that of a signal, or 0. */
	#status = 0;
	#killing: NodeJS.Timeout | undefined;
	/** An error after which the runner itself can't continue. */
	#failure: { readonly error: unknown } | undefined;

	/**
	 * @param options `stopWhenStuck` ends the run when tasks wait only for each other or for finished ones. By default
	 * this is only reported, because a task may also wait for something that the runner doesn't know. `machines` are
	 * those of the run if the workflow is only a part of one.
	 */
	constructor(
		workflow: Workflow,
		runtime: Runtime,
		reporter: Reporter,
		{ stopWhenStuck = false, machines }: { stopWhenStuck?: boolean; machines?: Machines | undefined } = {},
	) {
		this.#workflow = workflow;
		this.#runtime = runtime;
		this.#reporter = reporter;
		this.#stopWhenStuck = stopWhenStuck;
		this.#machines = machines;
		this.#name = machines?.region ?? `${workflow.name}-${randomBytes(4).toString("hex")}`;
		machines?.listen({
			note: (text) => this.#reporter.note(text),
			stop: (message, status) => {
				this.#reporter.note(message);
				this.#status ||= status;
				this.#stop("SIGTERM");
			},
		});
	}

	/**
	 * Runs the workflow to its end, and returns the exit status.
	 *
	 * @throws after all tasks have ended: the error given to `abandon`, or DHMEM_CORRUPT or DHMEM_TRUNCATED if
	 * a task has overwritten or truncated the region; at the start: as `Region.open`
	 */
	async toEnd(): Promise<number> {
		const { size } = this.#workflow.region;
		const placement = this.#runtime.prepare(this.#name);
		const { directory, inside, permissions } = placement;
		const server = this.#machines ?? new RunServer(this.#name, this.#workflow.links);
		const note = (text: string) => this.#reporter.note(text);
		try {
			await server.prepare(note);
			using region = Region.open(this.#name, {
				mode: "create",
				lifetime: "last-close",
				label: RUNNER,
				permissions,
				directory,
				...(size === undefined ? {} : { size }),
			});
			using _keeper = server.keeping && (await Keeper.open({ ...server.keeping, region, note }));
			const stuck = new StuckLinks();
			const timer = setInterval(() => {
				const links = this.#linksIn(region);
				this.#reporter.update(links);
				const all = this.#machines?.share(links) ?? links;
				for (const message of stuck.update(all, performance.now(), this.#allFinished())) {
					publish("dhmem:stuck", () => ({ path: region.path, message }));
					if (this.#stopWhenStuck) this.#fail(message, 1);
					else this.#reporter.note(`${message}. ${ADVICE}${this.#machines === undefined ? REMEDY : ""}`);
				}
			}, INTERVAL);
			await Promise.all(this.#workflow.tasks.map((task) => this.#supervise(task, region, inside)));
			await this.#machines?.allFinished();
			clearInterval(timer);
			clearTimeout(this.#killing);
			this.#reporter.finish(this.#linksIn(region));
			this.#recover(region);
		} catch (error) {
			this.#machines?.fail(messageOf(error), 1);
			throw error;
		} finally {
			await server.clear(note);
			placement.remove();
		}
		if (this.#failure !== undefined) throw this.#failure.error;
		return this.#machines?.failure?.status ?? this.#status;
	}

	/** The tasks that have finished successfully, on whatever machine. */
	#allFinished(): ReadonlySet<string> {
		return new Set([...this.#finished, ...(this.#machines?.finished ?? [])]);
	}

	/** Recovers from killed tasks, because that removes their pipes, which lie beside the region. */
	#recover(region: Region): void {
		try {
			region.recover();
		} catch (error) {
			this.abandon(error);
		}
	}

	/** Reads the state of the links. If that fails, abandons the run and returns none. */
	#linksIn(region: Region): LinkSnapshot[] {
		try {
			return readLinks(region);
		} catch (error) {
			this.abandon(error);
			return [];
		}
	}

	/**
	 * Stops all tasks because the runner itself can't continue. `toEnd` throws `error` after they have ended.
	 */
	abandon(error: unknown): void {
		this.#failure ??= { error };
		this.#machines?.fail(messageOf(error), 1);
		this.#stop("SIGTERM");
	}

	/** Passes a signal on to all tasks. A second signal kills them at once. */
	interrupt(signal: NodeJS.Signals): void {
		if (this.#stopping.signal.aborted) {
			this.#killAll("SIGKILL");
			return;
		}
		this.#reporter.note(`${signal}: asking all tasks to end`);
		const status = 128 + constants.signals[signal];
		this.#status ||= status;
		this.#machines?.fail(`${signal} has ended the run`, status);
		// Tasks handle SIGTERM and tidy up. SIGHUP would end them at once, or not at all if they are process 1 of
		// a container.
		this.#stop(signal === "SIGHUP" ? "SIGTERM" : signal);
	}

	async #supervise(task: TaskSpec, region: Region, directory: string): Promise<void> {
		try {
			await this.#runToEnd(task, region, directory);
		} catch (error) {
			this.abandon(error);
		}
	}

	/** Starts a task, and restarts it as its policy says, until it is not restarted any more. */
	async #runToEnd(task: TaskSpec, region: Region, directory: string): Promise<void> {
		const environment = writeEnvironment({
			region: this.#name,
			directory,
			task: task.name,
			links: linksOf(this.#workflow, task.name),
			runner: RUNNER,
			run: this.#machines?.run,
			permissions: undefined,
		});
		for (let attempt = 0; ; attempt++) {
			if (this.#stopping.signal.aborted) return;
			const ending = await this.#once(task, environment, attempt);
			if (this.#stopping.signal.aborted) {
				this.#reporter.taskEnded(task.name, ending);
				return;
			}
			if (!mayRestart(task, ending, attempt)) {
				if (statusOf(ending) === 0) {
					this.#finished.add(task.name);
					this.#machines?.taskFinished(task.name);
					this.#reporter.taskEnded(task.name, ending);
				} else this.#fail(failureOf(task, ending, attempt), statusOf(ending));
				return;
			}
			if (statusOf(ending) === 0) completeRun(region, task.name, this.#workflow.links);
			this.#reporter.note(
				`${task.name} ${describeEnding(ending)}; restarting it (${attempt + 1} of ${task.restarts})`,
			);
			const pause = Math.min(FIRST_PAUSE * 2 ** attempt, LONGEST_PAUSE);
			await sleep(pause, undefined, { signal: this.#stopping.signal }).catch(() => {});
		}
	}

	async #once(task: TaskSpec, environment: Record<string, string>, attempt: number): Promise<Ending> {
		const running = this.#runtime.start(task, environment, attempt);
		this.#running.set(task.name, running);
		this.#reporter.taskStarted(task.name, running);
		const ending = await running.ended;
		this.#running.delete(task.name);
		return ending;
	}

	#fail(message: string, status: number): void {
		this.#reporter.note(message);
		this.#status ||= status;
		this.#machines?.fail(message, status);
		this.#stop("SIGTERM");
	}

	#stop(signal: NodeJS.Signals): void {
		if (this.#stopping.signal.aborted) return;
		this.#stopping.abort();
		this.#killAll(signal);
		this.#killing ??= setTimeout(() => this.#killAll("SIGKILL"), GRACE);
	}

	#killAll(signal: NodeJS.Signals): void {
		for (const task of this.#running.values()) task.kill(signal);
	}
}

function mayRestart({ restart, restarts }: TaskSpec, ending: Ending, attempt: number): boolean {
	if (attempt >= restarts || ending.kind === "not started") return false;
	return restart === "always" || (restart === "on-failure" && statusOf(ending) !== 0);
}

function failureOf({ name, restart, restarts }: TaskSpec, ending: Ending, attempt: number): string {
	const tried = restart !== "no" && attempt >= restarts ? ` after ${attempt} restarts` : "";
	return `${name} ${describeEnding(ending)}${tried}; stopping the others`;
}

function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
