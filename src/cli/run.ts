import { type Command, Option } from "commander";
import { type RunOptions, runtimeNames } from "./run-options.js";

export function run(program: Command): void {
	program
		.command("run")
		.description("run the workflow that a YAML or JSON file describes")
		.argument("<file>", "the workflow file")
		.addOption(new Option("--runtime <name>", "what runs the tasks").choices(runtimeNames).default("process"))
		.option("--check", "only check the file")
		.option("--explain", "only say in plain words what would run, and how tasks communicate")
		.option("--print-env <task>", "only print the environment of a task, to start it by hand")
		.action(async (file: string, options: RunOptions) => {
			// Only now: tasks that are pipes, and containers, need nothing of it.
			const { runFile } = await import("./run-file.js");
			process.exitCode = await runFile(file, options);
		});
}
