/**
 * Participant slots: the participants, their unfinished changes, and how to wake them.
 *
 * The host holds the kernel's lock on a slot's byte while it has the slot, so liveness comes from the lock
 * and not from memory. A participant that gets a dead participant's lock may act in its name.
 */
import {
	CURRENT_SHIFT,
	HEADER_TOUCHED,
	HEADER_TOUCHED_BYTES,
	INTENT_NONE,
	MORE,
	SLOT_BYTES,
	SLOT_CURRENT,
	SLOT_DOORBELL,
	SLOT_GENERATION,
	SLOT_ID,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_INTENT_C,
	SLOT_INTENT_D,
	SLOT_REQUEST,
	SLOT_SLEEP,
	SLOTS,
	SLOTS_START,
} from "./layout";
import { header } from "./region";

/** The owner byte of a participant's blocks: its slot + 1. */
export function tagOf(me: u32): u32 {
	return me & 0xff;
}

export function slotOf(me: u32): u32 {
	return SLOTS_START + ((me & 0xff) - 1) * SLOT_BYTES;
}

/** True if this participant still has its slot. One that was declared dead is fenced off. */
export function isCurrent(me: u32): bool {
	const index = (me & 0xff) - 1;
	return index < <u32>SLOTS && atomic.load<u32>(SLOTS_START + index * SLOT_BYTES, SLOT_ID) == me;
}

/**
 * Takes slot `index`, whose lock the host holds, and returns the participant's number. `MORE` if the slot's
 * last holder has not been recovered yet.
 */
export function join(index: u32): u32 {
	const slot = SLOTS_START + index * SLOT_BYTES;
	if (atomic.load<u32>(slot, SLOT_ID) != 0) return MORE;
	let generation = (load<u32>(slot, SLOT_GENERATION) + 1) & 0xffffff;
	if (generation == 0) generation = 1;
	store<u32>(slot, generation, SLOT_GENERATION);
	memory.fill(slot + SLOT_REQUEST, 0, SLOT_DOORBELL - SLOT_REQUEST);
	memory.fill(slot + SLOT_SLEEP, 0, SLOT_BYTES - SLOT_SLEEP);
	const me = (generation << 8) | (index + 1);
	atomic.store<u32>(slot, me, SLOT_ID);
	return me;
}

/** Notes the change that is about to begin, so that a survivor can finish or undo it. */
export function intend(me: u32, intent: u32, a: u32, b: u32, c: u32, d: u32): void {
	const slot = slotOf(me);
	store<u32>(slot, a, SLOT_INTENT_A);
	store<u32>(slot, b, SLOT_INTENT_B);
	store<u32>(slot, c, SLOT_INTENT_C);
	store<u32>(slot, d, SLOT_INTENT_D);
	atomic.store<u32>(slot, intent, SLOT_INTENT);
}

/** Clears the intent: the change is finished. */
export function done(me: u32): void {
	atomic.store<u32>(slotOf(me), INTENT_NONE, SLOT_INTENT);
}

/** The word with `span`'s bit in `me`'s bitmap of touched spans. */
export function touchedWord(me: u32, span: u32): u32 {
	return header(HEADER_TOUCHED) + (tagOf(me) - 1) * header(HEADER_TOUCHED_BYTES) + ((span >> 5) << 2);
}

/**
 * Notes that `me` may own something in `span`. This must come before the ownership, because recovery checks
 * only touched spans. Only `me`, or the survivor that recovers it, writes `me`'s bitmap, so an atomic
 * read-modify-write is not needed.
 */
export function touch(me: u32, span: u32): void {
	const word = touchedWord(me, span);
	const bits = load<u32>(word);
	const bit = 1 << (span & 31);
	if ((bits & bit) == 0) atomic.store<u32>(word, bits | bit);
}

/** Notes that `me` no longer owns anything in `span`. */
export function untouch(me: u32, span: u32): void {
	const word = touchedWord(me, span);
	atomic.store<u32>(word, load<u32>(word) & ~(1 << (span & 31)));
}

/** Rings a participant's doorbell, and returns its offset, at which the host must wake the sleepers. */
export function ring(who: u32): u32 {
	const doorbell = slotOf(who) + SLOT_DOORBELL;
	atomic.add<u32>(doorbell, 1);
	return doorbell;
}

/** Rings every doorbell, so that participants that wait for a dead one check again. */
export function ringAll(): void {
	for (let index: u32 = 0; index < SLOTS; index++) {
		const slot = SLOTS_START + index * SLOT_BYTES;
		if (atomic.load<u32>(slot, SLOT_ID) != 0) atomic.add<u32>(slot, 1, SLOT_DOORBELL);
	}
}

/** The address in the slot of the span from which `me` allocates blocks of a class. */
export function currentOf(me: u32, sizeClass: u32): u32 {
	return slotOf(me) + SLOT_CURRENT + (sizeClass << CURRENT_SHIFT);
}
