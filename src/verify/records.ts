/**
 * The queue of records. C is the capacity, in records.
 *
 * ```text
 *  N1  C is a power of two ≥ 2, ELEMENT and TYPE are a dtype or the schema of a struct, and DATA has room for C
 *      of them
 *  N2  HEAD ≤ CACHED_TAIL ≤ TAIL ≤ HEAD + C
 *  N3  CACHED_HEAD ≤ HEAD ≤ CACHED_HEAD + C
 *  N4  ENDS is 0 or 1;  ENDS = 1  →  HEAD ≤ END ≤ TAIL
 * ```
 */
import { Buffer } from "node:buffer";
import {
	OBJECT_CAPACITY,
	OBJECT_ELEMENT,
	OBJECT_TYPE,
	OBJECT_TYPE_BYTES,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_END,
	QUEUE_ENDS,
	QUEUE_HEAD,
	QUEUE_TAIL,
} from "../../assembly/layout.js";
import { STRUCT } from "../values/coded-types.js";
import { bytesPer, dtypeOf } from "../values/dtypes.js";
import { LONGEST_TYPE, parseSchema } from "../values/schema.js";
import type { Memory } from "./memory.js";
import { distance, isPowerOfTwo } from "./queue.js";
import type { Subject } from "./subject.js";

/** The size of a record in bytes; 0 if its type is none. */
function recordSize(memory: Memory, word: Subject["word"]): number {
	const dtype = dtypeOf(word(OBJECT_ELEMENT));
	if (dtype !== undefined) return bytesPer(dtype);
	const at = word(OBJECT_TYPE);
	const text = Buffer.from(memory.bytes.subarray(at, at + Math.min(word(OBJECT_TYPE_BYTES), LONGEST_TYPE)));
	return word(OBJECT_ELEMENT) === STRUCT ? (parseSchema(text.toString())?.size ?? 0) : 0;
}

export function checkRecords({ memory, word, fail, room }: Subject): void {
	const capacity = word(OBJECT_CAPACITY);
	const size = recordSize(memory, word);
	if (size === 0 || !isPowerOfTwo(capacity) || capacity < 2 || capacity * size > room) {
		fail(
			"N1",
			`has capacity ${capacity} of element type ${word(OBJECT_ELEMENT)}, but its data block has ${room} bytes`,
		);
		return;
	}
	const head = word(QUEUE_HEAD);
	const used = distance(head, word(QUEUE_TAIL));
	if (used > capacity || distance(head, word(QUEUE_CACHED_TAIL)) > used)
		fail("N2", `has its head at ${head} and its tail at ${word(QUEUE_TAIL)}, with capacity ${capacity}`);
	if (distance(word(QUEUE_CACHED_HEAD), head) > capacity)
		fail("N3", `has its head at ${head}, but its producer's cached head is ${word(QUEUE_CACHED_HEAD)}`);
	const ends = word(QUEUE_ENDS);
	if (ends > 1 || (ends === 1 && distance(head, word(QUEUE_END)) > used))
		fail("N4", `ends at ${word(QUEUE_END)}, which is not between its head and its tail`);
}
