/**
 * The growable vector. It is changed under its object's mutex; readers take none: they check afterwards that
 * the elements have not moved meanwhile.
 */

import { freeOwned, handOver, ownerAt, take } from "./blocks";
import {
	FENCED,
	INTENT_REPLACE,
	LOCK_HOLDER,
	NOT_OWNER,
	OBJECT_DATA,
	OK,
	OWNER_REGION,
	VECTOR_LENGTH,
	VECTOR_VERSION,
} from "./layout";
import { done, intend, isCurrent, tagOf } from "./slots";

/**
 * Moves the first `bytes` bytes of the vector's elements into `fresh`, a block of `me`'s, and makes that their
 * place. The holder of the mutex does this.
 */
export function moveVector(me: u32, vector: u32, fresh: u32, bytes: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	if (atomic.load<u32>(vector, LOCK_HOLDER) != me || ownerAt(fresh) != tagOf(me)) return NOT_OWNER;
	const old = load<u32>(vector, OBJECT_DATA);
	if (old != 0) memory.copy(fresh, old, bytes);
	intend(me, INTENT_REPLACE, vector, fresh, old, 0);
	// SYNC: pairs with the readers' load of the place: the elements are there.
	atomic.store<u32>(vector, fresh, OBJECT_DATA);
	settleReplace(me, vector, fresh, old);
	return OK;
}

/** The vector has `length` elements now. The holder of the mutex says so. */
export function setVectorLength(me: u32, vector: u32, length: u32): u32 {
	if (atomic.load<u32>(vector, LOCK_HOLDER) != me) return NOT_OWNER;
	// SYNC: pairs with the readers' load: hands over the elements before `length`.
	atomic.store<u32>(vector, length, VECTOR_LENGTH);
	return OK;
}

/** Ends what `moveVector` began: if the new place is there, the old one goes. */
export function settleReplace(me: u32, vector: u32, fresh: u32, old: u32): void {
	if (atomic.load<u32>(vector, OBJECT_DATA) == fresh) {
		handOver(fresh, tagOf(me), OWNER_REGION);
		// SYNC: pairs with the readers' second look: the old place may be anybody's from here on.
		atomic.add<u32>(vector, 1, VECTOR_VERSION);
		if (old != 0) take(me, old, OWNER_REGION);
	}
	done(me);
	if (old != 0 && ownerAt(old) == tagOf(me)) freeOwned(me, old);
}
