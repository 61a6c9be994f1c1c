/**
 * Pins: a bit in each object for every slot whose participant has the object open.
 *
 * An object is freed only after its last pin is gone, so a participant with a pin can't write to another
 * object by mistake. Everything that `me` has in an object (a queue's endpoint, a lock, a bit among the
 * waiters) is taken while the pin is set, and given up before the pin is. So two checks stop a write through
 * a stale reference:
 *
 * - An operation that takes something of an object, or changes the object for others, checks `hasOpen`.
 * - An operation that needs an endpoint or a lock checks that the word of its holder contains `me`, and that
 *   the object's kind has this word (another kind may have a count or a position there). Then it need not
 *   check the pin. The hot operations of queues do this; the kind is in the cache line of the capacity, which
 *   they read anyway.
 *
 * Neither check can distinguish an object that `me` has closed from the next one in the same memory, if `me`
 * has that one open too. There the caller has to know what it has closed.
 */

import { isObject } from "./directory";
import { OBJECT_PINS, SPAN_SHIFT } from "./layout";
import { isCurrent, tagOf, touch } from "./slots";

function pinWord(object: u32, me: u32): u32 {
	return object + OBJECT_PINS + (((tagOf(me) - 1) >> 5) << 2);
}

function pinBit(me: u32): u32 {
	return 1 << ((tagOf(me) - 1) & 31);
}

function isPinned(me: u32, object: u32): bool {
	return (atomic.load<u32>(pinWord(object, me)) & pinBit(me)) != 0;
}

/** True if there is an object at `offset` and `me` has it open, so `me` may write to it. */
export function hasOpen(me: u32, offset: u32): bool {
	return isCurrent(me) && isObject(offset) && isPinned(me, offset);
}

/** Sets `me`'s pin. True if it was not set before. */
export function pin(me: u32, object: u32): bool {
	touch(me, object >> SPAN_SHIFT);
	return (atomic.or<u32>(pinWord(object, me), pinBit(me)) & pinBit(me)) == 0;
}

/** Removes `me`'s pin, if it is set. */
export function takeOffPin(me: u32, object: u32): void {
	if (!isPinned(me, object)) return;
	// SYNC: pairs with the loads in `isAnyones`: everything that was done with the object is visible.
	atomic.and<u32>(pinWord(object, me), ~pinBit(me));
}

/** True if any participant has the object open. */
export function isAnyones(object: u32): bool {
	return (atomic.load<u64>(object, OBJECT_PINS) | atomic.load<u64>(object, OBJECT_PINS + 8)) != 0;
}
