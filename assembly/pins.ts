/**
 * Pins: a bit in each object for every slot whose participant has the object open.
 *
 * An object is not freed before its last pin is gone, so whoever has it pinned writes into this object and into no
 * other. Everything that `me` has in an object (an end of a queue, a lock, a place among those who wait) is taken
 * with the pin set and given up before the pin is. So there are two checks that stop a write through a reference
 * that was given up:
 *
 * - What takes something of an object, or changes it for others, asks `hasOpen`.
 * - What needs an end or a lock asks whether the word for its holder says `me`, and whether the object is of the kind that
 *   has this word: in another kind there is a count or a position in its place. No pin has to be looked at then. That is
 *   what the hot operations of queues do; the kind is in the cache line of the capacity, which they read anyway.
 *
 * Neither can tell an object that `me` has given up from the next one in its place, if `me` has that open as well. There
 * the caller has to know what it has given up.
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

/** Whether `me` has the object at `offset` open: whether it is an object's, and `me` may write there. */
export function hasOpen(me: u32, offset: u32): bool {
	return isCurrent(me) && isObject(offset) && isPinned(me, offset);
}

/** Sets `me`'s pin; whether it was not set before. */
export function pin(me: u32, object: u32): bool {
	touch(me, object >> SPAN_SHIFT);
	return (atomic.or<u32>(pinWord(object, me), pinBit(me)) & pinBit(me)) == 0;
}

/** Takes `me`'s pin off, if it is there. */
export function takeOffPin(me: u32, object: u32): void {
	if (!isPinned(me, object)) return;
	// SYNC: pairs with the look at the pins in `isOver`: what was done with the object is done.
	atomic.and<u32>(pinWord(object, me), ~pinBit(me));
}

/** Whether anybody has the object open. */
export function isAnyones(object: u32): bool {
	return (atomic.load<u64>(object, OBJECT_PINS) | atomic.load<u64>(object, OBJECT_PINS + 8)) != 0;
}
