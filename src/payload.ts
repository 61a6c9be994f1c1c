import type { Attachment } from "./attachment.js";
import { bytesPer, checkDType, type DType, type TypedArrayOf, typedArray } from "./dtypes.js";
import { DhmemError } from "./errors.js";
import { type Fields, type Schema, type Struct, toSchema } from "./schema.js";
import { structsAt } from "./struct.js";

/** UTF-8 as a string. A TextDecoder would drop a byte order mark, and elsewhere than in Node refuses shared memory. */
export function textOf({ buffer, byteOffset, length }: Uint8Array): string {
	return Buffer.from(buffer, byteOffset, length).toString();
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
 * Bytes in the region that can be read and written in place: what `Block`, `Slot` and `Message` have in
 * common. Views are over shared memory: valid until the thing is freed, sent, committed or released.
 */
export abstract class Payload {
	protected readonly attachment: Attachment;
	#view: Uint8Array | undefined;

	/** @internal */
	protected constructor(attachment: Attachment) {
		this.attachment = attachment;
	}

	/** Bytes. */
	abstract readonly length: number;
	/** Where the bytes are in the region; throws if they are not this object's any more. */
	protected abstract offset(): number;

	/**
	 * The bytes, a view over the region. For APIs that refuse shared memory, `bytes.slice()` is a copy.
	 *
	 * @throws DHMEM_CLOSED after it was freed, sent, committed or released, or the region closed
	 */
	get bytes(): Uint8Array {
		const offset = this.offset();
		this.attachment.check();
		if (this.#view === undefined) {
			const { buffer } = this.attachment;
			// From figures that a peer may have written.
			if (offset + this.length > this.attachment.size) throw outside();
			this.#view = new Uint8Array(buffer, offset, this.length);
		}
		return this.#view;
	}

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
	as(type: DType | Fields | Schema): TypedArrayOf<DType> | readonly Struct[] {
		return typeof type === "object" && type !== null ? this.#structs(toSchema(type)) : this.#numbers(type);
	}

	#structs(type: Schema): readonly Struct[] {
		const { byteOffset } = this.bytes;
		if (byteOffset % type.alignment === 0) {
			return structsAt(this.attachment, type, byteOffset, this.length);
		}
		throw misaligned(type);
	}

	#numbers<D extends DType>(dtype: D): TypedArrayOf<D> {
		checkDType(dtype);
		const { byteOffset } = this.bytes;
		const size = bytesPer(dtype);
		if (byteOffset % size === 0) {
			return typedArray(dtype, this.attachment.buffer, byteOffset, Math.floor(this.length / size));
		}
		throw misaligned(dtype);
	}

	/** The bytes as UTF-8 text, a copy. */
	text(): string {
		const text = textOf(this.bytes);
		// Zeros, if the file was cut meanwhile.
		this.attachment.check();
		return text;
	}

	/** The bytes as JSON. */
	json(): unknown {
		return JSON.parse(this.text());
	}
}
