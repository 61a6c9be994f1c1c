import { Buffer, constants } from "node:buffer";
import { StringDecoder } from "node:string_decoder";
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { bytesPer, checkDType, type DType, type TypedArrayOf, typedArray } from "../values/dtypes.js";
import { type Fields, type Schema, type Struct, toSchema } from "../values/schema.js";
import { structsAt } from "./struct-view.js";
import type { Writes } from "./writes.js";

const LONGEST = constants.MAX_STRING_LENGTH;
/** A text that may be too long is decoded in pieces of this many bytes. */
const PIECE = 2 ** 24;

/**
 * Decodes UTF-8. Not with a TextDecoder, which drops a byte order mark, and refuses shared memory in other
 * runtimes than Node.
 *
 * @throws DHMEM_UNSUPPORTED if the text is too long for a string of this engine
 */
export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
	// Each character has at least one byte, so this text always fits.
	if (length <= LONGEST) return Buffer.from(buffer, byteOffset, length).toString();
	// A character has at most three bytes, because JavaScript counts four bytes as two characters.
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
		`${bytes} bytes of text are too long for a string, which has at most ${LONGEST} characters here; decode them in pieces, ` +
			"from subarrays of bytes",
	);
}

function misaligned(type: DType | Schema): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`These bytes are not aligned for ${type}, so the region is corrupted; replace it`,
	);
}

/**
 * Bytes in the region that can be read and written in place: the common interface of `Block`, `Reservation`
 * and `Message`. Its views are over shared memory, and are valid until it is freed, sent, committed or
 * released.
 *
 * The three classes get the methods of `Writes` by their prototypes, and are not derived from it. The engine
 * creates objects of derived classes on a slow path, which took a quarter of the time of receiving and
 * releasing a message.
 *
 * @example
 * ```ts
 * function sum(payload: Payload): number {
 *   return payload.as("f64").reduce((total, value) => total + value, 0);
 * }
 * ```
 */
export interface Payload extends Writes {
	/**
	 * The bytes, as a view over the region. For APIs that refuse shared memory, copy them with `bytes.slice()`.
	 *
	 * @throws DHMEM_CLOSED after it was freed, sent, committed or released, or after the region was closed
	 */
	readonly bytes: Uint8Array;

	/**
	 * The bytes as numbers, in a typed array over the region; or as an array of structs over the region, each
	 * of which is made when it is first read. Bytes at the end that don't fill an element are left out.
	 *
	 * @throws DHMEM_BAD_ARGUMENT for an unknown dtype or a wrong schema; DHMEM_CLOSED as `bytes`
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
	 * Decodes the bytes as UTF-8 text. The result is a copy.
	 *
	 * @throws DHMEM_UNSUPPORTED if the text is too long for a string, which is about 512 MiB; DHMEM_CLOSED as
	 * `bytes`
	 * @example
	 * ```ts
	 * console.log(message.text()); // step 1
	 * ```
	 */
	text(): string;

	/**
	 * Parses the bytes as JSON.
	 *
	 * @throws as `text`; the SyntaxError of `JSON.parse` if they are not JSON
	 * @example
	 * ```ts
	 * const block = region.allocate(12);
	 * block.bytes.set(Buffer.from('{"step": 10}'));
	 * console.log(block.json()); // { step: 10 }
	 * ```
	 */
	json(): unknown;
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
	if (bytes.byteOffset % type.alignment === 0) return structsAt(attachment, type, bytes);
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
	// If the file was truncated meanwhile, the text is zeros.
	attachment.check();
	return text;
}
