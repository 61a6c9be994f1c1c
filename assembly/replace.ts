/**
 * Replacing a block that a word of some structure refers to, under the structure's mutex: the one step by
 * which vectors and maps change.
 */

import { handOver, ownerAt, take } from "./blocks";
import { freeOwned } from "./free";
import { INTENT_REPLACE, OWNER_REGION, SLOT_INTENT_E } from "./layout";
import { done, intend, slotOf, tagOf } from "./slots";

/**
 * Makes the word at `place`, which refers to `old`, refer to `fresh`, a block of `me`'s that becomes the
 * structure's; then stores `value` at `word`, and only then frees `old`.
 */
export function replace(me: u32, place: u32, fresh: u32, old: u32, word: u32, value: u32): void {
	store<u32>(slotOf(me), value, SLOT_INTENT_E);
	intend(me, INTENT_REPLACE, place, fresh, old, word);
	// SYNC: hands `fresh` to who reads the word, with the mutex or without.
	atomic.store<u32>(place, fresh);
	settleReplace(me, place, fresh, old, word, value);
}

/** Ends what `replace` began, if it got as far as the word. Doing a step again does no harm. */
export function settleReplace(me: u32, place: u32, fresh: u32, old: u32, word: u32, value: u32): void {
	if (atomic.load<u32>(place) == fresh) {
		handOver(fresh, tagOf(me), OWNER_REGION);
		// SYNC: pairs with a reader's second look: the old block may be anybody's from here on.
		atomic.store<u32>(word, value);
		take(me, old, OWNER_REGION);
	}
	done(me);
	if (ownerAt(old) == tagOf(me)) freeOwned(me, old);
}
