/**
 * Replaces the block that a word of an object refers to. Vectors and maps change by this step, under their
 * mutex, and an object that is freed gives up its blocks by it.
 */

import { handOver, ownerAt, take } from "./blocks";
import { freeOwned } from "./free";
import {
	INTENT_REPLACE,
	KIND_MAP,
	KIND_VECTOR,
	OBJECT_COUNT,
	OBJECT_KIND,
	OBJECT_VERSION,
	OWNER_REGION,
	SLOT_INTENT_E,
} from "./layout";
import { done, intend, slotOf, tagOf } from "./slots";
import { markReadLate } from "./spans";

/**
 * Replaces `old` by `fresh` in the word at `place`. `fresh` is `me`'s block, and becomes the region's. Then
 * sets the object's count, raises its version, and only then frees `old`.
 */
export function replace(me: u32, object: u32, place: u32, fresh: u32, old: u32, count: u32): void {
	store<u32>(slotOf(me), count, SLOT_INTENT_E);
	intend(me, INTENT_REPLACE, place, fresh, old, object);
	// SYNC: hands `fresh` over to readers of the word, with or without the mutex.
	atomic.store<u32>(place, fresh);
	settleReplace(me, object, place, fresh, old, count);
}

/** Finishes `replace`, if the word was already replaced. Repeating a step does no harm. */
export function settleReplace(me: u32, object: u32, place: u32, fresh: u32, old: u32, count: u32): void {
	if (atomic.load<u32>(place) == fresh) {
		handOver(fresh, tagOf(me), OWNER_REGION);
		atomic.store<u32>(object, count, OBJECT_COUNT);
		// SYNC: pairs with a reader's second load of the version: from here on the old block may get another
		// owner.
		atomic.add<u32>(object, 1, OBJECT_VERSION);
		take(me, old, OWNER_REGION);
	}
	done(me);
	if (ownerAt(old) != tagOf(me)) return;
	// Others are read only by those who have them open.
	const kind = load<u32>(object, OBJECT_KIND);
	if (kind == KIND_VECTOR || kind == KIND_MAP) markReadLate(old);
	freeOwned(me, old);
}
