/**
 * The directory, and the pins of its objects.
 *
 * ```text
 *  D1  each list consists of objects and ends with 0, and no object is in the lists twice
 *  D2  an object in the list of bucket b was not freed, and its hash & mask = b
 *  D3  hash = FNV-1a(name),  1 ≤ length of the name ≤ 200
 *  D4  no two objects have the same name, unless one is removed
 *  D5  at rest: an object belongs to the region  ⟷  it is in its list, or removed and pinned
 *  D6  an object has a pin for slot i  →  a participant has slot i, and has touched the span
 * ```
 */
import {
	BUCKET_BYTES,
	CLASS_OBJECT,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	LINK_REMOVED,
	NAME_BYTES,
	OBJECT_BYTES,
	OBJECT_HASH,
	OBJECT_NAME,
	OBJECT_NAME_LENGTH,
	OBJECT_NEXT,
	OBJECT_PINS,
	OWNER_FREE,
	OWNER_NONE,
	OWNER_REGION,
	SLOTS,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { fnv1a } from "./hash.js";
import { hex, type Memory } from "./memory.js";
import type { Report } from "./report.js";

export function isRemoved(memory: Memory, object: number): boolean {
	return (memory.word(object + OBJECT_NEXT) & LINK_REMOVED) !== 0;
}

/** Returns the object's name for findings. It may contain any characters; output escapes them later. */
export function nameOf(memory: Memory, object: number): string {
	const length = Math.min(memory.word(object + OBJECT_NAME_LENGTH), NAME_BYTES);
	return Buffer.from(memory.bytes.slice(object + OBJECT_NAME, object + OBJECT_NAME + length)).toString();
}

/** Returns the objects in use: those in the lists, and at rest also removed objects that are still open. */
export function checkDirectory(memory: Memory, report: Report): number[] {
	const listed = new Set<number>();
	const buckets = memory.word(HEADER_BUCKET_MASK) + 1;
	for (let bucket = 0; bucket < buckets; bucket++) checkList(memory, report, bucket, listed);
	const used = [...listed].filter((object) => !isRemoved(memory, object));
	for (let span = memory.heap; span < memory.ready; span++) {
		if (memory.classOf(span) !== CLASS_OBJECT) continue;
		const end = (span + 1) * SPAN_BYTES - OBJECT_BYTES;
		for (let object = span * SPAN_BYTES; object <= end; object += OBJECT_BYTES) {
			const isPinned = checkPins(memory, report, object, span);
			if (!report.isAtRest || memory.owner(object) !== OWNER_REGION) continue;
			const isOpen = isRemoved(memory, object) && isPinned;
			if (isOpen) used.push(object);
			else if (!listed.has(object) || isRemoved(memory, object))
				report.add(
					"D5",
					object,
					`the object at ${hex(object)} is in no list, and no participant has it open`,
				);
		}
	}
	return used;
}

function checkList(memory: Memory, report: Report, bucket: number, listed: Set<number>): void {
	let link = memory.word(HEADER_BUCKETS) + bucket * BUCKET_BYTES;
	if (memory.word(link) === 0) return;
	const names = new Set<string>();
	const mask = memory.word(HEADER_BUCKET_MASK);
	for (;;) {
		const object = (memory.word(link) & ~LINK_REMOVED) >>> 0;
		if (object === 0) return;
		if (!memory.isObject(object) || listed.has(object)) {
			const what = listed.has(object) ? "is already in a list" : "is not an object";
			report.add("D1", link, `the list of bucket ${bucket} contains ${hex(object)}, which ${what}`);
			return;
		}
		listed.add(object);
		const owner = memory.owner(object);
		if (owner === OWNER_FREE || owner === OWNER_NONE)
			report.add(
				"D2",
				object,
				`the list of bucket ${bucket} contains the object at ${hex(object)}, which was freed`,
			);
		else if (report.isAtRest && owner !== OWNER_REGION && !isRemoved(memory, object))
			report.add(
				"D5",
				object,
				`the object at ${hex(object)} is in the directory, but does not belong to the region`,
			);
		if (((memory.word(object + OBJECT_HASH) ^ bucket) & mask) !== 0)
			report.add(
				"D2",
				object,
				`the object at ${hex(object)} is in bucket ${bucket}, but its hash belongs to another bucket`,
			);
		checkName(memory, report, object, names);
		link = object + OBJECT_NEXT;
	}
}

function checkName(memory: Memory, report: Report, object: number, names: Set<string>): void {
	const length = memory.word(object + OBJECT_NAME_LENGTH);
	const isSound = length >= 1 && length <= NAME_BYTES;
	if (!isSound || fnv1a(memory, object + OBJECT_NAME, length) !== memory.word(object + OBJECT_HASH)) {
		report.add("D3", object, `the object at ${hex(object)} has a hash that is not that of its name`);
		return;
	}
	if (isRemoved(memory, object)) return;
	const name = Buffer.from(memory.bytes.slice(object + OBJECT_NAME, object + OBJECT_NAME + length)).toString(
		"latin1",
	);
	if (names.has(name))
		report.add("D4", object, `two objects have the name ${JSON.stringify(nameOf(memory, object))}`);
	names.add(name);
}

/** Checks the object's pins. True if it has any. */
function checkPins(memory: Memory, report: Report, object: number, span: number): boolean {
	let isPinned = false;
	for (let from = 0; from < SLOTS; from += 32) {
		for (let bits = memory.word(object + OBJECT_PINS + (from >>> 3)); bits !== 0; bits &= bits - 1) {
			isPinned = true;
			const index = from + 31 - Math.clz32(bits & -bits);
			if (memory.holder(index) === 0 || !memory.isTouched(index, span))
				report.add(
					"D6",
					object,
					`the object at ${hex(object)} has a pin for slot ${index}, which is free or has not touched its span`,
				);
		}
	}
	return isPinned;
}

/** True if the participant has the object open. */
export function isPinnedBy(memory: Memory, object: number, participant: number): boolean {
	const index = (participant & 0xff) - 1;
	return memory.isCurrent(participant) && memory.bit(object + OBJECT_PINS, index);
}
