/**
 * The growable vector. It is changed under its object's mutex; readers take none: they check afterwards that
 * the elements have neither moved nor been given up meanwhile.
 */

import { ownerAt } from "./blocks";
import { KIND_VECTOR, NOT_OWNER, OBJECT_COUNT, OBJECT_DATA, OBJECT_VERSION, OK } from "./layout";
import { isHolder } from "./locks";
import { replace } from "./replace";
import { tagOf } from "./slots";

/**
 * Moves the first `bytes` bytes of the vector's elements into `fresh`, a block of `me`'s, and makes that their
 * place. The holder of the mutex does this.
 */
export function moveVector(me: u32, vector: u32, fresh: u32, bytes: u32): u32 {
	if (!isHolder(me, vector, KIND_VECTOR) || ownerAt(fresh) != tagOf(me)) return NOT_OWNER;
	const old = load<u32>(vector, OBJECT_DATA);
	if (old != 0) memory.copy(fresh, old, bytes);
	replace(me, vector, vector + OBJECT_DATA, fresh, old, load<u32>(vector, OBJECT_COUNT));
	return OK;
}

/** The vector has `length` elements now. The holder of the mutex says so. */
export function setVectorLength(me: u32, vector: u32, length: u32): u32 {
	if (!isHolder(me, vector, KIND_VECTOR)) return NOT_OWNER;
	const before = load<u32>(vector, OBJECT_COUNT);
	// SYNC: pairs with the readers' load: hands over the elements before `length`.
	atomic.store<u32>(vector, length, OBJECT_COUNT);
	// SYNC: pairs with a reader's second look: from here on others may come where the last elements were.
	if (length < before) atomic.add<u32>(vector, 1, OBJECT_VERSION);
	return OK;
}
