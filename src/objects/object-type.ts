/**
 * Named objects that carry their type with them, as text in a block of its own. Whoever opens one compares text with
 * text.
 */
import { Buffer } from "node:buffer";
import {
	BLOCK_ALIGNMENT,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_TYPE,
	OBJECT_TYPE_BYTES,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { LONGEST_TYPE } from "../values/schema.js";
import { type Description, objectWord } from "./directory.js";
import type { NamedObject } from "./named-object.js";

/**
 * What a new object is to be.
 *
 * @param bytes of the payload
 * @param initialize writes the initial values to the payload, which is all zeros, before anybody sees it
 */
export function describeTyped(
	attachment: Attachment,
	{ kind, element, type, bytes }: { kind: number; element: number; type: string; bytes: number },
	initialize: (payload: number) => void,
): Description {
	return {
		kind,
		element,
		type,
		capacity: bytes,
		bytes,
		prepare(offset) {
			attachment.bytes.fill(0, offset, offset + bytes);
			initialize(offset);
		},
	};
}

/** The type that an object carries; undefined if it carries none, or it can't be read. */
export function typeOf(attachment: Attachment, at: number): string | undefined {
	const text = objectWord(attachment, at, OBJECT_TYPE);
	const length = objectWord(attachment, at, OBJECT_TYPE_BYTES);
	if (length === 0 || length > LONGEST_TYPE || !holds(attachment, text, length)) return undefined;
	return Buffer.from(attachment.bytes.subarray(text, text + length)).toString();
}

/** The type of an object of a kind that carries one. @throws DHMEM_CORRUPT */
export function typeIn({ attachment, at, name }: NamedObject): string {
	const type = typeOf(attachment, at);
	if (type === undefined) throw corrupt(name);
	return type;
}

/** Whether a block lies there with room for so many bytes. */
function holds(attachment: Attachment, block: number, bytes: number): boolean {
	const isWhole = bytes <= attachment.core.capacityOf(block) >>> 0 && block + bytes <= attachment.size;
	// A reference to a shared block has room as well, but not where it is.
	return isWhole && block % BLOCK_ALIGNMENT === 0;
}

/** Where the payload of an object is, which must have this many bytes. @throws DHMEM_CORRUPT */
export function payloadOf({ attachment, at, name }: NamedObject, bytes: number): number {
	const data = objectWord(attachment, at, OBJECT_DATA);
	const isWhole = objectWord(attachment, at, OBJECT_CAPACITY) === bytes && holds(attachment, data, bytes);
	// An array of no elements has no memory.
	if (bytes === 0 && data === 0) return 0;
	if (isWhole) return data;
	throw corrupt(name);
}

export function corrupt(name: string): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`${name} is not what its type says; a peer has spoilt it: remove it`,
	);
}
