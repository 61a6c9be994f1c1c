import { type Command, Option } from "commander";
import { type RunOptions, runtimeNames } from "./run-options.js";

export function run(program: Command): void {
	program
		.command("run")
		.description("run the workflow that a YAML or JSON file describes")
		.argument("<file>", "the workflow file")
		.addOption(
			new Option("--runtime <name>", "how to run the tasks").choices(runtimeNames).default("process"),
		)
		.option("--check", "only check the file")
		.option("--explain", "only explain in plain words what would run, and how the tasks communicate")
		.option("--print-env <task>", "only print the environment of a task, for starting it by hand")
		.option(
			"--stop-when-stuck",
			"end the run when tasks wait only for each other, which is otherwise only reported",
		)
		.option("--server <address>", "the NATS server for links over a network, instead of $DHMEM_NATS")
		.option("--run <name>", "on several machines: the name of this run, the same on all of them")
		.option("--only <tasks>", "on several machines: the tasks of this one, with commas between them")
		.action(async (file: string, options: RunOptions) => {
			// Loaded only when needed: commands inside tasks and containers start faster without it.
			const { runFile } = await import("./run-file.js");
			process.exitCode = await runFile(file, options);
		});
}
