/**
 * Shares: several references to one block, the last of which frees it.
 *
 * There is no count, which a death could leave wrong: every reference has an owner byte of its own, like a
 * block, and a share is over when all of them are 0. Two who give up their references at once may both see that;
 * the share's own owner byte says which of them frees the block.
 */

import { checkOwned, freeOwnBlock, handOver, isReference, ownerAt, take } from "./blocks";
import {
	FENCED,
	FULL,
	INTENT_SHARE,
	INTENT_UNSHARE,
	NOT_A_BLOCK,
	OK,
	OWNER_NONE,
	OWNER_REGION,
	SHARE_BLOCK,
	SHARE_BYTES,
	SHARE_OWNERS,
	SPAN_SHIFT,
} from "./layout";
import { done, intend, isCurrent, tagOf, touch } from "./slots";

/** Turns of an end that meets a beginning each time. */
const TURNS = 1000;

function shareOf(reference: u32): u32 {
	return reference & ~(SHARE_BYTES - 1);
}

/** Puts `me`'s block into `share`, a block from `allocateShare`; the first reference, which is `me`'s. */
export function share(me: u32, block: u32, share: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	const status = checkOwned(me, block);
	if (status != OK) return status;
	if (isReference(block) || ownerAt(share) != tagOf(me)) return NOT_A_BLOCK;
	memory.fill(share, 0, SHARE_BYTES);
	store<u32>(share, block, SHARE_BLOCK);
	atomic.store<u8>(share + SHARE_OWNERS, <u8>tagOf(me));
	intend(me, INTENT_SHARE, block, share, 0, 0);
	handOver(block, tagOf(me), OWNER_REGION);
	handOver(share, tagOf(me), OWNER_REGION);
	done(me);
	return share + SHARE_OWNERS;
}

/** Ends what `share` began: if it did not get to the end, the block comes back. */
export function settleShare(me: u32, block: u32, share: u32): void {
	if (ownerAt(share) == tagOf(me)) {
		atomic.store<u8>(share + SHARE_OWNERS, OWNER_NONE);
		handOver(block, OWNER_REGION, tagOf(me));
	}
	done(me);
}

/** Another reference beside `me`'s; FULL when there are as many as a share can have. */
export function addReference(me: u32, reference: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	const status = checkOwned(me, reference);
	if (status != OK) return status;
	if (!isReference(reference)) return NOT_A_BLOCK;
	touch(me, reference >> SPAN_SHIFT);
	const end = shareOf(reference) + SHARE_BYTES;
	for (let each = shareOf(reference) + SHARE_OWNERS; each < end; each++) {
		if (atomic.cmpxchg<u8>(each, OWNER_NONE, <u8>tagOf(me)) == OWNER_NONE) return each;
	}
	return FULL;
}

/** Gives up `me`'s reference. */
export function freeReference(me: u32, reference: u32): void {
	intend(me, INTENT_UNSHARE, reference, 0, 0, 0);
	// SYNC: pairs with the loads in `isOver`: what was done through this reference is done.
	// Only if it is `me`'s: recovery also looks at a share that another participant is making, where any bytes may lie.
	atomic.cmpxchg<u8>(reference, <u8>tagOf(me), <u8>OWNER_NONE);
	settleUnshare(me, reference);
}

/** Ends what `freeReference` began. */
export function settleUnshare(me: u32, reference: u32): void {
	const share = shareOf(reference);
	let over = false;
	for (let turn = 0; turn < TURNS; turn++) {
		if (ownerAt(share) != tagOf(me) && !(isOver(share) && take(me, share, OWNER_REGION))) break;
		over = isOver(share);
		if (over) break;
		// It had ended, and begun again for another block, between the look and the taking. Who ends that one
		// while it is `me`'s leaves it to `me`, so look again.
		handOver(share, tagOf(me), OWNER_REGION);
	}
	const last = over ? load<u32>(share, SHARE_BLOCK) : 0;
	if (last != 0) {
		take(me, last, OWNER_REGION);
		store<u32>(share, 0, SHARE_BLOCK);
	}
	done(me);
	if (last != 0 && ownerAt(last) == tagOf(me)) freeOwnBlock(me, last);
	if (over) freeOwnBlock(me, share);
}

/** Whether the share has no reference. */
function isOver(share: u32): bool {
	for (let word = share + SHARE_OWNERS; word < share + SHARE_BYTES; word += 8) {
		if (atomic.load<u64>(word) != 0) return false;
	}
	return true;
}

/** Gives up all of `me`'s references of the share. */
export function sweepShare(me: u32, share: u32): void {
	for (let each = share + SHARE_OWNERS; each < share + SHARE_BYTES; each++) {
		if (atomic.load<u8>(each) == tagOf(me)) freeReference(me, each);
	}
}
