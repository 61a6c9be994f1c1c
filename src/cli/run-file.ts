/** The `dhmem run` command, for one file. */
import { constants } from "node:os";
import { resolve } from "node:path";
import { directoryOf } from "../attachment/region-options.js";
import { chooseTransports } from "../runner/choose-transport.js";
import { ContainerRuntime } from "../runner/container-runtime.js";
import { explain } from "../runner/explain.js";
import { linksOf } from "../runner/links-of.js";
import { ProcessRuntime } from "../runner/process-runtime.js";
import { Reporter } from "../runner/reporter.js";
import { Run } from "../runner/run.js";
import type { Runtime } from "../runner/runtime.js";
import { readWorkflow, type Workflow } from "../runner/workflow-file.js";
import { trustOf, writeEnvironment } from "../workflow/environment.js";
import type { RunOptions, RuntimeName } from "./run-options.js";
import { fromUser, UsageError } from "./usage-error.js";

/** Milliseconds that readers of the output have for the last lines, after a signal has ended the run. */
const READER_GRACE = 1000;

/** Runs, checks or explains the workflow in the file. Returns the exit status. */
export async function runFile(file: string, options: RunOptions): Promise<number> {
	const workflow = fromUser(() => chooseTransports(readWorkflow(file), process.env));
	if (options.printEnv !== undefined) return printEnvironment(workflow, options.printEnv);
	const runtime = fromUser(() => runtimeOf(workflow, options.runtime));
	if (options.check) {
		console.log(
			`${file}: ${workflow.tasks.length} tasks and ${workflow.links.length} links, no mistakes found`,
		);
		return 0;
	}
	if (options.explain) {
		console.log(explain(workflow, options.runtime));
		return 0;
	}
	return runToEnd(workflow, runtime, options);
}

function runtimeOf(workflow: Workflow, name: RuntimeName): Runtime {
	return name === "process" ? new ProcessRuntime(workflow) : new ContainerRuntime(workflow, name);
}

async function runToEnd(workflow: Workflow, runtime: Runtime, options: RunOptions): Promise<number> {
	const { stopWhenStuck = false } = options;
	const running = new Run(workflow, runtime, new Reporter(workflow), { stopWhenStuck });
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
