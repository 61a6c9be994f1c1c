/**
 * Replacing a block that a word of an object refers to: the one step by which vectors and maps change, under their
 * mutex, and by which an object that is freed gives up what it has.
 */

import { handOver, ownerAt, take } from "./blocks";
import { freeOwned } from "./free";
import { INTENT_REPLACE, OBJECT_COUNT, OBJECT_VERSION, OWNER_REGION, SLOT_INTENT_E } from "./layout";
import { done, intend, slotOf, tagOf } from "./slots";

/**
 * Makes the word at `place`, which refers to `old`, refer to `fresh`, a block of `me`'s that becomes the
 * region's; then says that the object has `count` elements and has changed; and only then frees `old`.
 */
export function replace(me: u32, object: u32, place: u32, fresh: u32, old: u32, count: u32): void {
	store<u32>(slotOf(me), count, SLOT_INTENT_E);
	intend(me, INTENT_REPLACE, place, fresh, old, object);
	// SYNC: hands `fresh` to who reads the word, with the mutex or without.
	atomic.store<u32>(place, fresh);
	settleReplace(me, object, place, fresh, old, count);
}

/** Ends what `replace` began, if it got as far as the word. Doing a step again does no harm. */
export function settleReplace(me: u32, object: u32, place: u32, fresh: u32, old: u32, count: u32): void {
	if (atomic.load<u32>(place) == fresh) {
		handOver(fresh, tagOf(me), OWNER_REGION);
		atomic.store<u32>(object, count, OBJECT_COUNT);
		// SYNC: pairs with a reader's second look: the old block may be anybody's from here on.
		atomic.add<u32>(object, 1, OBJECT_VERSION);
		take(me, old, OWNER_REGION);
	}
	done(me);
	if (ownerAt(old) == tagOf(me)) freeOwned(me, old);
}
