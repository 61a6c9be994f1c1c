/**
 * The directory, and who has its objects open.
 *
 * ```text
 *  D1  each list leads over objects, each once, to 0
 *  D2  what is in the list of bucket b was not freed, and its hash & mask = b
 *  D3  hash = FNV-1a(name),  1 ≤ length of the name ≤ 200
 *  D4  no two objects that are not removed have one name
 *  D5  at rest: an object is the region's  ⟷  it is in its list, or removed and pinned
 *  D6  an object's pin for slot i  →  somebody has slot i, and has touched the span
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

/** The object's name, for findings. */
export function nameOf(memory: Memory, object: number): string {
	const length = Math.min(memory.word(object + OBJECT_NAME_LENGTH), NAME_BYTES);
	return Buffer.from(memory.bytes.slice(object + OBJECT_NAME, object + OBJECT_NAME + length)).toString();
}

/** The objects that are in use: those in the lists, and at rest also those that were removed and are still open. */
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
				report.add("D5", object, `the object at ${hex(object)} can't be found, and nobody has it open`);
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
			const what = listed.has(object) ? "is in a list already" : "is no object's";
			report.add("D1", link, `bucket ${bucket} leads to ${hex(object)}, which ${what}`);
			return;
		}
		listed.add(object);
		const owner = memory.owner(object);
		if (owner === OWNER_FREE || owner === OWNER_NONE)
			report.add("D2", object, `bucket ${bucket} leads to the object at ${hex(object)}, which was freed`);
		else if (report.isAtRest && owner !== OWNER_REGION && !isRemoved(memory, object))
			report.add("D5", object, `the object at ${hex(object)} is in the directory, and not the region's`);
		if (((memory.word(object + OBJECT_HASH) ^ bucket) & mask) !== 0)
			report.add(
				"D2",
				object,
				`the object at ${hex(object)} is in bucket ${bucket}, where its hash does not belong`,
			);
		checkName(memory, report, object, names);
		link = object + OBJECT_NEXT;
	}
}

function checkName(memory: Memory, report: Report, object: number, names: Set<string>): void {
	const length = memory.word(object + OBJECT_NAME_LENGTH);
	const isSound = length >= 1 && length <= NAME_BYTES;
	if (!isSound || fnv1a(memory, object + OBJECT_NAME, length) !== memory.word(object + OBJECT_HASH)) {
		report.add("D3", object, `the object at ${hex(object)} has another name than its hash is of`);
		return;
	}
	if (isRemoved(memory, object)) return;
	const name = Buffer.from(memory.bytes.slice(object + OBJECT_NAME, object + OBJECT_NAME + length)).toString(
		"latin1",
	);
	if (names.has(name))
		report.add("D4", object, `two objects are called ${JSON.stringify(nameOf(memory, object))}`);
	names.add(name);
}

/** Whether anybody has the object pinned. */
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
					`the object at ${hex(object)} is pinned for slot ${index}, which does not know of it`,
				);
		}
	}
	return isPinned;
}

/** Whether the participant has the object open. */
export function isPinnedBy(memory: Memory, object: number, participant: number): boolean {
	const index = (participant & 0xff) - 1;
	return memory.isCurrent(participant) && memory.bit(object + OBJECT_PINS, index);
}
