import type { Command } from "commander";
import type { RecordProducer } from "../queue/record-producer.js";
import type { DType, TypedArrayOf } from "../values/dtypes.js";
import { Output } from "../workflow/output.js";
import { checkRecords, type FramingOptions, framingOptions, messagesIn } from "./framing.js";
import { type Records, withOutput } from "./link-end.js";
import { standardInput } from "./standard-input.js";
import { UsageError } from "./usage-error.js";

export function send(program: Command): void {
	const command = program
		.command("send")
		.description("send each line of standard input as a message, and end the stream when the input ends")
		.argument(
			"<queue...>",
			"REGION QUEUE (created if they don't exist), or inside a task the name of one of its outputs",
		)
		.action((names: string[], options: FramingOptions) =>
			withOutput(names, (output, signal) =>
				output instanceof Output
					? sendMessages(output, options, signal)
					: sendRecords(output, options, signal),
			),
		);
	framingOptions(command);
}

async function sendMessages(output: Output, options: FramingOptions, signal: AbortSignal): Promise<void> {
	for await (const message of messagesIn(standardInput(), options, signal)) await output.send(message);
	output.end();
}

/** Sends the numbers of all lines as records. A line may have any number of them. */
async function sendRecords(
	{ end: producer, dtype }: Records<RecordProducer>,
	{ as = dtype, raw }: FramingOptions,
	signal: AbortSignal,
): Promise<void> {
	if (raw) throw new UsageError("--raw can't send to a queue of records; send lines of numbers");
	checkRecords(dtype, as);
	for await (const message of messagesIn(standardInput(), { as }, signal)) {
		for (let rest = message as TypedArrayOf<DType>; rest.length > 0; ) {
			await producer.wait();
			rest = rest.subarray(producer.pushMany(rest));
		}
	}
	producer.end();
}
