import type { Command } from "commander";
import { type FramingOptions, framingOptions, written } from "./framing.js";
import { withInput } from "./link-end.js";
import { writeOut } from "./write-out.js";

export function recv(program: Command): void {
	const command = program
		.command("recv")
		.description("write messages to standard output, a line each, until the stream ends")
		.argument("<queue...>", "REGION QUEUE, or inside a task an input of its own")
		.action((names: string[], options: FramingOptions) =>
			withInput(names, async (input) => {
				// Each is released when it was written: what a reader that goes away has not taken comes again.
				for await (const message of input) await writeOut(written(message, options));
			}),
		);
	framingOptions(command);
}
