/** Messages as text, and text as messages: how `send` and `recv` speak with programs that know nothing of dhmem. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { type Command, Option } from "commander";
import { bytesPer, type DType, dtypes, type TypedArrayOf, typedArray } from "../dtypes.js";
import type { Message } from "../message.js";
import type { Sendable } from "../producer.js";
import { UsageError } from "./usage-error.js";

export interface FramingOptions {
	as?: DType;
	raw?: true;
}

/** Adds the options to a command. */
export function framingOptions(command: Command): Command {
	return command
		.addOption(
			new Option("--as <dtype>", "a line of numbers for each message").choices(dtypes).conflicts("raw"),
		)
		.addOption(new Option("--raw", "bytes, without anything between messages"));
}

/** The messages in a stream; when `signal` aborts while nothing comes, its reason is thrown. */
export async function* messagesIn(
	stream: Readable,
	{ as, raw }: FramingOptions,
	signal: AbortSignal,
): AsyncGenerator<Sendable> {
	signal.throwIfAborted();
	const onAbort = () => stream.destroy(signal.reason);
	signal.addEventListener("abort", onAbort, { once: true });
	if (raw) {
		yield* stream as AsyncIterable<Buffer>;
		return;
	}
	let number = 0;
	for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
		number++;
		yield as === undefined ? line : numbersIn(line, as, number);
	}
	// To readline a stream that failed is one that has ended.
	if (stream.errored) throw stream.errored;
}

/** The numbers in a line, as other languages write them. */
function numbersIn(line: string, dtype: DType, number: number): TypedArrayOf<DType> {
	const words = line.split(/[\s,]+/).filter((word) => word !== "");
	const numbers = typedArray(dtype, new SharedArrayBuffer(words.length * bytesPer(dtype)), 0, words.length);
	for (const [i, word] of words.entries()) {
		const value = numberIn(word, dtype);
		if (value !== undefined) numbers[i] = value;
		// An integer that does not fit would be stored as another one.
		const isStored = value !== undefined && (dtype.startsWith("f") || numbers[i] === value);
		if (!isStored)
			throw new UsageError(`line ${number} of standard input: ${word} is not a number of type ${dtype}`);
	}
	return numbers;
}

function numberIn(word: string, dtype: DType): number | bigint | undefined {
	if (dtype === "i64" || dtype === "u64")
		return /^[+-]?\d+$/.test(word) ? BigInt(word.replace(/^\+/, "")) : undefined;
	if (/^[+-]?nan$/i.test(word)) return Number.NaN;
	if (/^[+-]?inf(inity)?$/i.test(word)) return word.startsWith("-") ? -Infinity : Infinity;
	const value = Number(word);
	return Number.isNaN(value) ? undefined : value;
}

/** A message as it goes to a stream. */
export function written(message: Message, { as, raw }: FramingOptions): string | Uint8Array {
	// Node's streams don't take views over shared memory.
	if (raw) return message.bytes.slice();
	return as === undefined ? `${message.text()}\n` : `${message.as(as).join(" ")}\n`;
}
