/**
 * Handles: saved blocks. Only handles that belong to the region are checked; others are being made or freed.
 *
 * ```text
 *  K1  NONCE ≠ 0
 *  K2  REFERENCE is a block or a reference that belongs to the region, and has room for its length
 * ```
 */
import {
	CLASS_HANDLE,
	HANDLE_NONCE,
	HANDLE_REFERENCE,
	OWNER_REGION,
	REFERENCE_LENGTH,
	REFERENCE_OFFSET,
	SPAN_BYTES,
} from "../../assembly/layout.js";
import type { Claims } from "./claims.js";
import { hex, type Memory } from "./memory.js";
import type { Report } from "./report.js";

export function checkHandles(memory: Memory, report: Report, claims: Claims): void {
	for (let span = memory.heap; span < memory.ready; span++) {
		if (memory.classOf(span) !== CLASS_HANDLE) continue;
		const bytes = memory.blockBytes(CLASS_HANDLE);
		for (let handle = span * SPAN_BYTES; handle < (span + 1) * SPAN_BYTES; handle += bytes) {
			if (memory.owner(handle) === OWNER_REGION) checkHandle(memory, report, claims, handle);
		}
	}
}

function checkHandle(memory: Memory, report: Report, claims: Claims, handle: number): void {
	const name = `the handle at ${hex(handle)}`;
	if (memory.word(handle + HANDLE_NONCE) === 0 && memory.word(handle + HANDLE_NONCE + 4) === 0)
		report.add("K1", handle, `${name} has no nonce`);
	const block = memory.word(handle + HANDLE_REFERENCE + REFERENCE_OFFSET);
	const length = memory.word(handle + HANDLE_REFERENCE + REFERENCE_LENGTH);
	if (memory.owner(block) !== OWNER_REGION || length > memory.capacity(block))
		report.add(
			"K2",
			handle,
			`${name} refers to ${length} bytes at ${hex(block)}, which do not belong to the region`,
		);
	else claims.add(block, name);
}
