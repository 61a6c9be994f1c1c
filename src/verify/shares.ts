/**
 * Shares: several references to one block. Only shares that belong to the region are checked; others are
 * being made or ended.
 *
 * ```text
 *  C1  a reference's owner byte is 0, a participant, in flight or the region
 *  C2  BLOCK is a block, not a reference, and belongs to the region
 *  C3  at rest: there is at least one reference
 * ```
 * B5 holds for references of participants too.
 */
import {
	CLASS_SHARE,
	OWNER_NONE,
	OWNER_REGION,
	SHARE_BLOCK,
	SHARE_BYTES,
	SHARE_OWNERS,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import { checkOwner } from "./blocks.js";
import type { Claims } from "./claims.js";
import { hex, type Memory } from "./memory.js";
import type { Report } from "./report.js";

export function checkShares(memory: Memory, report: Report, claims: Claims): void {
	for (let span = memory.heap; span < memory.ready; span++) {
		if (memory.classOf(span) !== CLASS_SHARE) continue;
		for (let share = span * SPAN_BYTES; share < (span + 1) * SPAN_BYTES; share += SHARE_BYTES) {
			if (memory.owner(share) === OWNER_REGION) checkShare(memory, report, claims, share);
		}
	}
}

function checkShare(memory: Memory, report: Report, claims: Claims, share: number): void {
	const name = `the share at ${hex(share)}`;
	let references = 0;
	for (let four = share + SHARE_OWNERS; four < share + SHARE_BYTES; four += 4) {
		if (memory.word(four) === 0) continue;
		for (let at = four; at < four + 4; at++) {
			const owner = memory.byte(at);
			if (owner === OWNER_NONE) continue;
			references++;
			if (owner > OWNER_REGION)
				report.add("C1", at, `${name} has a reference of owner ${owner}, which does not exist`);
			else checkOwner(memory, report, owner, at, Math.floor(share / SPAN_BYTES));
		}
	}
	if (report.isAtRest && references === 0) report.add("C3", share, `${name} has no reference`);
	const block = memory.word(share + SHARE_BLOCK);
	if (memory.isReference(block) || memory.owner(block) !== OWNER_REGION)
		report.add(
			"C2",
			share,
			`${name} refers to ${hex(block)}, which is not a block that belongs to the region`,
		);
	else claims.add(block, name);
}
