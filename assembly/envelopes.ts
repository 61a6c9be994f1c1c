/**
 * Envelopes: the messages of a mailbox. Each is a record in its own block, and may refer to another block.
 */
import { capacityOf, checkOwned, heapBytesOf, isReference, ownerAt, take } from "./blocks";
import { freeOwned } from "./free";
import {
	BAD_STATE,
	CORRUPT,
	NOT_A_BLOCK,
	OK,
	OWNER_IN_FLIGHT,
	OWNER_NONE,
	RECORD_BLOCK,
	RECORD_DATA,
	RECORD_HEADER,
	REFERENCE_BYTES,
} from "./layout";
import { describeMessage, kindOf, lengthOf, referred, writeHeader, writeReference } from "./message";
import { tagOf } from "./slots";

/** The block that was handed over with the message in an envelope; 0 if there is none. */
export function attachedTo(envelope: u32): u32 {
	if (ownerAt(envelope) == OWNER_NONE) return 0;
	return kindOf(envelope) == RECORD_BLOCK ? referred(envelope) : 0;
}

/** Makes `me` the owner of a message in flight. Repeating this does no harm. */
export function takeEnvelope(me: u32, envelope: u32): void {
	const block = attachedTo(envelope);
	if (block != 0) take(me, block, OWNER_IN_FLIGHT);
	take(me, envelope, OWNER_IN_FLIGHT);
}

/** Frees the parts of a message that `me` owns. */
export function discard(me: u32, envelope: u32): void {
	const block = attachedTo(envelope);
	if (block != 0 && ownerAt(block) == tagOf(me)) freeOwned(me, block);
	if (ownerAt(envelope) == tagOf(me)) freeOwned(me, envelope);
}

/** Completes the message in `me`'s envelope, whose payload is written, with a block or 0. */
export function seal(me: u32, envelope: u32, length: u32, block: u32, blockLength: u32): u32 {
	const status = checkOwned(me, envelope);
	if (status != OK) return status;
	if (isReference(envelope) || envelope == block) return NOT_A_BLOCK;
	const room = heapBytesOf(envelope);
	if (room < RECORD_HEADER || length > room - RECORD_HEADER) return BAD_STATE;
	if (block != 0) {
		const blockStatus = checkOwned(me, block);
		if (blockStatus != OK) return blockStatus;
		if (length < REFERENCE_BYTES || blockLength > capacityOf(block)) return BAD_STATE;
		writeReference(envelope + RECORD_HEADER, block, blockLength);
	}
	writeHeader(envelope, length, block == 0 ? RECORD_DATA : RECORD_BLOCK);
	return OK;
}

/**
 * Describes the message in an envelope that `me` has taken. Returns the offset of its payload, or `CORRUPT`.
 */
export function receiveEnvelope(me: u32, envelope: u32): u32 {
	const room = heapBytesOf(envelope);
	if (ownerAt(envelope) != tagOf(me) || room == 0) return CORRUPT;
	const length = lengthOf(envelope);
	if (length > room - RECORD_HEADER) return CORRUPT;
	const status = describeMessage(me, envelope, envelope, length, kindOf(envelope), tagOf(me));
	return status == OK ? envelope + RECORD_HEADER : status;
}
