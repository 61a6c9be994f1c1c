/**
 * The growable vector. Changes hold the object's mutex. Readers take no mutex; they check afterwards that the
 * elements were neither moved nor removed meanwhile.
 */

import { heapBytesOf, ownerAt } from "./blocks";
import { KIND_VECTOR, NOT_A_BLOCK, NOT_OWNER, OBJECT_COUNT, OBJECT_DATA, OBJECT_VERSION, OK } from "./layout";
import { isHolder } from "./locks";
import { replace } from "./replace";
import { tagOf } from "./slots";

/**
 * Copies the first `bytes` bytes of the vector's elements to `fresh`, a block that `me` owns, and makes it
 * the vector's memory. `me` must hold the mutex.
 */
export function moveVector(me: u32, vector: u32, fresh: u32, bytes: u32): u32 {
	if (!isHolder(me, vector, KIND_VECTOR) || ownerAt(fresh) != tagOf(me)) return NOT_OWNER;
	// The core copies, so both must be in the heap.
	if (bytes > heapBytesOf(fresh)) return NOT_A_BLOCK;
	const old = load<u32>(vector, OBJECT_DATA);
	if (old != 0) memory.copy(fresh, old, bytes);
	replace(me, vector, vector + OBJECT_DATA, fresh, old, load<u32>(vector, OBJECT_COUNT));
	return OK;
}

/** Sets the vector's length. `me` must hold the mutex. */
export function setVectorLength(me: u32, vector: u32, length: u32): u32 {
	if (!isHolder(me, vector, KIND_VECTOR)) return NOT_OWNER;
	const before = load<u32>(vector, OBJECT_COUNT);
	// SYNC: pairs with the readers' load of the count: hands over the elements before `length`.
	atomic.store<u32>(vector, length, OBJECT_COUNT);
	// SYNC: pairs with a reader's second load of the version: from here on, other elements may be written where
	// the last ones were.
	if (length < before) atomic.add<u32>(vector, 1, OBJECT_VERSION);
	return OK;
}
