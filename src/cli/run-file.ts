/** The `dhmem run` command, for one file. */
import { constants } from "node:os";
import { resolve } from "node:path";
import { directoryOf } from "../attachment/region-options.js";
import { badArgument, DhmemError } from "../errors.js";
import { betweenMachines, chooseTransports } from "../runner/choose-transport.js";
import { ContainerRuntime } from "../runner/container-runtime.js";
import { explain } from "../runner/explain.js";
import { linksOf } from "../runner/links-of.js";
import { Machines } from "../runner/machines.js";
import { digestOf, partOf } from "../runner/part.js";
import { ProcessRuntime } from "../runner/process-runtime.js";
import { Reporter } from "../runner/reporter.js";
import { Run } from "../runner/run.js";
import type { Runtime } from "../runner/runtime.js";
import { readWorkflow, type Workflow } from "../runner/workflow-file.js";
import { trustOf, writeEnvironment } from "../workflow/environment.js";
import { NAME, NAME_RULE } from "../workflow/links.js";
import { readServer } from "../workflow/nats/settings.js";
import type { RunOptions, RuntimeName } from "./run-options.js";
import { fromUser, UsageError } from "./usage-error.js";

/** Milliseconds that readers of the output have for the last lines, after a signal has ended the run. */
const READER_GRACE = 1000;

/** Runs, checks or explains the workflow in the file. Returns the exit status. */
export async function runFile(file: string, options: RunOptions): Promise<number> {
	// The tasks get it, too.
	if (options.server !== undefined) process.env.DHMEM_NATS = options.server;
	const whole = fromUser(() => readWorkflow(file));
	const only = fromUser(() => ownTasks(options));
	const workflow = fromUser(() => {
		const own = only === undefined ? whole : partOf(whole, only);
		return chooseTransports(own, process.env, betweenMachines(own));
	});
	if (options.printEnv !== undefined) return printEnvironment(workflow, options.printEnv);
	const runtime = fromUser(() => runtimeOf(workflow, options.runtime));
	if (options.check) {
		console.log(
			`${file}: ${workflow.tasks.length} tasks and ${workflow.links.length} links, no mistakes found`,
		);
		return 0;
	}
	if (options.explain) {
		console.log(explain(workflow, options.runtime, without(whole, workflow)));
		return 0;
	}
	const { stopWhenStuck = false, run } = options;
	const machines = run === undefined ? undefined : fromUser(() => machinesOf(run, whole, workflow));
	return runToEnd(new Run(workflow, runtime, new Reporter(workflow), { stopWhenStuck, machines }));
}

/**
 * The tasks of this machine; undefined if it runs all of them.
 *
 * @throws DHMEM_BAD_ARGUMENT if an option is missing that a run on several machines needs
 */
function ownTasks({ server, run, only, stopWhenStuck }: RunOptions): string[] | undefined {
	if (run === undefined && only === undefined) return undefined;
	const refuse = (problem: string): never => {
		throw new DhmemError("DHMEM_BAD_ARGUMENT", problem);
	};
	const form = "dhmem run --server nats://HOST:4222 --run NAME --only TASK,TASK FILE";
	if (run === undefined) return refuse(`--only needs the run's name, the same on all machines: ${form}`);
	if (only === undefined) return refuse(`--run needs the tasks of this machine: ${form}`);
	if (server === undefined)
		return refuse(`a run on several machines needs a NATS server that all of them reach: ${form}`);
	if (!NAME.test(run)) throw badArgument("--run", run, NAME_RULE);
	if (stopWhenStuck) {
		return refuse(
			"--stop-when-stuck is for runs on one machine: the states of several arrive at different times, and prove nothing",
		);
	}
	const tasks = only.split(",").map((name) => name.trim());
	return tasks.filter((name) => name !== "").length === 0
		? refuse(`--only names no task: ${form}`)
		: tasks.filter((name) => name !== "");
}

function without(whole: Workflow, part: Workflow): string[] {
	return whole.tasks.map(({ name }) => name).filter((name) => !part.tasks.some((task) => task.name === name));
}

function machinesOf(run: string, whole: Workflow, part: Workflow): Machines {
	return new Machines({
		run,
		server: readServer(process.env),
		digest: digestOf(whole),
		tasks: whole.tasks.map(({ name }) => name),
		links: whole.links,
		ownTasks: part.tasks.map(({ name }) => name),
		ownLinks: part.links,
	});
}

function runtimeOf(workflow: Workflow, name: RuntimeName): Runtime {
	return name === "process" ? new ProcessRuntime(workflow) : new ContainerRuntime(workflow, name);
}

async function runToEnd(running: Run): Promise<number> {
	let asked = false;
	let over = false;
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.on(signal, () => {
			asked = true;
			if (over) process.exit(process.exitCode || 128 + constants.signals[signal]);
			running.interrupt(signal);
		});
	}
	// The reader of the output is gone, or the output can't be written.
	for (const stream of [process.stdout, process.stderr]) {
		stream.on("error", (error) => running.abandon(error));
	}
	try {
		return await running.toEnd();
	} finally {
		over = true;
		// Unread output keeps the process alive. After a signal it does so only for a moment.
		if (asked) setTimeout(() => process.exit(), READER_GRACE).unref();
	}
}

/**
 * Prints the environment for a task that is started by hand. All tasks agree on the region: it has the
 * workflow's name.
 */
function printEnvironment(workflow: Workflow, task: string): number {
	const spec = workflow.tasks.find(({ name }) => name === task);
	if (spec === undefined) {
		const known = workflow.tasks.map(({ name }) => name).join(", ");
		throw new UsageError(`there is no task ${task}; the tasks are ${known}`);
	}
	const environment = writeEnvironment({
		region: workflow.name,
		directory: resolve(directoryOf({})),
		task,
		links: linksOf(workflow, task),
		runner: undefined,
		permissions: workflow.region.permissions,
		size: workflow.region.size,
		// Like the folder, it comes from the caller's environment, which is the same for all tasks.
		trust: fromUser(() => trustOf(process.env)),
	});
	for (const [name, value] of Object.entries({ ...spec.environment, ...environment }))
		console.log(`export ${name}=${quoted(value)}`);
	return 0;
}

/** Quotes a text as one word for the shell. */
function quoted(value: string): string {
	return `'${value.replaceAll("'", "'\\''")}'`;
}
