/**
 * Participant slots: who is attached, what each has half done, and how to wake it.
 *
 * The host holds the kernel's lock on a slot's byte for as long as it has the slot, so the lock, not
 * anything in memory, says who lives. Whoever gets a dead participant's lock may act in its name.
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

/** Whether this participant still has its slot: one that was declared dead is fenced off. */
export function isCurrent(me: u32): bool {
	const index = (me & 0xff) - 1;
	return index < <u32>SLOTS && atomic.load<u32>(SLOTS_START + index * SLOT_BYTES, SLOT_ID) == me;
}

/**
 * Takes slot `index`, whose lock the host has got, and gives the participant's number. `MORE` when its
 * last holder has not been recovered from yet.
 */
export function join(index: u32): u32 {
	const slot = SLOTS_START + index * SLOT_BYTES;
	if (atomic.load<u32>(slot, SLOT_ID) != 0) return MORE;
	let generation = (load<u32>(slot, SLOT_GENERATION) + 1) & 0xffffff;
	if (generation == 0) generation = 1;
	store<u32>(slot, generation, SLOT_GENERATION);
	memory.fill(slot + SLOT_REQUEST, 0, SLOT_DOORBELL - SLOT_REQUEST);
	memory.fill(slot + SLOT_CURRENT, 0, SLOT_BYTES - SLOT_CURRENT);
	const me = (generation << 8) | (index + 1);
	atomic.store<u32>(slot, me, SLOT_ID);
	return me;
}

/** Notes what is about to be done, so that a survivor can finish or undo it. */
export function intend(me: u32, intent: u32, a: u32, b: u32, c: u32, d: u32): void {
	const slot = slotOf(me);
	store<u32>(slot, a, SLOT_INTENT_A);
	store<u32>(slot, b, SLOT_INTENT_B);
	store<u32>(slot, c, SLOT_INTENT_C);
	store<u32>(slot, d, SLOT_INTENT_D);
	atomic.store<u32>(slot, intent, SLOT_INTENT);
}

/** What was intended is done. */
export function done(me: u32): void {
	atomic.store<u32>(slotOf(me), INTENT_NONE, SLOT_INTENT);
}

/** The word of `me`'s bitmap of touched spans that has `span`'s bit. */
export function touchedWord(me: u32, span: u32): u32 {
	return header(HEADER_TOUCHED) + (tagOf(me) - 1) * header(HEADER_TOUCHED_BYTES) + ((span >> 5) << 2);
}

/**
 * Notes that `me` may own something in `span`. Must come before ownership does: recovery looks nowhere
 * else. Only `me`, or who recovers from it, writes its bitmap, so no read-modify-write is needed.
 */
export function touch(me: u32, span: u32): void {
	const word = touchedWord(me, span);
	const bits = load<u32>(word);
	const bit = 1 << (span & 31);
	if ((bits & bit) == 0) atomic.store<u32>(word, bits | bit);
}

/** `me` owns nothing in `span` any more. */
export function untouch(me: u32, span: u32): void {
	const word = touchedWord(me, span);
	atomic.store<u32>(word, load<u32>(word) & ~(1 << (span & 31)));
}

/** Rings a participant's doorbell; gives the word on which the host must wake its sleepers. */
export function ring(who: u32): u32 {
	const doorbell = slotOf(who) + SLOT_DOORBELL;
	atomic.add<u32>(doorbell, 1);
	return doorbell;
}

/** Rings every doorbell, so that whoever waits for a dead participant looks around. */
export function ringAll(): void {
	for (let index: u32 = 0; index < SLOTS; index++) {
		const slot = SLOTS_START + index * SLOT_BYTES;
		if (atomic.load<u32>(slot, SLOT_ID) != 0) atomic.add<u32>(slot, 1, SLOT_DOORBELL);
	}
}

/** Where the slot notes the span it allocates blocks of a class from. */
export function currentOf(me: u32, sizeClass: u32): u32 {
	return slotOf(me) + SLOT_CURRENT + (sizeClass << CURRENT_SHIFT);
}
