import { Argument, type Command } from "commander";
import { type ExportOptions, type FormatName, formatNames } from "./export-formats.js";

export function exportWorkflow(program: Command): void {
	program
		.command("export")
		.description("write a workflow to standard output in a format that another system runs")
		.addArgument(new Argument("<format>", "the output format").choices(formatNames))
		.argument("<file>", "the workflow file")
		.option(
			"--with-nats",
			"for Kubernetes: add a NATS server, through which the pods communicate; otherwise $DHMEM_NATS says where one is",
		)
		.action(async (format: FormatName, file: string, options: ExportOptions) => {
			const { exportFile } = await import("./export-file.js");
			exportFile(format, file, options);
		});
}
