/**
 * Handles: they lead to blocks that belong to the region, and contain a number that can't be guessed.
 *
 * A handle is a block of a class that is only for handles. So a stale handle still leads to the bytes of a
 * handle, and its nonce does not match. `{ nonce: u64, reference: { offset, length } }`
 */

import { capacityOf, checkOwned, handOver, ownerAt, take } from "./blocks";
import { freeOwned } from "./free";
import {
	BAD_HANDLE,
	CLASS_HANDLE,
	FENCED,
	HANDLE_NONCE,
	HANDLE_REFERENCE,
	INTENT_SAVE,
	INTENT_UNSAVE,
	OK,
	OWNER_REGION,
	REFERENCE_LENGTH,
	REFERENCE_OFFSET,
	SPAN_SHIFT,
} from "./layout";
import { isHeapSpan } from "./region";
import { slabState } from "./slabs";
import { done, intend, isCurrent, tagOf } from "./slots";
import { stateOf } from "./spans";

/** Gives `me`'s block to the region under `handle`, a block from `allocateHandle`. */
export function save(me: u32, handle: u32, nonceLow: u32, nonceHigh: u32, block: u32, length: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	const status = checkOwned(me, block);
	if (status != OK) return status;
	const tag = tagOf(me);
	store<u64>(handle, block, HANDLE_REFERENCE);
	store<u64>(handle, length, HANDLE_REFERENCE + REFERENCE_LENGTH);
	store<u32>(handle, nonceLow, HANDLE_NONCE);
	store<u32>(handle, nonceHigh, HANDLE_NONCE + 4);
	intend(me, INTENT_SAVE, block, handle, 0, 0);
	handOver(block, tag, OWNER_REGION);
	// SYNC: pairs with the loads in `isHandle`: hands over the record.
	handOver(handle, tag, OWNER_REGION);
	done(me);
	return OK;
}

/**
 * Undoes an interrupted `save`. It has not returned, so no one knows the handle, and both blocks return to
 * `me`.
 */
export function settleSave(me: u32, block: u32, handle: u32): void {
	handOver(handle, OWNER_REGION, tagOf(me));
	handOver(block, OWNER_REGION, tagOf(me));
	forget(handle);
	done(me);
}

function forget(handle: u32): void {
	store<u64>(handle, 0, HANDLE_NONCE);
	store<u64>(handle, 0, HANDLE_REFERENCE);
}

function isHandle(handle: u32, nonceLow: u32, nonceHigh: u32): bool {
	if (!isHeapSpan(handle >> SPAN_SHIFT) || stateOf(handle >> SPAN_SHIFT) != slabState(CLASS_HANDLE))
		return false;
	if (ownerAt(handle) != OWNER_REGION) return false;
	return hasNonce(handle, nonceLow, nonceHigh);
}

/** The saved block, or BAD_HANDLE. Its length is in the handle's reference. Writes nothing. */
export function lookUp(handle: u32, nonceLow: u32, nonceHigh: u32): u32 {
	if (!isHandle(handle, nonceLow, nonceHigh)) return BAD_HANDLE;
	// These loads are atomic, so that they happen before the handle is checked again.
	const block = atomic.load<u32>(handle, HANDLE_REFERENCE + REFERENCE_OFFSET);
	const length = atomic.load<u32>(handle, HANDLE_REFERENCE + REFERENCE_LENGTH);
	if (ownerAt(block) != OWNER_REGION || length > capacityOf(block)) return BAD_HANDLE;
	return isHandle(handle, nonceLow, nonceHigh) ? block : BAD_HANDLE;
}

/**
 * Frees a saved block and its handle. Only the first of several callers succeeds; the others get BAD_HANDLE.
 */
export function freeSaved(me: u32, handle: u32, nonceLow: u32, nonceHigh: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	const block = lookUp(handle, nonceLow, nonceHigh);
	if (block == BAD_HANDLE) return BAD_HANDLE;
	intend(me, INTENT_UNSAVE, block, handle, 0, 0);
	// The nonce decides who is first, not the owner byte: since the look-up, the handle's memory may have got a
	// new owner, and must not be taken from it even for a moment.
	const nonce = ((<u64>nonceHigh) << 32) | nonceLow;
	if (atomic.cmpxchg<u64>(handle, nonce, me, HANDLE_NONCE) != nonce) {
		done(me);
		return BAD_HANDLE;
	}
	settleUnsave(me, block, handle);
	freeOwned(me, handle);
	if (ownerAt(block) == tagOf(me)) freeOwned(me, block);
	return OK;
}

/**
 * Finishes `freeSaved`: the participant whose number has replaced the nonce gets the handle and the block.
 */
export function settleUnsave(me: u32, block: u32, handle: u32): void {
	const isMine = atomic.load<u64>(handle, HANDLE_NONCE) == me;
	if (isMine) {
		take(me, handle, OWNER_REGION);
		take(me, block, OWNER_REGION);
	}
	done(me);
	if (isMine) forget(handle);
}

function hasNonce(handle: u32, nonceLow: u32, nonceHigh: u32): bool {
	return (
		atomic.load<u32>(handle, HANDLE_NONCE) == nonceLow &&
		atomic.load<u32>(handle, HANDLE_NONCE + 4) == nonceHigh
	);
}
