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

/** A new object that stores its type. */
interface Typed {
	kind: number;
	element: number;
	type: string;
	/** The size of the payload. */
	bytes: number;
	/** True if the core never reads the payload, which may be in the bulk space then. */
	isBulk?: boolean | undefined;
}

/**
 * Describes a new object that stores its type.
 *
 * @param initialize writes the initial values to the payload, which is all zeros, before other participants
 * can see it
 */
export function describeTyped(
	attachment: Attachment,
	{ kind, element, type, bytes, isBulk }: Typed,
	initialize: (payload: Uint8Array) => void,
): Description {
	return {
		kind,
		element,
		type,
		capacity: bytes,
		bytes,
		isBulk,
		prepare(block) {
			const payload =
				bytes === 0 ? new Uint8Array(attachment.buffer, 0, 0) : viewOf(attachment, block, bytes);
			initialize(payload.fill(0));
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
	const { core } = attachment;
	const isInside = block + bytes <= attachment.size || core.fileOffsetOf(block) !== 0;
	// A reference to a shared block has a capacity too, but its bytes are elsewhere.
	return isInside && bytes <= core.capacityOf(block) >>> 0 && block % BLOCK_ALIGNMENT === 0;
}

function viewOf(attachment: Attachment, block: number, bytes: number): Uint8Array {
	return attachment.view(attachment.addressOf(block), bytes);
}

/** The payload of an object, which must have exactly `bytes` bytes. @throws DHMEM_CORRUPT */
export function payloadOf({ attachment, at, name }: NamedObject, bytes: number): Uint8Array {
	const data = objectWord(attachment, at, OBJECT_DATA);
	const isWhole = objectWord(attachment, at, OBJECT_CAPACITY) === bytes && holds(attachment, data, bytes);
	// An array without elements has no memory.
	if (bytes === 0 && data === 0) return new Uint8Array(attachment.buffer, 0, 0);
	if (isWhole) return viewOf(attachment, data, bytes);
	throw corrupt(name);
}

export function corrupt(name: string): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`${name} does not match its type, so another program has corrupted it; remove it`,
	);
}
