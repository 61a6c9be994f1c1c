/**
 * The mailbox. P is the number of places, kept = min(REQUESTED, P - 2).
 *
 * ```text
 *  M1  P is a power of two, 4 to 8192, DATA has room for it, and REQUESTED ≥ 1
 *  M2  OLDEST ≤ TAIL ≤ OLDEST + kept + 2                                              at rest: TAIL ≤ OLDEST + kept
 *  M3  a place is empty, or has a valid state and a position that belongs there
 *  M4  KEPT  →  OLDEST ≤ position, and position < TAIL, or it is being put            at rest: position < TAIL
 *  M5  KEPT  →  the envelope, and the block that the message carries, are in flight and have room for their lengths
 *  M6  at rest: no place is CLAIMED
 *  M7  END is 0, or marked and its position is ≤ TAIL
 * ```
 */
import {
	INTENT_PUT,
	MAILBOX_END,
	MAILBOX_ENDS,
	MAILBOX_FEWEST_PLACES,
	MAILBOX_OLDEST,
	MAILBOX_PLACES,
	MAILBOX_SPARE,
	OBJECT_CAPACITY,
	OBJECT_REQUESTED,
	OWNER_IN_FLIGHT,
	PLACE_CLAIMED,
	PLACE_DROPPED,
	PLACE_KEPT,
	PLACE_SHIFT,
	PLACE_STATE,
	QUEUE_TAIL,
	RECORD_BLOCK,
	RECORD_DATA,
	RECORD_HEADER,
	RECORD_KIND,
	RECORD_LENGTH,
} from "../../assembly/layout.js";
import { hex } from "./memory.js";
import { isIntended } from "./participants.js";
import { attached, distance, isPowerOfTwo } from "./queue.js";
import type { Subject } from "./subject.js";

export function checkMailbox(subject: Subject): void {
	const { memory, report, object, data, room, word, fail } = subject;
	const places = word(OBJECT_CAPACITY);
	const isSound = isPowerOfTwo(places) && places >= MAILBOX_FEWEST_PLACES && places <= MAILBOX_PLACES;
	if (!isSound || places << PLACE_SHIFT > room || word(OBJECT_REQUESTED) === 0) {
		fail(
			"M1",
			`has ${places} places and keeps ${word(OBJECT_REQUESTED)} messages, but its data block has ${room} bytes`,
		);
		return;
	}
	const kept = Math.min(word(OBJECT_REQUESTED), places - MAILBOX_SPARE);
	const tail = word(QUEUE_TAIL);
	const oldest = word(MAILBOX_OLDEST);
	const used = distance(oldest, tail);
	if (used > kept + (report.isAtRest ? 0 : MAILBOX_SPARE))
		fail("M2", `has messages from ${oldest} to ${tail}, but keeps only ${kept}`);
	const end = word(MAILBOX_END);
	// Positions wrap around at 2^32, so a distance of 2^31 or more means that the end lies after the tail.
	if (end > MAILBOX_ENDS || (end === MAILBOX_ENDS && distance(word(MAILBOX_END + 4), tail) > 0x7fffffff))
		fail("M7", `ends at ${word(MAILBOX_END + 4)}, which is not before its tail`);
	const isBeingPut = !report.isAtRest && isIntended(memory, [INTENT_PUT], object);
	for (let index = 0; index < places; index++) {
		const place = data + (index << PLACE_SHIFT);
		const contents = memory.word(place);
		const position = memory.word(place + 4);
		const state = contents & PLACE_STATE;
		if (contents === 0 && position === 0) continue;
		if (state < PLACE_KEPT || state > PLACE_DROPPED || (position & (places - 1)) !== index) {
			fail("M3", `has state ${state} and position ${position} in place ${index}`);
			continue;
		}
		if (state === PLACE_CLAIMED && report.isAtRest)
			fail("M6", `has a message at ${position} whose receiving was not finished`);
		if (state !== PLACE_KEPT) continue;
		if (distance(oldest, position) >= used + (isBeingPut ? MAILBOX_SPARE : 0))
			fail("M4", `keeps a message at ${position}, but its messages are those from ${oldest} to ${tail}`);
		checkEnvelope(subject, (contents & ~PLACE_STATE) >>> 0, position);
	}
}

function checkEnvelope({ memory, claims, fail }: Subject, envelope: number, position: number): void {
	const length = memory.word(envelope + RECORD_LENGTH);
	const kind = memory.word(envelope + RECORD_KIND);
	const isSound =
		memory.owner(envelope) === OWNER_IN_FLIGHT &&
		!memory.isReference(envelope) &&
		length + RECORD_HEADER <= memory.capacity(envelope) &&
		(kind === RECORD_DATA || kind === RECORD_BLOCK);
	if (!isSound) {
		fail(
			"M5",
			`keeps a message of kind ${kind} at ${position}, but ${hex(envelope)} is not a valid envelope`,
		);
		return;
	}
	if (!claims.add(envelope, `the place of position ${position}`) || kind !== RECORD_BLOCK) return;
	const { block, owner, isSound: hasRoom } = attached(memory, envelope);
	if (owner === OWNER_IN_FLIGHT && hasRoom) claims.add(block, `the envelope at ${hex(envelope)}`);
	else
		fail(
			"M5",
			`keeps a message at ${position} with the block at ${hex(block)}, which is not in flight or too small`,
		);
}
