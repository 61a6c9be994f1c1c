import { type Command, InvalidArgumentError, Option } from "commander";
import { localStruct } from "../memory/struct-view.js";
import type { RecordConsumer } from "../queue/record-consumer.js";
import { type DType, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import { Input } from "../workflow/input.js";
import {
	checkNoBlock,
	checkRecords,
	checkStructs,
	type FramingOptions,
	framingOptions,
	structLine,
	written,
	writtenRecords,
} from "./framing.js";
import { type Records, type Structs, withInput } from "./link-end.js";
import { writePeeked } from "./peek.js";
import { writeOut } from "./write-out.js";

export interface RecvOptions extends FramingOptions {
	create?: true;
	count?: number;
	/** Milliseconds. */
	timeout?: number;
	peek?: true;
}

/** The largest number of records that are written at once. */
const RECORDS = 4096;

export function recv(program: Command): void {
	const command = program
		.command("recv")
		.description("receive messages and write each as a line to standard output, until the stream ends")
		.argument("<queue...>", "REGION QUEUE, or inside a task the name of one of its inputs")
		.option("--create", "create the region and the queue if they don't exist, and wait for a sender")
		.option("--count <messages>", "stop after this many messages or records", parseCount)
		.option("--timeout <milliseconds>", "fail if nothing arrives for this long", parseTimeout)
		.addOption(
			new Option("--peek", "write what waits in the queue now, without receiving it").conflicts([
				"create",
				"timeout",
			]),
		)
		.action((names: string[], options: RecvOptions) =>
			options.peek
				? writePeeked(names, options)
				: withInput(names, options.create ?? false, (input, signal) =>
						input instanceof Input
							? writeMessages(input, options, signal)
							: "schema" in input
								? writeStructs(input, options, signal)
								: writeRecords(input, options, signal),
					),
		);
	framingOptions(command);
}

function parseCount(text: string): number {
	const count = Number(text);
	if (Number.isSafeInteger(count) && count > 0) return count;
	throw new InvalidArgumentError("It must be a whole number, 1 or more.");
}

function parseTimeout(text: string): number {
	const milliseconds = Number(text);
	if (text.trim() !== "" && milliseconds >= 0) return milliseconds;
	throw new InvalidArgumentError("It must be a number of milliseconds, 0 or more.");
}

async function writeMessages(
	input: Input,
	{ count = Number.POSITIVE_INFINITY, timeout, ...framing }: RecvOptions,
	signal: AbortSignal,
): Promise<void> {
	for (let number = 0; number < count; number++) {
		const message = await input.receive({ timeout });
		if (message === undefined) return;
		checkNoBlock(message, `message ${number + 1}`);
		for (const piece of written(message.bytes, framing)) await writeOut(piece, signal);
		// Released only now, so that a message that could not be written is delivered again.
		message.release();
	}
}

async function writeRecords(
	{ end: consumer, dtype }: Records<RecordConsumer>,
	{ count = Number.POSITIVE_INFINITY, timeout, as, raw }: RecvOptions,
	signal: AbortSignal,
): Promise<void> {
	checkRecords(dtype, as);
	const size = Math.min(RECORDS, count);
	let left = count;
	while (left > 0 && (await consumer.wait({ timeout }))) {
		const records = ofLength(dtype, Math.min(size, left));
		const there = consumer.peekInto(records);
		await writeOut(writtenRecords(records.subarray(0, there), raw), signal);
		consumer.discard(there);
		left -= there;
	}
}

/** Writes each struct as a line of JSON. */
async function writeStructs(
	{ end: consumer, schema }: Structs,
	{ count = Number.POSITIVE_INFINITY, timeout, as, raw }: RecvOptions,
	signal: AbortSignal,
): Promise<void> {
	checkStructs(as, raw);
	const { struct, bytes } = localStruct(schema);
	for (let left = count; left > 0 && (await consumer.wait({ timeout })); left--) {
		consumer.peekInto(bytes);
		await writeOut(structLine(struct), signal);
		consumer.discard(1);
	}
}

function ofLength(dtype: DType, length: number): TypedArrayOf<DType> {
	return typedArray(dtype, new SharedArrayBuffer(8 * length), 0, length);
}
