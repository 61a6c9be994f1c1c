/**
 * Named objects that store their type as text in a block of their own. An opening compares this text with its
 * own.
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
 * Describes a new object that stores its type.
 *
 * @param bytes the size of the payload
 * @param initialize writes the initial values to the payload, which is all zeros, before other participants
 * can see it
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

/** The type that an object stores. Undefined if it stores none, or if the type can't be read. */
export function typeOf(attachment: Attachment, at: number): string | undefined {
	const text = objectWord(attachment, at, OBJECT_TYPE);
	const length = objectWord(attachment, at, OBJECT_TYPE_BYTES);
	if (length === 0 || length > LONGEST_TYPE || !holds(attachment, text, length)) return undefined;
	return Buffer.from(attachment.bytes.subarray(text, text + length)).toString();
}

/** The type of an object whose kind stores one. @throws DHMEM_CORRUPT */
export function typeIn({ attachment, at, name }: NamedObject): string {
	const type = typeOf(attachment, at);
	if (type === undefined) throw corrupt(name);
	return type;
}

/** Tells whether a block of at least `bytes` bytes begins at `block`. */
function holds(attachment: Attachment, block: number, bytes: number): boolean {
	const isWhole = bytes <= attachment.core.capacityOf(block) >>> 0 && block + bytes <= attachment.size;
	// A reference to a shared block has a capacity too, but its bytes are elsewhere.
	return isWhole && block % BLOCK_ALIGNMENT === 0;
}

/** The offset of an object's payload, which must have exactly `bytes` bytes. @throws DHMEM_CORRUPT */
export function payloadOf({ attachment, at, name }: NamedObject, bytes: number): number {
	const data = objectWord(attachment, at, OBJECT_DATA);
	const isWhole = objectWord(attachment, at, OBJECT_CAPACITY) === bytes && holds(attachment, data, bytes);
	// An array without elements has no memory.
	if (bytes === 0 && data === 0) return 0;
	if (isWhole) return data;
	throw corrupt(name);
}

export function corrupt(name: string): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`${name} does not match its type, so another program has corrupted it; remove it`,
	);
}
