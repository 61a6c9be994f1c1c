/**
 * Shares: several references to one block. Freeing the last reference frees the block.
 *
 * There is no count, because a death could leave it wrong. Instead every reference has an owner byte, like a
 * block, and a share is over when all of them are 0. Two participants that free their references at once may
 * both see that; the owner byte of the share itself decides which of them frees the block.
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

/** Attempts to end a share whose block is reused for a new share each time. */
const TURNS = 1000;

function shareOf(reference: u32): u32 {
	return reference & ~(SHARE_BYTES - 1);
}

/**
 * Puts `me`'s block into `share`, a block from `allocateShare`. Returns the first reference, which `me` owns.
 */
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

/** Undoes an interrupted `share`: unless it had finished, the block returns to `me`. */
export function settleShare(me: u32, block: u32, share: u32): void {
	if (ownerAt(share) == tagOf(me)) {
		atomic.store<u8>(share + SHARE_OWNERS, OWNER_NONE);
		handOver(block, OWNER_REGION, tagOf(me));
	}
	done(me);
}

/** Adds a reference, which `me` owns. FULL if the share has no room for another one. */
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

/** Frees `me`'s reference. */
export function freeReference(me: u32, reference: u32): void {
	intend(me, INTENT_UNSHARE, reference, 0, 0, 0);
	// SYNC: pairs with the loads in `isOver`: everything that was done through this reference is visible.
	// Frees it only if `me` owns it: recovery also checks a share that another participant is making, which may
	// contain any bytes.
	atomic.cmpxchg<u8>(reference, <u8>tagOf(me), <u8>OWNER_NONE);
	settleUnshare(me, reference);
}

/** Finishes `freeReference`. */
export function settleUnshare(me: u32, reference: u32): void {
	const share = shareOf(reference);
	let over = false;
	for (let turn = 0; turn < TURNS; turn++) {
		if (ownerAt(share) != tagOf(me) && !(isOver(share) && take(me, share, OWNER_REGION))) break;
		over = isOver(share);
		if (over) break;
		// Between the check and `take`, the share ended and began again for another block. If the new share ended
		// while `me` owned it, the other participant left it to `me`. So check again.
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

/** True if the share has no reference. */
function isOver(share: u32): bool {
	for (let word = share + SHARE_OWNERS; word < share + SHARE_BYTES; word += 8) {
		if (atomic.load<u64>(word) != 0) return false;
	}
	return true;
}

/** Frees all references of the share that `me` owns. */
export function sweepShare(me: u32, share: u32): void {
	for (let each = share + SHARE_OWNERS; each < share + SHARE_BYTES; each++) {
		if (atomic.load<u8>(each) == tagOf(me)) freeReference(me, each);
	}
}
