import { Buffer, constants } from "node:buffer";
import { StringDecoder } from "node:string_decoder";
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { bytesPer, checkDType, type DType, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import { type Fields, type Schema, type Struct, toSchema } from "../values/schema.js";
import { structsAt } from "./struct-view.js";

const LONGEST = constants.MAX_STRING_LENGTH;
/** Bytes that are decoded at once of a text that may be too long. */
const PIECE = 2 ** 24;

/**
 * UTF-8 as a string. A TextDecoder would drop a byte order mark, and elsewhere than in Node refuses shared memory.
 *
 * @throws DHMEM_UNSUPPORTED if it is longer than a string can be here
 */
export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
	// With no more bytes than a string may have characters it fits, whatever it is.
	if (length <= LONGEST) return Buffer.from(buffer, byteOffset, length).toString();
	// A character has three bytes at the most; those of four are two to JavaScript.
	if (length > 3 * LONGEST) throw tooLong(length);
	const decoder = new StringDecoder("utf8");
	let text = "";
	for (let at = 0; at < length; at += PIECE) {
		const piece = decoder.write(Buffer.from(buffer, byteOffset + at, Math.min(PIECE, length - at)));
		if (text.length + piece.length > LONGEST) throw tooLong(length);
		text += piece;
	}
	return text + decoder.end();
}

function tooLong(bytes: number): DhmemError {
	return new DhmemError(
		"DHMEM_UNSUPPORTED",
		`${bytes} bytes of text are longer than a string can be here, ${LONGEST} characters; decode them in pieces, ` +
			"from subarrays of bytes",
	);
}

function outside(): DhmemError {
	return new DhmemError("DHMEM_CORRUPT", "These bytes would be outside the region; a peer has spoilt it");
}

function misaligned(type: DType | Schema): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`These bytes are not aligned for ${type}; a peer has spoilt the region`,
	);
}

/**
 * Bytes in the region that can be read and written in place: what `Block`, `Reservation` and `Message` have in
 * common. Views are over shared memory: valid until the thing is freed, sent, committed or released.
 *
 * An interface and functions rather than a class to extend: the engine makes an object of a derived class by a slow
 * path, which took a quarter of the time in which a message is received and released.
 */
export interface Payload {
	/** Bytes. */
	readonly length: number;

	/**
	 * The bytes, a view over the region. For APIs that refuse shared memory, `bytes.slice()` is a copy.
	 *
	 * @throws DHMEM_CLOSED after it was freed, sent, committed or released, or the region closed
	 */
	readonly bytes: Uint8Array;

	/**
	 * The bytes as numbers, a typed array over the region; or as live structs, an array that makes each when it is
	 * asked for. What doesn't fill a last element is left out.
	 *
	 * @throws DHMEM_BAD_ARGUMENT for a wrong dtype or schema; DHMEM_CLOSED as `bytes`
	 * @example
	 * ```ts
	 * const block = region.allocate(8000);
	 * block.as("f64").fill(1);
	 * for (const point of block.as({ x: "f64", y: "f64" })) point.y = point.x ** 2;
	 * ```
	 */
	as<D extends DType>(dtype: D): TypedArrayOf<D>;
	as<F extends Fields>(schema: F | Schema<F>): readonly Struct<F>[];

	/**
	 * The bytes as UTF-8 text, a copy.
	 *
	 * @throws DHMEM_UNSUPPORTED if it is longer than a string can be: 512 MiB or so; DHMEM_CLOSED as `bytes`
	 */
	text(): string;

	/**
	 * The bytes as JSON.
	 *
	 * @throws as `text`; a SyntaxError of `JSON.parse` if they are something else
	 */
	json(): unknown;
}

/** A view of a payload, from figures that a peer may have written. */
export function viewOf({ buffer, size }: Attachment, offset: number, length: number): Uint8Array {
	if (offset + length > size) throw outside();
	return new Uint8Array(buffer, offset, length);
}

/** `as` of a payload. */
export function elementsOf(
	attachment: Attachment,
	bytes: Uint8Array,
	type: DType | Fields | Schema,
): TypedArrayOf<DType> | readonly Struct[] {
	return typeof type === "object" && type !== null
		? structsOf(attachment, bytes, toSchema(type))
		: numbersOf(bytes, type);
}

function structsOf(attachment: Attachment, bytes: Uint8Array, type: Schema): readonly Struct[] {
	const { byteOffset, length } = bytes;
	if (byteOffset % type.alignment === 0) return structsAt(attachment, type, byteOffset, length);
	throw misaligned(type);
}

function numbersOf(bytes: Uint8Array, dtype: DType): TypedArrayOf<DType> {
	checkDType(dtype);
	const { byteOffset, length } = bytes;
	const size = bytesPer(dtype);
	if (byteOffset % size === 0) {
		return typedArray(dtype, bytes.buffer as SharedArrayBuffer, byteOffset, Math.floor(length / size));
	}
	throw misaligned(dtype);
}

/** `text` of a payload. */
export function contentsOf(attachment: Attachment, bytes: Uint8Array): string {
	const text = textOf(bytes);
	// Zeros, if the file was cut meanwhile.
	attachment.check();
	return text;
}
