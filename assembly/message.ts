/** A message is a record, in a queue's ring or in a block of its own. It may refer to a block. */

import { capacityOf, ownerAt } from "./blocks";
import {
	CORRUPT,
	OK,
	RECORD_BLOCK,
	RECORD_DATA,
	RECORD_HEADER,
	RECORD_KIND,
	RECORD_LARGE,
	RECORD_LENGTH,
	RECORD_RELEASED,
	REFERENCE_BYTES,
	REFERENCE_LENGTH,
	REFERENCE_OFFSET,
	SLOT_RESULT,
	SLOT_RESULT_2,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	SLOT_RESULT_5,
} from "./layout";
import { slotOf } from "./slots";

export function writeHeader(record: u32, length: u32, kind: u32): void {
	store<u32>(record, length, RECORD_LENGTH);
	store<u32>(record, kind, RECORD_KIND);
}

export function lengthOf(record: u32): u32 {
	return load<u32>(record, RECORD_LENGTH);
}

/** The record's kind, combined with RECORD_RELEASED after the message was released. */
export function kindOf(record: u32): u32 {
	return load<u32>(record, RECORD_KIND);
}

/** Marks a message as released, so that it is never delivered again. */
export function markReleased(record: u32): void {
	atomic.store<u32>(record, kindOf(record) | RECORD_RELEASED, RECORD_KIND);
}

/** True if messages of this kind refer to a block. */
export function hasBlock(kind: u32): bool {
	return kind == RECORD_LARGE || kind == RECORD_BLOCK;
}

/** Writes the reference to a block at the beginning of a message's payload. */
export function writeReference(payload: u32, block: u32, length: u32): void {
	store<u64>(payload, block);
	store<u64>(payload, length, REFERENCE_LENGTH);
}

/** The block that a message refers to. Call it only for kinds with a block. */
export function referred(record: u32): u32 {
	return load<u32>(record + RECORD_HEADER, REFERENCE_OFFSET);
}

/**
 * Writes a message into the slot's results: `hold`, by which it is released; its length and kind; its block
 * and the block's length. Returns CORRUPT unless the block belongs to `owner`.
 */
export function describeMessage(me: u32, record: u32, hold: u32, length: u32, kind: u32, owner: u32): u32 {
	let block: u32 = 0;
	let blockLength: u32 = 0;
	if (kind != RECORD_DATA) {
		if (!hasBlock(kind) || length < REFERENCE_BYTES) return CORRUPT;
		block = referred(record);
		blockLength = load<u32>(record + RECORD_HEADER, REFERENCE_LENGTH);
		if (ownerAt(block) != owner || blockLength > capacityOf(block)) return CORRUPT;
	}
	const slot = slotOf(me);
	store<u32>(slot, hold, SLOT_RESULT);
	store<u32>(slot, length, SLOT_RESULT_2);
	store<u32>(slot, kind, SLOT_RESULT_3);
	store<u32>(slot, block, SLOT_RESULT_4);
	store<u32>(slot, blockLength, SLOT_RESULT_5);
	return OK;
}
