import { type Command, Option } from "commander";
import type { DType } from "../values/dtypes.js";
import { asOption } from "./framing.js";

interface FilterOptions {
	in: string;
	out: string;
	as?: DType;
}

export function filter(program: Command): void {
	program
		.command("filter")
		.description(
			"run a program as a task: it reads each message of an input as a line, and each line that it prints is the answer",
		)
		.usage("--in PORT --out PORT [--as DTYPE] -- COMMAND…")
		.addOption(new Option("--in <port>", "the task's input").makeOptionMandatory())
		.addOption(new Option("--out <port>", "the task's output").makeOptionMandatory())
		.addOption(asOption())
		.argument("<command...>", "the program and its arguments, after --")
		.action(async (command: string[], { in: input, out: output, as }: FilterOptions) => {
			const { filterBy } = await import("./filtering.js");
			process.exitCode = await filterBy(command, { input, output, as });
		});
}
