/**
 * Named objects that carry their type with them. Their memory begins with it, as text; the payload follows at the
 * next multiple of 64. Whoever opens one compares text with text.
 */
import {
	BLOCK_ALIGNMENT,
	KIND_ARRAY,
	KIND_STRUCT,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_KIND,
	OBJECT_REQUESTED,
} from "../assembly/layout.js";
import type { Attachment } from "./attachment.js";
import { type Description, objectWord } from "./directory.js";
import { DhmemError } from "./errors.js";
import { LONGEST_TYPE, roundUp } from "./schema.js";

/** What an opening asks for. */
export interface Wanted {
	kind: number;
	/** In words. */
	what: string;
	/** Whether an object of this type is what was asked for. */
	accepts(type: string): boolean;
	/** How to make one; left out where the type is not known in full. */
	description?: Description;
}

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
	const text = Buffer.from(type);
	const start = roundUp(text.length, BLOCK_ALIGNMENT);
	return {
		kind,
		element,
		requested: text.length,
		capacity: bytes,
		bytes: start + bytes,
		prepare(offset) {
			attachment.bytes.fill(0, offset, offset + start + bytes);
			attachment.bytes.set(text, offset);
			initialize(offset + start);
		},
	};
}

/** Where the text and the payload of an object are, and their bytes; undefined if that can't be true. */
function partsOf(attachment: Attachment, at: number) {
	const data = objectWord(attachment, at, OBJECT_DATA);
	const text = objectWord(attachment, at, OBJECT_REQUESTED);
	const bytes = objectWord(attachment, at, OBJECT_CAPACITY);
	const payload = data + roundUp(text, BLOCK_ALIGNMENT);
	const room = attachment.core.capacityOf(data) >>> 0;
	const end = payload + bytes;
	return end - data <= room && end <= attachment.size ? { data, text, payload, bytes } : undefined;
}

/** The type that an object carries; undefined if it carries none, or it can't be read. */
export function typeOf(attachment: Attachment, at: number): string | undefined {
	const kind = objectWord(attachment, at, OBJECT_KIND);
	if (kind !== KIND_STRUCT && kind !== KIND_ARRAY) return undefined;
	const parts = partsOf(attachment, at);
	if (parts === undefined || parts.text > LONGEST_TYPE) return undefined;
	return Buffer.from(attachment.bytes.subarray(parts.data, parts.data + parts.text)).toString();
}

/** Where the payload of an object is, which must have this many bytes. @throws DHMEM_CORRUPT */
export function payloadOf(attachment: Attachment, at: number, name: string, bytes: number): number {
	const parts = partsOf(attachment, at);
	if (parts !== undefined && parts.bytes === bytes) return parts.payload;
	throw corrupt(name);
}

export function corrupt(name: string): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`${name} is not what its type says; a peer has spoilt it: remove it`,
	);
}
