/** Named objects: found in the region's directory, or constructed there once. */
import {
	BUCKET_BYTES,
	BUSY,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	NAME_BYTES,
	NOT_FOUND,
	OBJECT_BYTES,
	OBJECT_ELEMENT,
	OBJECT_KIND,
	OBJECT_NAME,
	OBJECT_NAME_LENGTH,
	OBJECT_REQUESTED,
	OK,
	STATUS_LIMIT,
	TAKEN,
} from "../assembly/layout.js";
import type { Attachment } from "./attachment.js";
import { DhmemError } from "./errors.js";
import { encodeName } from "./options.js";

/** What an object is to be, if it is not there yet. */
export interface Description {
	kind: number;
	/** The number of its dtype, 0 for none. */
	element: number;
	/** The capacity that was asked for, as it stands in messages; or the default. */
	requested: number;
	/** The capacity it is made with. */
	capacity: number;
	/** Bytes of memory it needs beside its own record. */
	bytes: number;
	/** Fills in that memory, at `offset`, before anybody else can see it; there is something left in it. */
	prepare?(offset: number): void;
}

/** The offset of the object of this name, which is constructed if there is none. */
export function findOrConstruct(attachment: Attachment, name: string, description: Description): number {
	const bytes = encodeName(name);
	attachment.check();
	return find(attachment, bytes, name) ?? construct(attachment, bytes, name, description);
}

/** The offset of the object of this name, if there is one. */
export function findObject(attachment: Attachment, name: string): number | undefined {
	const bytes = encodeName(name);
	attachment.check();
	return find(attachment, bytes, name);
}

function find(attachment: Attachment, bytes: Uint8Array, name: string): number | undefined {
	const found = attachment.core.find(attachment.me, attachment.setArgument(bytes)) >>> 0;
	if (found >= STATUS_LIMIT) return found;
	if (found !== NOT_FOUND) throw attachment.unexpected(found, `Looking up ${name}`);
	return undefined;
}

/**
 * Everything is made first, owned by this participant, and put into the directory in one step; who loses the
 * race frees its own and takes what is there.
 */
function construct(attachment: Attachment, bytes: Uint8Array, name: string, made: Description): number {
	const { core, me } = attachment;
	const data = made.bytes === 0 ? 0 : attachment.allocate(made.bytes);
	let object = 0;
	try {
		made.prepare?.(data);
		object = attachment.allocateBy(OBJECT_BYTES, () => core.allocateObject(me));
		const length = attachment.setArgument(bytes);
		core.describe(me, object, length, made.kind, made.element, made.requested, made.capacity, data);
		for (;;) {
			const list = attachment.allocate(core.listBytes(me, attachment.setArgument(bytes)));
			const status = core.insert(me, object, list) >>> 0;
			if (status === OK) return object;
			core.free(me, list);
			if (status === TAKEN) break;
			if (status !== BUSY) throw attachment.unexpected(status, `Constructing ${name}`);
		}
	} catch (error) {
		release(attachment, object, data);
		throw error;
	}
	const found = attachment.result();
	release(attachment, object, data);
	return found;
}

function release({ core, me, closed }: Attachment, object: number, data: number): void {
	if (closed) return;
	if (object !== 0) core.freeInternal(me, object);
	if (data !== 0) core.free(me, data);
}

/** A word of an object's record. */
export function objectWord(attachment: Attachment, object: number, field: number): number {
	return attachment.words[(object + field) >> 2] as number;
}

export function typeMismatch(name: string, is: string, wanted: string): DhmemError {
	return new DhmemError(
		"DHMEM_TYPE_MISMATCH",
		`${name} is ${is}, and was opened as ${wanted}; open it as what it is, or choose another name`,
	);
}

/** An object as the directory lists it. */
export interface Listed {
	at: number;
	name: string;
	kind: number;
	element: number;
	requested: number;
}

/** What a region of any size has at most. */
const MOST_BUCKETS = 4096;

/** Every named object, in no order. What changes meanwhile may be in the list or not. */
export function* listObjects(attachment: Attachment): Generator<Listed> {
	const { words, bytes, size } = attachment;
	const buckets = attachment.header(HEADER_BUCKETS);
	const count = Math.min(attachment.header(HEADER_BUCKET_MASK) + 1, MOST_BUCKETS);
	for (let bucket = 0; bucket < count; bucket++) {
		const list = words[(buckets + bucket * BUCKET_BYTES) >> 2] as number;
		// The list may be freed and used for something else at any moment, so its figures are not believed.
		const room = list === 0 ? 0 : attachment.core.capacityOf(list) >>> 0;
		const listed = room === 0 ? 0 : Math.min(words[list >> 2] as number, room / 4 - 1);
		for (let index = 1; index <= listed; index++) {
			const at = words[(list >> 2) + index] as number;
			if (at === 0 || at > size - OBJECT_BYTES) break;
			const length = Math.min(objectWord(attachment, at, OBJECT_NAME_LENGTH), NAME_BYTES);
			yield {
				at,
				name: Buffer.from(bytes.subarray(at + OBJECT_NAME, at + OBJECT_NAME + length)).toString(),
				kind: objectWord(attachment, at, OBJECT_KIND),
				element: objectWord(attachment, at, OBJECT_ELEMENT),
				requested: objectWord(attachment, at, OBJECT_REQUESTED),
			};
		}
	}
}
