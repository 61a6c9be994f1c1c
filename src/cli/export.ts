import { Argument, type Command } from "commander";
import { type FormatName, formatNames } from "./export-formats.js";

export function exportWorkflow(program: Command): void {
	program
		.command("export")
		.description("write a workflow to standard output in a format that another system runs")
		.addArgument(new Argument("<format>", "the output format").choices(formatNames))
		.argument("<file>", "the workflow file")
		.action(async (format: FormatName, file: string) => {
			const { exportFile } = await import("./export-file.js");
			exportFile(format, file);
		});
}
