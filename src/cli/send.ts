import type { Command } from "commander";
import { type FramingOptions, framingOptions, messagesIn } from "./framing.js";
import { withOutput } from "./link-end.js";

export function send(program: Command): void {
	const command = program
		.command("send")
		.description("send standard input as messages, a line each, and end the stream with it")
		.argument("<queue...>", "REGION QUEUE, or inside a task an output of its own")
		.action((names: string[], options: FramingOptions) =>
			withOutput(names, async (output, signal) => {
				for await (const message of messagesIn(process.stdin, options, signal)) await output.send(message);
				output.end();
			}),
		);
	framingOptions(command);
}
