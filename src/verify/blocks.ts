/**
 * Owner bytes, which say who owns each block.
 *
 * ```text
 *  B1  in a SLAB, a block's byte is FREE, a participant, in flight or the region; it is 0 only while a participant makes
 *      or retires the slab                                                               at rest: never 0
 *  B2  in a SLAB, the bytes after the last block's are 0
 *  B3  in a RUN, the first byte is an owner, the others are 0
 *  B4  in a FREE span and in a TAIL, all bytes are 0; in a CLAIMED span, none is FREE
 *  B5  a byte is a participant  →  its slot is taken, and it has touched the span
 * ```
 */
import {
	INTENT_RETIRE,
	INTENT_SLAB,
	OWNER_FREE,
	OWNER_NONE,
	OWNER_REGION,
	OWNERS_PER_SPAN,
	SLOTS,
	SPAN_BYTES,
	SPAN_CLAIMED,
	SPAN_RUN,
} from "../../assembly/layout.js";
import type { Memory } from "./memory.js";
import { isIntended } from "./participants.js";
import type { Report } from "./report.js";

const ALL_FREE = 0xffffffff;
const MAKING: readonly number[] = [INTENT_SLAB, INTENT_RETIRE];

export function checkBlocks(memory: Memory, report: Report): void {
	for (let span = memory.heap; span < memory.ready; span++) {
		if (!memory.hasOwners(span)) continue;
		const sizeClass = memory.classOf(span);
		if (sizeClass >= 0)
			checkSlab(memory, report, span, Math.floor(SPAN_BYTES / memory.blockBytes(sizeClass)));
		else checkOther(memory, report, span);
	}
}

/** True if an owner byte of this value stands for an owner. */
function isOwner(owner: number): boolean {
	return owner !== OWNER_NONE && owner <= OWNER_REGION;
}

function checkSlab(memory: Memory, report: Report, span: number, blocks: number): void {
	const owners = memory.owners(span);
	const { words } = memory;
	let isUnmade = false;
	for (let index = 0; index < OWNERS_PER_SPAN; index += 4) {
		const four = words[(owners + index) >>> 2] as number;
		if (four === ALL_FREE && index + 4 <= blocks) continue;
		if (four === 0 && index >= blocks) continue;
		for (let each = index; each < index + 4; each++) {
			const owner = memory.byte(owners + each);
			const fail = (invariant: string, text: string) =>
				report.add(invariant, owners + each, `block ${each} of span ${span} ${text}`);
			if (each >= blocks) {
				if (owner !== OWNER_NONE) fail("B2", `has owner ${owner}, but there is no such block`);
			} else if (owner === OWNER_NONE) isUnmade = true;
			else if (owner !== OWNER_FREE && !isOwner(owner))
				fail("B1", `has owner ${owner}, which does not exist`);
			else checkOwner(memory, report, owner, owners + each, span);
		}
	}
	if (isUnmade && (report.isAtRest || !isIntended(memory, MAKING, span)))
		report.add("B1", owners, `span ${span} has blocks that are not free, but have no owner`);
}

function checkOther(memory: Memory, report: Report, span: number): void {
	const owners = memory.owners(span);
	const state = memory.state(span);
	const isRun = state === SPAN_RUN;
	const isClaimed = (state & 0xff) === SPAN_CLAIMED;
	const { words } = memory;
	for (let index = 0; index < OWNERS_PER_SPAN; index += 4) {
		if (words[(owners + index) >>> 2] === 0 && !(isRun && index === 0)) continue;
		for (let each = index; each < index + 4; each++) {
			const owner = memory.byte(owners + each);
			const fail = (invariant: string, text: string) =>
				report.add(invariant, owners + each, `span ${span} ${text}`);
			if (isRun && each === 0) {
				if (isOwner(owner)) checkOwner(memory, report, owner, owners, span);
				else fail("B3", `is a run with owner ${owner}, which does not exist`);
			} else if (isRun && owner !== OWNER_NONE) fail("B3", `is a run, but has another owner at ${each}`);
			else if (isClaimed && owner === OWNER_FREE) fail("B4", `is claimed, but has a free block at ${each}`);
			else if (!isRun && !isClaimed && owner !== OWNER_NONE)
				fail("B4", `has no blocks, but an owner at ${each}`);
		}
	}
}

/** If the owner byte stands for a participant, checks that this participant can own something in `span`. */
export function checkOwner(memory: Memory, report: Report, owner: number, at: number, span: number): void {
	if (owner < 1 || owner > SLOTS) return;
	if (memory.holder(owner - 1) === 0)
		report.add("B5", at, `a block in span ${span} belongs to slot ${owner - 1}, which is free`);
	else if (!memory.isTouched(owner - 1, span))
		report.add(
			"B5",
			at,
			`a block in span ${span} belongs to slot ${owner - 1}, which has not touched the span`,
		);
}
