/** Turns messages into text and text into messages, for programs that know nothing of dhmem. */
import { constants, isUtf8 } from "node:buffer";
import type { Readable } from "node:stream";
import { type Command, Option } from "commander";
import { DhmemError } from "../errors.js";
import type { Message } from "../queue/message.js";
import type { Sendable } from "../queue/sendable.js";
import { bytesPer, type DType, dtypes, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import type { Struct } from "../values/schema.js";
import { UsageError } from "./usage-error.js";

export interface FramingOptions {
	as?: DType | undefined;
	raw?: true | undefined;
}

/** Adds the options to a command. */
export function framingOptions(command: Command): Command {
	return command
		.addOption(asOption().conflicts("raw"))
		.addOption(new Option("--raw", "plain bytes, with nothing between messages"));
}

export function asOption(): Option {
	return new Option("--as <dtype>", "each message is a line of numbers of this type").choices(dtypes);
}

/** Reads messages from a stream. If `signal` aborts while it waits, its reason is thrown. */
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
		if (!isUtf8(line)) throw new UsageError(`${where} is not UTF-8; use --raw to send plain bytes`);
		return messageIn(line, as, where);
	};
	const lines = linesIn(stream);
	let next = await lines.next();
	for (; !next.done; next = await lines.next()) yield messageOf(next.value);
	if (next.value.length > 0) yield messageOf(next.value);
}

/**
 * Reads the lines of a stream, without their line feeds; only a line feed ends a line. Returns the unfinished
 * rest.
 */
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
 * Turns a line of UTF-8 into a message.
 *
 * @param where how error messages name the line
 * @throws UsageError for a word that is not a number of the dtype
 */
export function messageIn(line: Buffer, as: DType | undefined, where: string): Sendable {
	if (as === undefined) return line;
	if (line.length > constants.MAX_STRING_LENGTH)
		throw new UsageError(`${where} has ${line.length} bytes, too many to be read as numbers; split it`);
	return numbersIn(line.toString(), as, where);
}

/** Parses the numbers in a line, in the notations of common languages. */
function numbersIn(line: string, dtype: DType, where: string): TypedArrayOf<DType> {
	const words = line.split(/[\s,]+/).filter((word) => word !== "");
	const numbers = typedArray(dtype, new SharedArrayBuffer(words.length * bytesPer(dtype)), 0, words.length);
	for (const [i, word] of words.entries()) {
		const value = numberIn(word, dtype);
		if (value !== undefined) numbers[i] = value;
		// An integer that does not fit the dtype would be stored as another number.
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

/** Messages of up to this many bytes are written in one piece, together with their line feed. */
const SMALL = 65_536;
/**
 * The number of numbers that become text at once. The text of a whole message may be too long for a string.
 */
const NUMBERS = 4096;

/** Formats a message for a stream, in pieces. */
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
		`A message of ${length} bytes is not a whole number of ${dtype} elements; use another --as, or --raw`,
	);
}

/** Formats a line of numbers, in pieces. */
function* lineOf(numbers: TypedArrayOf<DType>): Generator<string> {
	for (let at = 0; at < numbers.length; at += NUMBERS) {
		yield (at === 0 ? "" : " ") + textOf(numbers.subarray(at, at + NUMBERS), " ");
	}
	yield "\n";
}

function textOf(numbers: TypedArrayOf<DType>, separator: string): string {
	return Array.from<number | bigint, string>(numbers, textOfNumber).join(separator);
}

/** JavaScript writes -0 as 0, which is another number. */
function textOfNumber(number: number | bigint): string {
	return Object.is(number, -0) ? "-0" : String(number);
}

/** Formats records for a stream: one line for each, or their bytes. */
export function writtenRecords(records: TypedArrayOf<DType>, raw?: true): string | Uint8Array {
	if (!raw) return `${textOf(records, "\n")}\n`;
	return new Uint8Array(records.buffer, records.byteOffset, records.byteLength);
}

/** Formats a struct as a line of JSON. What JSON has no number for is a string: 64-bit integers, NaN and infinities. */
export function structLine(record: Struct): string {
	const fields = Object.entries(record).map(([name, value]) => {
		const isNumber = typeof value === "number" && Number.isFinite(value);
		return `${JSON.stringify(name)}:${isNumber ? textOfNumber(value) : `"${value}"`}`;
	});
	return `{${fields.join(",")}}\n`;
}

/**
 * Throws if a message carries a block. The block has no place in a line, and releasing the message would free
 * it unread.
 *
 * @param where how the error message names the message
 * @throws UsageError
 */
export function checkNoBlock({ block }: Message, where: string): void {
	if (block === undefined) return;
	throw new UsageError(
		`${where} carries a block of ${block.length} bytes, which has no place in a line; receive it in a program, with ` +
			"message.block, or send the contents as the message itself",
	);
}

/** @throws UsageError if `as` differs from the dtype of the queue's records */
export function checkRecords(dtype: DType, as: DType = dtype): void {
	if (as !== dtype)
		throw new UsageError(
			`the queue has records of type ${dtype}, not ${as}; use --as ${dtype}, or leave --as out`,
		);
}

/** @throws UsageError if structs are to be written as something else than JSON */
export function checkStructs(as: DType | undefined, raw: true | undefined): void {
	if (as !== undefined || raw) throw new UsageError("structs are written as JSON; leave out --as and --raw");
}
