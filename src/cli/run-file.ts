/** What `dhmem run` does with a file. */
import { resolve } from "node:path";
import { directoryOf } from "../region-options.js";
import { ContainerRuntime } from "../runner/container-runtime.js";
import { explain } from "../runner/explain.js";
import { linksOf } from "../runner/links-of.js";
import { ProcessRuntime } from "../runner/process-runtime.js";
import { Reporter } from "../runner/reporter.js";
import { Run } from "../runner/run.js";
import type { Runtime } from "../runner/runtime.js";
import { readWorkflow, type Workflow } from "../runner/workflow-file.js";
import { writeEnvironment } from "../workflow/environment.js";
import type { RunOptions, RuntimeName } from "./run.js";
import { fromUser, UsageError } from "./usage-error.js";

/** The status to exit with. */
export async function runFile(file: string, options: RunOptions): Promise<number> {
	const workflow = fromUser(() => readWorkflow(file));
	if (options.printEnv !== undefined) return printEnvironment(workflow, options.printEnv);
	const runtime = fromUser(() => runtimeOf(workflow, options.runtime));
	if (options.check) {
		console.log(
			`${file}: ${workflow.tasks.length} tasks and ${workflow.links.length} links, nothing is wrong`,
		);
		return 0;
	}
	if (options.explain) {
		console.log(explain(workflow, options.runtime));
		return 0;
	}
	return runToEnd(workflow, runtime);
}

function runtimeOf(workflow: Workflow, name: RuntimeName): Runtime {
	return name === "process" ? new ProcessRuntime(workflow) : new ContainerRuntime(workflow, name);
}

async function runToEnd(workflow: Workflow, runtime: Runtime): Promise<number> {
	const running = new Run(workflow, runtime, new Reporter(workflow));
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.on(signal, () => running.interrupt(signal));
	}
	// Who read what the run prints has gone, or it can't be written.
	for (const stream of [process.stdout, process.stderr]) {
		stream.on("error", (error) => running.abandon(error));
	}
	return running.toEnd();
}

/** For tasks that are started by hand: the region has the workflow's name, so that all of them agree. */
function printEnvironment(workflow: Workflow, task: string): number {
	if (!workflow.tasks.some(({ name }) => name === task)) {
		const known = workflow.tasks.map(({ name }) => name).join(", ");
		throw new UsageError(`there is no task ${task}; there are ${known}`);
	}
	const environment = writeEnvironment({
		region: workflow.name,
		directory: resolve(directoryOf({})),
		task,
		links: linksOf(workflow, task),
		runner: undefined,
		permissions: workflow.region.permissions,
	});
	for (const [name, value] of Object.entries(environment)) console.log(`export ${name}=${quoted(value)}`);
	return 0;
}

/** A word for the shell, whatever is in it. */
function quoted(value: string): string {
	return `'${value.replaceAll("'", "'\\''")}'`;
}
