/** The ring of a queue whose records are structs. */
import type { Attachment } from "../attachment/attachment.js";
import { badArgument } from "../errors.js";
import { copyOut } from "../memory/copying.js";
import { localStruct, moveStruct, revokeStruct, structAt } from "../memory/struct-view.js";
import { bytesOf, lengthIn } from "../values/arguments.js";
import { checkValue, type Schema, type Struct } from "../values/schema.js";

export class StructRing {
	readonly #attachment: Attachment;
	readonly #type: Schema;
	/** The offset of the ring in the region, and a view in which the ring begins at `#from`. */
	readonly #start: number;
	readonly #window: DataView;
	readonly #from: number;
	/** The number of records in the ring. */
	readonly #capacity: number;
	/** The record that handlers get. It is moved from one to the next, so that none is garbage. */
	readonly #cursor: Struct;
	/** A record in private memory, for values that are pushed. */
	readonly #local: { struct: Struct; bytes: Uint8Array };

	constructor(
		attachment: Attachment,
		type: Schema,
		start: number,
		capacity: number,
		access: "writable" | "readable",
	) {
		this.#attachment = attachment;
		this.#type = type;
		this.#start = start;
		this.#window = attachment.window(start);
		this.#from = start & 0x7fff_ffff;
		this.#capacity = capacity;
		this.#cursor = structAt(attachment, type, start, access);
		this.#local = localStruct(type);
	}

	/** The record at an index, in place. The same object each time. */
	at(index: number): Struct {
		moveStruct(this.#cursor, this.#start + index * this.#type.size);
		return this.#cursor;
	}

	/** A copy of the record at an index. */
	read(index: number): Struct {
		return { ...this.at(index) };
	}

	/** Converts a record to bytes in private memory. This may run the user's code. @throws DHMEM_BAD_ARGUMENT */
	prepare(values: unknown): void {
		if (typeof values !== "object" || values === null) throw badArgument("The record", values, "an object");
		const { layout } = this.#type;
		// All are read first, because a getter may push another record.
		const read = layout.map(({ name, dtype }) => {
			const value = (values as Struct)[name];
			checkValue(name, value, dtype);
			return value as number;
		});
		const { struct } = this.#local;
		for (let index = 0; index < read.length; index++)
			struct[(layout[index] as { name: string }).name] = read[index] as number;
	}

	/** Writes the prepared record to an index. */
	write(index: number): void {
		const { size } = this.#type;
		this.#attachment.write(this.#local.bytes, size, this.#start + index * size);
	}

	/** Returns the bytes of whole records in a view. @throws DHMEM_BAD_ARGUMENT */
	bytesOf(values: unknown): Uint8Array {
		if (!ArrayBuffer.isView(values)) throw badArgument("The records", values, "a view of their bytes");
		const bytes = bytesOf(values);
		const { size } = this.#type;
		if (lengthIn(bytes) % size === 0) return bytes;
		throw badArgument(
			"The length of the records",
			lengthIn(bytes),
			`a multiple of ${size} bytes, for ${this.#type}`,
		);
	}

	/** The number of records in such bytes. */
	countIn(bytes: Uint8Array): number {
		return lengthIn(bytes) / this.#type.size;
	}

	/** Copies `count` records from `index` on, modulo the capacity, to the start of `bytes`. */
	copyOut(index: number, bytes: Uint8Array, count: number): void {
		const { size } = this.#type;
		const first = Math.min(count, this.#capacity - index);
		copyOut(this.#window, this.#from + index * size, bytes, 0, first * size);
		if (count > first) copyOut(this.#window, this.#from, bytes, first * size, (count - first) * size);
	}

	/** Copies the first `count` records in `bytes` to the ring, from `index` on, modulo the capacity. */
	copyIn(index: number, bytes: Uint8Array, count: number): void {
		const { size } = this.#type;
		const first = Math.min(count, this.#capacity - index);
		const length = first * size;
		const part = length === lengthIn(bytes) ? bytes : bytes.subarray(0, length);
		this.#attachment.write(part, length, this.#start + index * size);
		if (count > first)
			this.#attachment.write(bytes.subarray(length, count * size), count * size - length, this.#start);
	}

	/** The record that handlers got can't reach the region any more. */
	close(): void {
		revokeStruct(this.#cursor, this.#type);
	}
}
