/** Messages as text, and text as messages: how commands speak with programs that know nothing of dhmem. */
import { constants, isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { type Command, Option } from "commander";
import { DhmemError } from "../errors.js";
import type { Sendable } from "../queue/producer.js";
import { bytesPer, type DType, dtypes, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import { UsageError } from "./usage-error.js";

export interface FramingOptions {
	as?: DType | undefined;
	raw?: true | undefined;
}

/** Adds the options to a command. */
export function framingOptions(command: Command): Command {
	return command
		.addOption(asOption().conflicts("raw"))
		.addOption(new Option("--raw", "bytes, without anything between messages"));
}

export function asOption(): Option {
	return new Option("--as <dtype>", "a line of numbers for each message").choices(dtypes);
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
	const messageOf = (line: Buffer) => {
		const where = `line ${++number} of standard input`;
		if (!isUtf8(line)) throw new UsageError(`${where} is not UTF-8; send bytes as they are with --raw`);
		return messageIn(line, as, where);
	};
	const lines = linesIn(stream);
	let next = await lines.next();
	for (; !next.done; next = await lines.next()) yield messageOf(next.value);
	if (next.value.length > 0) yield messageOf(next.value);
}

/** The lines of a stream, without the line feed that ends each, and nothing else does; at last what no line feed ends. */
export async function* linesIn(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer, Buffer> {
	let rest: Buffer[] = [];
	for await (const chunk of stream) {
		let from = 0;
		for (let at = chunk.indexOf("\n"); at >= 0; at = chunk.indexOf("\n", from)) {
			yield Buffer.concat([...rest, chunk.subarray(from, at)]);
			rest = [];
			from = at + 1;
		}
		if (from < chunk.length) rest.push(chunk.subarray(from));
	}
	return Buffer.concat(rest);
}

/**
 * The message that a line of UTF-8 is.
 *
 * @param where the line is, for messages
 * @throws UsageError for what is no number of the dtype
 */
export function messageIn(line: Buffer, as: DType | undefined, where: string): Sendable {
	if (as === undefined) return line;
	if (line.length > constants.MAX_STRING_LENGTH)
		throw new UsageError(`${where} has ${line.length} bytes, too many to be read as numbers; split it`);
	return numbersIn(line.toString(), as, where);
}

/** The numbers in a line, as other languages write them. */
function numbersIn(line: string, dtype: DType, where: string): TypedArrayOf<DType> {
	const words = line.split(/[\s,]+/).filter((word) => word !== "");
	const numbers = typedArray(dtype, new SharedArrayBuffer(words.length * bytesPer(dtype)), 0, words.length);
	for (const [i, word] of words.entries()) {
		const value = numberIn(word, dtype);
		if (value !== undefined) numbers[i] = value;
		// An integer that does not fit would be stored as another one.
		const isStored = value !== undefined && (dtype.startsWith("f") || numbers[i] === value);
		if (!isStored) throw new UsageError(`${where}: ${word} is not a number of type ${dtype}`);
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

/** Messages of up to so many bytes are written at once, with the end of their line. */
const SMALL = 65_536;
/** Numbers that become text at once: all of a message can be more than a string holds. */
const NUMBERS = 4096;

/** A message as it goes to a stream, piece by piece. */
export function* written(message: Uint8Array, { as, raw }: FramingOptions): Generator<string | Uint8Array> {
	const { length } = message;
	if (as !== undefined) {
		yield* lineOf(numbersOf(message, as));
	} else if (raw || length > SMALL) {
		yield message;
		if (!raw) yield "\n";
	} else {
		const line = new Uint8Array(length + 1);
		line.set(message);
		line[length] = 10;
		yield line;
	}
}

function numbersOf({ buffer, byteOffset, length }: Uint8Array, dtype: DType): TypedArrayOf<DType> {
	const size = bytesPer(dtype);
	if (length % size === 0) return typedArray(dtype, buffer as SharedArrayBuffer, byteOffset, length / size);
	throw new DhmemError(
		"DHMEM_TYPE_MISMATCH",
		`A message of ${length} bytes is no whole number of ${dtype}; choose another --as, or --raw`,
	);
}

/** A line of numbers. */
function* lineOf(numbers: TypedArrayOf<DType>): Generator<string> {
	for (let at = 0; at < numbers.length; at += NUMBERS) {
		yield (at === 0 ? "" : " ") + numbers.subarray(at, at + NUMBERS).join(" ");
	}
	yield "\n";
}

/** Records as they go to a stream: a line each, or their bytes. */
export function writtenRecords(records: TypedArrayOf<DType>, raw?: true): string | Uint8Array {
	if (!raw) return `${records.join("\n")}\n`;
	return new Uint8Array(records.buffer, records.byteOffset, records.byteLength);
}

/** @throws UsageError if `as` is given and another dtype than that of the queue's records */
export function checkRecords(dtype: DType, as: DType = dtype): void {
	if (as !== dtype) throw new UsageError(`the queue has records of ${dtype}, which can't be taken for ${as}`);
}
