/**
 * Mutexes and condition variables: the only structures in which one participant waits for another.
 *
 * A mutex is one word: 0, the number of its holder, or ABANDONED after its holder died. A participant that
 * can't get it sets its bit among the waiters, tries again, and sleeps on its doorbell. A participant that
 * unlocks it rings the next waiter after the one that was rung last, so no waiter is passed over for ever. A
 * ring is only a hint to try: if the rung waiter has died, the others try again when their time slices end,
 * and the first to try gets the mutex.
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

/** True if the words of this kind of object begin with those of a mutex. */
export function hasLock(kind: u32): bool {
	return kind == KIND_MUTEX || kind == KIND_CONDITION || kind == KIND_VECTOR || kind == KIND_MAP;
}

/**
 * True if `me` holds the mutex of an object of this kind. That is enough to change the object: see `pins.ts`.
 */
export function isHolder(me: u32, object: u32, kind: u32): bool {
	return atomic.load<u32>(object, LOCK_HOLDER) == me && load<u32>(object, OBJECT_KIND) == kind;
}

/** True if `me` may use this mutex or condition. */
function mayCome(me: u32, lock: u32): bool {
	return hasOpen(me, lock) && hasLock(load<u32>(lock, OBJECT_KIND));
}

function waiterWord(lock: u32, index: u32): u32 {
	return lock + LOCK_WAITERS + ((index >> 5) << 2);
}

/**
 * Takes the mutex if it is free. Returns OK, or LOCK_ABANDONED if the last holder died while holding it.
 * Otherwise `TAKEN`, or CORRUPT if the holder does not exist.
 */
export function tryLock(me: u32, mutex: u32): u32 {
	if (!mayCome(me, mutex)) return FENCED;
	// SYNC: pairs with the stores in `giveUp` and `abandonLock`: everything that was done under the mutex is
	// visible.
	const seen = atomic.cmpxchg<u32>(mutex, 0, me, LOCK_HOLDER);
	if (seen == 0) return OK;
	if (seen != LOCK_ABANDONED) {
		// Recovery abandons a dead holder's mutex before it frees the holder's number, so a mutex with an unknown
		// holder would never be unlocked.
		return isCurrent(seen) || atomic.load<u32>(mutex, LOCK_HOLDER) != seen ? TAKEN : CORRUPT;
	}
	return atomic.cmpxchg<u32>(mutex, LOCK_ABANDONED, me, LOCK_HOLDER) == LOCK_ABANDONED
		? LOCK_ABANDONED
		: TAKEN;
}

/** Unlocks the mutex. Returns a doorbell to wake, or OK. */
export function unlock(me: u32, mutex: u32): u32 {
	return giveUp(me, mutex, 0);
}

/**
 * Unlocks the mutex as if the holder had died: the next holder learns that it was abandoned. Returns a
 * doorbell to wake, or OK.
 */
export function abandon(me: u32, mutex: u32): u32 {
	return giveUp(me, mutex, LOCK_ABANDONED);
}

function giveUp(me: u32, mutex: u32, holder: u32): u32 {
	if (atomic.load<u32>(mutex, LOCK_HOLDER) != me || !hasLock(load<u32>(mutex, OBJECT_KIND))) return NOT_OWNER;
	// SYNC: pairs with the compare-and-swap in `tryLock`.
	atomic.store<u32>(mutex, holder, LOCK_HOLDER);
	return ringOne(mutex);
}

/**
 * Announces that `me` is about to wait at this mutex or condition. `me` must try once more before it sleeps.
 */
export function announceLock(me: u32, lock: u32): u32 {
	if (!mayCome(me, lock)) return FENCED;
	const index = tagOf(me) - 1;
	atomic.or<u32>(waiterWord(lock, index), 1 << (index & 31));
	return OK;
}

/** True if `me` has announced a wait and was not rung yet. */
export function isAnnounced(me: u32, lock: u32): bool {
	const index = tagOf(me) - 1;
	return (atomic.load<u32>(waiterWord(lock, index)) & (1 << (index & 31))) != 0;
}

/** Withdraws `me`'s announcement. */
export function retractLock(me: u32, lock: u32): u32 {
	if (!mayCome(me, lock)) return FENCED;
	retract(me, lock);
	return OK;
}

function retract(me: u32, lock: u32): void {
	const index = tagOf(me) - 1;
	atomic.and<u32>(waiterWord(lock, index), ~(1 << (index & 31)));
}

/** Rings the next waiter after the one that was rung last. Returns a doorbell to wake, or OK. */
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
		// The participant that clears the bit rings, so two that unlock at once ring two waiters.
		if ((atomic.and<u32>(word, ~bit) & bit) == 0) continue;
		atomic.store<u32>(lock, index, LOCK_LAST);
		const who = atomic.load<u32>(SLOTS_START + index * SLOT_BYTES, SLOT_ID);
		if (isCurrent(who)) return ring(who);
	}
	return OK;
}

/**
 * Gives up everything that `me`, which leaves or has died, has in this mutex or condition. If it holds the
 * mutex, the next holder learns that it was abandoned. Returns the doorbell of a waiter, or OK.
 */
export function abandonLock(me: u32, lock: u32): u32 {
	retract(me, lock);
	// SYNC: pairs with the compare-and-swap in `tryLock`.
	const held = atomic.cmpxchg<u32>(lock, me, LOCK_ABANDONED, LOCK_HOLDER) == me;
	return held ? ringOne(lock) : OK;
}
