/** Finds, constructs and removes named objects in the region's directory. */
import { Buffer } from "node:buffer";
import { getRandomValues } from "node:crypto";
import {
	BUCKET_BYTES,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	NAME_BYTES,
	NOT_FOUND,
	OBJECT_BYTES,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_ELEMENT,
	OBJECT_HEAD_BYTES,
	OBJECT_KIND,
	OBJECT_NAME,
	OBJECT_NAME_LENGTH,
	OBJECT_NONCE,
	OBJECT_REQUESTED,
	OBJECT_TYPE,
	OBJECT_TYPE_BYTES,
	OK,
	STATUS_LIMIT,
	TAKEN,
} from "../../assembly/layout.js";
import { allocate, allocateBlock, allocateBy } from "../attachment/allocation.js";
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { encodeName } from "../values/arguments.js";
import { NamedObject } from "./named-object.js";

/** How to make an object that does not exist yet. */
export interface Description {
	kind: number;
	/** The numbers of its dtypes; 0 for none. */
	element?: number;
	/** Its type as text, for kinds that have one. */
	type?: string;
	/** The capacity that the user asked for, for messages; 0 for the default. */
	requested?: number;
	/** The capacity that the object is made with. */
	capacity?: number;
	/** Bytes of memory that it needs besides its own record. */
	bytes?: number;
	/** True if the core never reads that memory, which may be in the bulk space then. */
	isBulk?: boolean | undefined;
	/**
	 * Fills in that memory, which is in `block`, before other participants can see it. The memory contains old bytes.
	 */
	prepare?(block: number): void;
}

/**
 * The objects that a participant has open, by name. Of several with one name, all but one have been removed.
 */
type Opened = Map<string, NamedObject[]>;

const openings = new WeakMap<Attachment, Opened>();

function openedBy(attachment: Attachment): Opened {
	let opened = openings.get(attachment);
	if (opened === undefined) {
		opened = new Map();
		openings.set(attachment, opened);
	}
	return opened;
}

/** Attempts of a search while other participants keep constructing and removing the object. */
const TURNS = 1000;

/**
 * Returns the object with this name, and constructs it if there is none.
 *
 * @throws DHMEM_READ_ONLY, DHMEM_TIMEOUT, and as `allocate`
 */
export function findOrConstruct(attachment: Attachment, name: string, description: Description): NamedObject {
	for (let turn = 0; turn < TURNS; turn++) {
		const found = findObject(attachment, name);
		if (found !== undefined) return found;
		if (attachment.access !== "read-write") {
			throw new DhmemError(
				"DHMEM_READ_ONLY",
				`There is no ${name} in ${attachment.path}, and this opening can't create it, because it is ${attachment.access}; ` +
					"open the region in another mode, or wait until another participant creates it",
			);
		}
		const made = construct(attachment, encodeName(name), name, description);
		if (made !== undefined) return made;
	}
	throw restless(attachment, name);
}

/** Returns the object with this name, if there is one. @throws DHMEM_TIMEOUT */
export function findObject(attachment: Attachment, name: string): NamedObject | undefined {
	const bytes = encodeName(name);
	attachment.check();
	const { core, me } = attachment;
	const at = attachment.lend(bytes);
	const isReader = attachment.access !== "read-write";
	for (let turn = 0; turn < TURNS; turn++) {
		const found = (isReader ? core.find(at, bytes.length) : core.open(me, at, bytes.length)) >>> 0;
		if (found < STATUS_LIMIT) {
			if (found !== NOT_FOUND) throw attachment.unexpected(found, `Looking up ${name}`);
			return undefined;
		}
		const object = objectAt(attachment, found, name);
		// A reader has no pin: the object may have been removed meanwhile, and its memory may hold another one.
		if (!isReader || (nameOf(attachment, found) === name && object.isThere)) return object;
	}
	throw restless(attachment, name);
}

function restless(attachment: Attachment, name: string): DhmemError {
	return new DhmemError(
		"DHMEM_TIMEOUT",
		`Others keep creating and removing ${name} in ${attachment.path}; stop them, or choose another name`,
	);
}

/** Returns the object at an offset, which this participant has pinned (or only reads). */
export function objectAt(attachment: Attachment, at: number, name = nameOf(attachment, at)): NamedObject {
	const { access } = attachment;
	const opened = openedBy(attachment);
	const namesakes = opened.get(name) ?? [];
	const known = namesakes.find((each) => each.at === at);
	if (known !== undefined) return known;
	const object = new NamedObject(attachment, at, name);
	// A reader's object is not remembered: without a pin, another object may take its place at any time.
	if (access === "read-write") opened.set(name, [...namesakes, object]);
	return object;
}

/** Closes an object that this participant has opened but does not use. */
export function letGo(object: NamedObject): void {
	const { attachment, at, name } = object;
	const { core, me, closed } = attachment;
	if (closed || attachment.access !== "read-write") return;
	const opened = openedBy(attachment);
	const others = (opened.get(name) ?? []).filter((each) => each !== object);
	if (others.length === 0) opened.delete(name);
	else opened.set(name, others);
	core.unpin(me, at);
}

/**
 * Makes the object and its memory as this participant's property, then puts the object into the directory in
 * one step. If another participant was faster, frees everything and returns undefined.
 */
