import { Argument, type Command } from "commander";

export function exportWorkflow(program: Command): void {
	program
		.command("export")
		.description("write a workflow for another system to run, to standard output")
		.addArgument(new Argument("<format>", "what for").choices(formatNames))
		.argument("<file>", "the workflow file")
		.action(async (format: FormatName, file: string) => {
			const { exportFile } = await import("./export-file.js");
			exportFile(format, file);
		});
}

export const formatNames = ["compose", "kubernetes"] as const;
export type FormatName = (typeof formatNames)[number];
