/**
 * Named objects in use: the common part, and then the checks of each kind.
 *
 * ```text
 *  O1  KIND is a valid kind
 *  O2  DATA and TYPE are 0 or blocks, not references, that belong to the region, or to a participant that is about to
 *      give them to the region                                          at rest: to the region
 *  O3  bytes of TYPE ≤ its capacity;  SEGMENT = 0
 *  A1  ELEMENT is a dtype in an array, and 0 in a struct
 * ```
 */
import {
	KIND_ARRAY,
	KIND_CONDITION,
	KIND_MAILBOX,
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_RECORDS,
	KIND_STRUCT,
	KIND_VECTOR,
	OBJECT_DATA,
	OBJECT_DATA_SEGMENT,
	OBJECT_ELEMENT,
	OBJECT_KIND,
	OBJECT_TYPE,
	OBJECT_TYPE_BYTES,
	OBJECT_TYPE_SEGMENT,
	OWNER_REGION,
} from "../../assembly/layout.js";
import { dtypeOf } from "../values/dtypes.js";
import type { Claims } from "./claims.js";
import { isRemoved, nameOf } from "./directory.js";
import { checkEndpoints } from "./endpoints.js";
import { checkLock } from "./locks.js";
import { checkMailbox } from "./mailbox.js";
import { checkMap } from "./map.js";
import { hex, type Memory } from "./memory.js";
import { checkQueue } from "./queue.js";
import { checkRecords } from "./records.js";
import type { Report } from "./report.js";
import type { Subject } from "./subject.js";
import { checkVector } from "./vector.js";

/** The kinds of objects: their names and their checks. */
const kinds: Record<number, { name: string; checks: ((subject: Subject) => void)[] }> = {
	[KIND_QUEUE]: { name: "queue", checks: [checkEndpoints, checkQueue] },
	[KIND_RECORDS]: { name: "queue of records", checks: [checkEndpoints, checkRecords] },
	[KIND_STRUCT]: { name: "struct", checks: [checkStruct] },
	[KIND_ARRAY]: { name: "array", checks: [checkArray] },
	[KIND_MUTEX]: { name: "mutex", checks: [checkLock] },
	[KIND_CONDITION]: { name: "condition", checks: [checkLock] },
	[KIND_VECTOR]: { name: "vector", checks: [checkLock, checkVector] },
	[KIND_MAP]: { name: "map", checks: [checkLock, checkMap] },
	[KIND_MAILBOX]: { name: "mailbox", checks: [checkEndpoints, checkMailbox] },
};

export function checkObject(memory: Memory, report: Report, claims: Claims, object: number): void {
	const word = (field: number) => memory.word(object + field);
	const kind = kinds[word(OBJECT_KIND)];
	const name = () =>
		`the ${isRemoved(memory, object) ? "removed " : ""}${kind?.name ?? "object"} ${JSON.stringify(nameOf(memory, object))}`;
	const fail = (invariant: string, text: string) => report.add(invariant, object, `${name()} ${text}`);
	if (kind === undefined) {
		fail("O1", `has kind ${word(OBJECT_KIND)}, which does not exist`);
		return;
	}
	if (((word(OBJECT_DATA_SEGMENT) | word(OBJECT_TYPE_SEGMENT)) & 0xffff) !== 0)
		fail("O3", "refers to another segment");
	const hasType = isBlock(OBJECT_TYPE, "type");
	if (word(OBJECT_TYPE_BYTES) > memory.capacity(hasType ? word(OBJECT_TYPE) : 0))
		fail("O3", `has a type of ${word(OBJECT_TYPE_BYTES)} bytes, but the block for it is smaller`);
	// A block that something else refers to as well is not followed. Otherwise checking garbage might never
	// end.
	if (!isBlock(OBJECT_DATA, "data") && word(OBJECT_DATA) !== 0) return;
	const data = word(OBJECT_DATA);
	const room = memory.capacity(data);
	const subject: Subject = {
		memory,
		report,
		claims,
		object,
		get name() {
			return name();
		},
		data,
		room,
		word,
		fail,
	};
	for (const check of kind.checks) check(subject);

	function isBlock(field: number, what: string): boolean {
		const block = word(field);
		if (block === 0) return false;
		const owner = memory.isReference(block) ? 0 : memory.owner(block);
		const isSound = owner === OWNER_REGION || (!report.isAtRest && memory.isTag(owner));
		if (!isSound)
			fail("O2", `has its ${what} at ${hex(block)}, which is not a block that belongs to the region`);
		return isSound && claims.add(block, `the ${what} of object ${hex(object)}`);
	}
}

function checkStruct({ word, fail }: Subject): void {
	if (word(OBJECT_ELEMENT) !== 0)
		fail("A1", `has element type ${word(OBJECT_ELEMENT)}, but a struct has none`);
}

function checkArray({ word, fail }: Subject): void {
	if (dtypeOf(word(OBJECT_ELEMENT)) === undefined)
		fail("A1", `has element type ${word(OBJECT_ELEMENT)}, which is not a dtype`);
}
