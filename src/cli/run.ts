import { type Command, Option } from "commander";
import { DhmemError } from "../errors.js";
import { directoryOf } from "../region-options.js";
import { linksOf } from "../runner/links-of.js";
import { ProcessRuntime } from "../runner/process-runtime.js";
import { Reporter } from "../runner/reporter.js";
import { Run } from "../runner/run.js";
import type { Runtime } from "../runner/runtime.js";
import { readWorkflow, type Workflow } from "../runner/workflow-file.js";
import { writeEnvironment } from "../workflow/environment.js";
import { UsageError } from "./usage-error.js";

const runtimes: Record<string, (workflow: Workflow) => Runtime> = {
	process: (workflow) => new ProcessRuntime(workflow),
};

interface RunOptions {
	runtime: string;
	check?: true;
	printEnv?: string;
}

export function run(program: Command): void {
	program
		.command("run")
		.description("run the workflow that a YAML or JSON file describes")
		.argument("<file>", "the workflow file")
		.addOption(
			new Option("--runtime <name>", "what runs the tasks").choices(Object.keys(runtimes)).default("process"),
		)
		.option("--check", "only check the file")
		.option("--print-env <task>", "only print the environment of a task, to start it by hand")
		.action(async (file: string, options: RunOptions) => {
			const workflow = load(file);
			if (options.check)
				console.log(`${file}: ${workflow.tasks.length} tasks, ${workflow.links.length} links`);
			else if (options.printEnv !== undefined) printEnvironment(workflow, options.printEnv);
			else process.exitCode = await runToEnd(workflow, options.runtime);
		});
}

function load(file: string): Workflow {
	try {
		return readWorkflow(file);
	} catch (error) {
		throw error instanceof DhmemError ? new UsageError(error.message) : error;
	}
}

async function runToEnd(workflow: Workflow, runtime: string): Promise<number> {
	const make = runtimes[runtime];
	if (make === undefined) throw new Error(`no runtime ${runtime}`);
	const running = new Run(workflow, make(workflow), new Reporter(workflow));
	const onSignal = (signal: NodeJS.Signals) => running.interrupt(signal);
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
	return running.toEnd();
}

/** For tasks that are started by hand the region has the workflow's name, so that all of them agree. */
function printEnvironment(workflow: Workflow, task: string): void {
	if (!workflow.tasks.some(({ name }) => name === task)) {
		const known = workflow.tasks.map(({ name }) => name).join(", ");
		throw new UsageError(`there is no task ${task}; there are ${known}`);
	}
	const environment = writeEnvironment({
		region: workflow.name,
		directory: directoryOf({}),
		task,
		links: linksOf(workflow, task),
		runner: undefined,
	});
	for (const [name, value] of Object.entries(environment)) console.log(`export ${name}='${value}'`);
}
