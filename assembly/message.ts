/** What a message is made of, in a queue's ring or in a block of its own: a header, and maybe a block that goes with it. */

import { capacityOf, ownerAt } from "./blocks";
import {
	CORRUPT,
	OK,
	RECORD_BLOCK,
	RECORD_DATA,
	RECORD_HEADER,
	RECORD_LARGE,
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
	store<u32>(record, length);
	store<u32>(record, kind, 4);
}

/** Writes what the payload of a message with a block begins with. */
export function writeReference(payload: u32, block: u32, length: u32): void {
	store<u64>(payload, block);
	store<u64>(payload, length, REFERENCE_LENGTH);
}

/** The block that a message refers to, which must be of a kind that does. */
export function referred(record: u32): u32 {
	return load<u32>(record + RECORD_HEADER, REFERENCE_OFFSET);
}

/**
 * Leaves in the slot's results how to hold the message, its length, its kind, its block and that block's length.
 * CORRUPT unless the block is `owner`'s.
 */
export function describeMessage(me: u32, record: u32, hold: u32, length: u32, kind: u32, owner: u32): u32 {
	let block: u32 = 0;
	let blockLength: u32 = 0;
	if (kind != RECORD_DATA) {
		if ((kind != RECORD_LARGE && kind != RECORD_BLOCK) || length < REFERENCE_BYTES) return CORRUPT;
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