function construct(
	attachment: Attachment,
	name: Uint8Array,
	text: string,
	made: Description,
): NamedObject | undefined {
	const { core, me } = attachment;
	const type = Buffer.from(made.type ?? "");
	const blocks: number[] = [];
	const part = (bytes: number, isBulk = false) => {
		const block = bytes === 0 ? 0 : (isBulk ? allocateBlock : allocate)(attachment, bytes);
		if (block !== 0) blocks.push(block);
		return block;
	};
	let object = 0;
	try {
		// The largest part comes last. If the file system is full, that part's pages are given back at once,
		// while freed blocks keep theirs.
		object = allocateBy(attachment, OBJECT_BYTES, () => core.allocateObject(me));
		const typeAt = part(type.length);
		attachment.bytes.set(type, typeAt);
		const data = part(made.bytes ?? 0, made.isBulk);
		made.prepare?.(data);
		const head = headOf(name, { ...made, data, typeAt, typeBytes: type.length });
		const status = core.construct(me, object, attachment.lend(head)) >>> 0;
		if (status === OK) return objectAt(attachment, object, text);
		if (status !== TAKEN) throw attachment.unexpected(status, `Constructing ${text}`);
	} catch (error) {
		release(attachment, object, blocks);
		throw error;
	}
	release(attachment, object, blocks);
	return undefined;
}

/** The first bytes of an object's record, which say what it is. */
function headOf(
	name: Uint8Array,
	made: Description & { data: number; typeAt: number; typeBytes: number },
): Uint8Array {
	const head = new Uint8Array(OBJECT_HEAD_BYTES);
	const words = new Uint32Array(head.buffer);
	words[OBJECT_KIND >> 2] = made.kind;
	words[OBJECT_ELEMENT >> 2] = made.element ?? 0;
	words[OBJECT_REQUESTED >> 2] = made.requested ?? 0;
	words[OBJECT_DATA >> 2] = made.data;
	words[OBJECT_CAPACITY >> 2] = made.capacity ?? 0;
	words[OBJECT_NAME_LENGTH >> 2] = name.length;
	words[OBJECT_TYPE >> 2] = made.typeAt;
	words[OBJECT_TYPE_BYTES >> 2] = made.typeBytes;
	getRandomValues(words.subarray(OBJECT_NONCE >> 2, (OBJECT_NONCE >> 2) + 2));
	head.set(name, OBJECT_NAME);
	return head;
}

function release({ core, me, closed }: Attachment, object: number, blocks: number[]): void {
	if (closed) return;
	if (object !== 0) core.freeInternal(me, object);
	for (const block of blocks) core.free(me, block);
}

/**
 * Removes the object with this name. False if there is none. All objects that this participant has open under
 * that name end, including those that others have removed.
 */
export function removeObject(attachment: Attachment, name: string): boolean {
	const bytes = encodeName(name);
	attachment.checkWritable();
	const { core, me } = attachment;
	const opened = openedBy(attachment);
	attachment.trimmer.noteFree(attachment.size);
	const found = core.remove(me, attachment.lend(bytes), bytes.length) >>> 0;
	const isThere = found >= STATUS_LIMIT;
	if (!isThere && found !== NOT_FOUND) throw attachment.unexpected(found, `Removing ${name}`);
	const ours = opened.get(name) ?? [];
	opened.delete(name);
	try {
		for (const object of ours) object.end();
	} finally {
		const all = new Set([...ours.map((object) => object.at), ...(isThere ? [found] : [])]);
		for (const at of all) {
			// Ending an object may run the user's code, such as an `until()` that closes the region.
			if (!attachment.closed) attachment.wake(core.unpin(me, at) >>> 0);
		}
	}
	return isThere;
}

/** Reads a word of an object's record. */
export function objectWord(attachment: Attachment, object: number, field: number): number {
	return attachment.words[(object + field) >>> 2] as number;
}

/** Reads the name in an object's record. */
export function nameOf(attachment: Attachment, object: number): string {
	const length = Math.min(objectWord(attachment, object, OBJECT_NAME_LENGTH), NAME_BYTES);
	const from = object + OBJECT_NAME;
	return Buffer.from(attachment.bytes.subarray(from, from + length)).toString();
}

/** The most buckets that a region of any size has. */
const MOST_BUCKETS = 4096;

/**
 * The offsets of the named objects, in no order. Objects that are added or removed meanwhile may be missing
 * or listed.
 */
export function* listObjects(attachment: Attachment): Generator<number> {
	const count = Math.min(attachment.header(HEADER_BUCKET_MASK) + 1, MOST_BUCKETS);
	const seen = new Set<number>();
	const buckets = attachment.header(HEADER_BUCKETS) >>> 2;
	for (let bucket = 0; bucket < count; bucket++) {
		// Most buckets are empty, and a call of the core costs ten times as much.
		if (attachment.words[buckets + bucket * (BUCKET_BYTES / 4)] === 0) continue;
		let object = 0;
		for (;;) {
			object = attachment.core.nextObject(bucket, object) >>> 0;
			if (object < STATUS_LIMIT || seen.has(object)) break;
			seen.add(object);
			yield object;
		}
	}
}
