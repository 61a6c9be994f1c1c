/** Frees what a participant owns: a block, or a reference to a shared block. */

import { checkOwned, freeOwnBlock, isReference, ownerAt } from "./blocks";
import { FENCED, NOT_OWNER, OK } from "./layout";
import { freeReference } from "./shares";
import { isCurrent, tagOf } from "./slots";

/** Frees a user's block or reference that `me` owns. Returns OK, or the reason why not. */
export function free(me: u32, offset: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	const status = checkOwned(me, offset);
	if (status == OK) freeOwned(me, offset);
	return status;
}

/** Frees an internal block that was never used. */
export function freeInternal(me: u32, block: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	if (ownerAt(block) != tagOf(me)) return NOT_OWNER;
	freeOwned(me, block);
	return OK;
}

/** Frees a block or reference that `me` is known to own, including internal blocks. */
export function freeOwned(me: u32, offset: u32): void {
	if (isReference(offset)) freeReference(me, offset);
	else freeOwnBlock(me, offset);
}
