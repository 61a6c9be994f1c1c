/**
 * Mutexes and condition variables: the only structures in which one participant waits for another.
 *
 * A mutex is one word: 0, the participant that holds it, or ABANDONED by a holder that died. Who wants it and
 * can't have it sets its bit among the waiters, looks again, and sleeps on its doorbell; who gives it up
 * rings the next waiter after itself, so that nobody is passed over for ever. The ring is only a hint to
 * look: a waiter that died is skipped by the others' slices, and whoever comes first gets the mutex.
 */
import {
	CORRUPT,
	FENCED,
	KIND_CONDITION,
	KIND_MAP,
	KIND_MUTEX,
	KIND_VECTOR,
	LOCK_ABANDONED,
	LOCK_HOLDER,
	LOCK_LAST,
	LOCK_WAITERS,
	NOT_OWNER,
	OBJECT_KIND,
	OK,
	SLOT_BYTES,
	SLOT_ID,
	SLOTS,
	SLOTS_START,
	TAKEN,
} from "./layout";
import { hasOpen } from "./pins";
import { isCurrent, ring, tagOf } from "./slots";

/** Whether objects of the kind begin with the words of a mutex. */
export function hasLock(kind: u32): bool {
	return kind == KIND_MUTEX || kind == KIND_CONDITION || kind == KIND_VECTOR || kind == KIND_MAP;
}

/** Whether `me` holds the mutex of an object of this kind. Enough to change the object: see `pins.ts`. */
export function isHolder(me: u32, object: u32, kind: u32): bool {
	return atomic.load<u32>(object, LOCK_HOLDER) == me && load<u32>(object, OBJECT_KIND) == kind;
}

/** Whether `me` may come to this mutex or condition. */
function mayCome(me: u32, lock: u32): bool {
	return hasOpen(me, lock) && hasLock(load<u32>(lock, OBJECT_KIND));
}

function waiterWord(lock: u32, index: u32): u32 {
	return lock + LOCK_WAITERS + ((index >> 5) << 2);
}

/**
 * Takes the mutex if it is free: OK, or LOCK_ABANDONED if its last holder died with it; otherwise `TAKEN`, or CORRUPT
 * when no participant has it.
 */
export function tryLock(me: u32, mutex: u32): u32 {
	if (!mayCome(me, mutex)) return FENCED;
	// SYNC: pairs with the stores in `giveUp` and `abandonLock`: what was done under the mutex is seen.
	const seen = atomic.cmpxchg<u32>(mutex, 0, me, LOCK_HOLDER);
	if (seen == 0) return OK;
	if (seen != LOCK_ABANDONED) {
		// Recovery abandons what somebody held before it takes the number away: nobody would ever give this up.
		return isCurrent(seen) || atomic.load<u32>(mutex, LOCK_HOLDER) != seen ? TAKEN : CORRUPT;
	}
	return atomic.cmpxchg<u32>(mutex, LOCK_ABANDONED, me, LOCK_HOLDER) == LOCK_ABANDONED
		? LOCK_ABANDONED
		: TAKEN;
}

/** Gives the mutex up. A doorbell to wake, or OK. */
export function unlock(me: u32, mutex: u32): u32 {
	return giveUp(me, mutex, 0);
}

/** Gives the mutex up as one who dies does: the next one is told that it was abandoned. A doorbell to wake, or OK. */
export function abandon(me: u32, mutex: u32): u32 {
	return giveUp(me, mutex, LOCK_ABANDONED);
}

function giveUp(me: u32, mutex: u32, holder: u32): u32 {
	if (atomic.load<u32>(mutex, LOCK_HOLDER) != me || !hasLock(load<u32>(mutex, OBJECT_KIND))) return NOT_OWNER;
	// SYNC: pairs with the compare-and-swap in `tryLock`.
	atomic.store<u32>(mutex, holder, LOCK_HOLDER);
	return ringOne(mutex);
}

/** Announces that `me` is about to wait at this mutex or condition. It looks once more before it does. */
export function announceLock(me: u32, lock: u32): u32 {
	if (!mayCome(me, lock)) return FENCED;
	const index = tagOf(me) - 1;
	atomic.or<u32>(waiterWord(lock, index), 1 << (index & 31));
	return OK;
}

/** Whether `me` waits there and was not rung yet. */
export function isAnnounced(me: u32, lock: u32): bool {
	const index = tagOf(me) - 1;
	return (atomic.load<u32>(waiterWord(lock, index)) & (1 << (index & 31))) != 0;
}

/** `me` waits there no longer. */
export function retractLock(me: u32, lock: u32): u32 {
	if (!mayCome(me, lock)) return FENCED;
	retract(me, lock);
	return OK;
}

function retract(me: u32, lock: u32): void {
	const index = tagOf(me) - 1;
	atomic.and<u32>(waiterWord(lock, index), ~(1 << (index & 31)));
}

/** Rings one waiter, the next after the one rung last. A doorbell to wake, or OK. */
export function ringNext(me: u32, lock: u32): u32 {
	return mayCome(me, lock) ? ringOne(lock) : FENCED;
}

function ringOne(lock: u32): u32 {
	if ((atomic.load<u64>(lock, LOCK_WAITERS) | atomic.load<u64>(lock, LOCK_WAITERS + 8)) == 0) return OK;
	const last = load<u32>(lock, LOCK_LAST);
	for (let step: u32 = 1; step <= SLOTS; step++) {
		const index = (last + step) & (SLOTS - 1);
		const word = waiterWord(lock, index);
		const bit = 1 << (index & 31);
		if ((atomic.load<u32>(word) & bit) == 0) continue;
		// Whoever clears the bit rings, so that two who give up at once ring two.
		if ((atomic.and<u32>(word, ~bit) & bit) == 0) continue;
		atomic.store<u32>(lock, index, LOCK_LAST);
		const who = atomic.load<u32>(SLOTS_START + index * SLOT_BYTES, SLOT_ID);
		if (isCurrent(who)) return ring(who);
	}
	return OK;
}

/**
 * A holder or waiter leaves, or died: the mutex is free for the next one, who is told. The doorbell of one who waits for
 * it, or OK.
 */
export function abandonLock(me: u32, lock: u32): u32 {
	retract(me, lock);
	// SYNC: pairs with the compare-and-swap in `tryLock`.
	const held = atomic.cmpxchg<u32>(lock, me, LOCK_ABANDONED, LOCK_HOLDER) == me;
	return held ? ringOne(lock) : OK;
}
