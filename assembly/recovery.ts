/**
 * Recovery: acts in the name of a participant that died or leaves.
 *
 * The host holds the kernel's lock on the slot's byte. No one gets that lock while the participant is alive,
 * and only one survivor gets it afterwards. So recovery *is* the dead participant, a little later: it
 * finishes or undoes the unfinished change, then frees everything that the participant owned. If the survivor
 * dies too, the next one continues.
 */

import { ownerAt } from "./blocks";
import { settleBulk } from "./bulk";
import { isRemoved } from "./directory";
import { settleEnd } from "./ends";
import { freeOwned } from "./free";
import { settleSave, settleUnsave } from "./handles";
import {
	CLASS_LARGEST,
	CLASS_LAST,
	CLASS_OBJECT,
	CLASS_SHARE,
	CURRENT_SPAN,
	INTENT_BULK,
	INTENT_CLAIM,
	INTENT_DISPOSE,
	INTENT_DROP,
	INTENT_END,
	INTENT_INSERT,
	INTENT_PUT,
	INTENT_REPLACE,
	INTENT_RETIRE,
	INTENT_RUN,
	INTENT_SAVE,
	INTENT_SEND,
	INTENT_SHARE,
	INTENT_SLAB,
	INTENT_TAKE,
	INTENT_UNSAVE,
	INTENT_UNSHARE,
	MORE,
	NOT_FOUND,
	OK,
	OWNER_FREE,
	OWNER_NONE,
	SLOT_BYTES,
	SLOT_ID,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_INTENT_C,
	SLOT_INTENT_D,
	SLOT_INTENT_E,
	SLOT_LABEL,
	SLOTS_START,
	SPAN_BYTES,
	SPAN_RUN,
	SPAN_SHIFT,
} from "./layout";
import { settleClaim, settleDrop, settlePut } from "./mailbox";
import { destroy, settleDispose, settleInsert, unpin } from "./objects";
import { takeOffPin } from "./pins";
import { settleSend, settleTake } from "./queue-blocks";
import { allSpans, isHeapSpan } from "./region";
import { settleReplace } from "./replace";
import { settleShare, settleUnshare, sweepShare } from "./shares";
import { classBytes, classOf, dissolve, freeAll, isSlab, leaveSpan, retire } from "./slabs";
import { currentOf, done, ringAll, slotOf, tagOf, touchedWord } from "./slots";
import { ownerByte, settleRun, stateOf } from "./spans";

/** The number of spans that one call checks. */
const STEP = 256;

/**
 * Recovers the participant in slot `index`, whose lock the host holds. `MORE`: call again. `OK`: finished;
 * every doorbell was rung, and the host must wake the sleepers at each. `NOT_FOUND`: the slot was free.
 */
export function recover(index: u32): u32 {
	const slot = SLOTS_START + index * SLOT_BYTES;
	const me = atomic.load<u32>(slot, SLOT_ID);
	if (me == 0) return NOT_FOUND;
	settle(me);
	for (let sizeClass: u32 = 0; sizeClass <= CLASS_LAST; sizeClass++) {
		const current = currentOf(me, sizeClass);
		const span = load<u32>(current, CURRENT_SPAN);
		if (isHeapSpan(span)) leaveSpan(me, span, sizeClass);
		store<u32>(current, 0, CURRENT_SPAN);
	}
	let left = STEP;
	const spans = allSpans();
	for (let from: u32 = 0; from < spans; from += 32) {
		const word = touchedWord(me, from);
		while (load<u32>(word) != 0) {
			if (left-- == 0) return MORE;
			const bits = load<u32>(word);
			const span = from + ctz(bits);
			if (isHeapSpan(span)) sweep(me, span);
			atomic.store<u32>(word, bits & (bits - 1));
		}
	}
	// Freeing an object touches the spans of its blocks, which may lie before it.
	for (let from: u32 = 0; from < spans; from += 32) {
		if (load<u32>(touchedWord(me, from)) != 0) return MORE;
	}
	store<u8>(slot, 0, SLOT_LABEL);
	atomic.store<u32>(slot, 0, SLOT_ID);
	ringAll();
	return OK;
}

/** Finishes or undoes the change that `me` had half done. */
function settle(me: u32): void {
	const slot = slotOf(me);
	const a = load<u32>(slot, SLOT_INTENT_A);
	const b = load<u32>(slot, SLOT_INTENT_B);
	const c = load<u32>(slot, SLOT_INTENT_C);
	switch (load<u32>(slot, SLOT_INTENT)) {
		case INTENT_RUN:
			return settleRun(me, a, b);
		case INTENT_BULK:
			return settleBulk(me, a, b, c);
		case INTENT_SLAB: {
			if (!isHeapSpan(a)) return done(me);
			const state = stateOf(a);
			if (!isSlab(state)) return settleRun(me, a, 1);
			freeAll(a, classOf(state));
			return done(me);
		}
		case INTENT_RETIRE: {
			if (!isHeapSpan(a)) return done(me);
			const state = stateOf(a);
			return isSlab(state) ? dissolve(me, a, classOf(state)) : settleRun(me, a, 1);
		}
		case INTENT_INSERT:
			return settleInsert(me, a);
		case INTENT_DISPOSE:
			return settleDispose(me, a);
		case INTENT_SEND:
			return settleSend(me, a, b, c);
		case INTENT_TAKE:
			return settleTake(me, a, b, c);
		case INTENT_PUT:
			return settlePut(me, a, b, c);
		case INTENT_CLAIM:
			return settleClaim(me, a, b, c);
		case INTENT_DROP:
			return settleDrop(me, a, b);
		case INTENT_END:
			return settleEnd(me, a, b, c);
		case INTENT_SAVE:
			return settleSave(me, a, b);
		case INTENT_UNSAVE:
			return settleUnsave(me, a, b);
		case INTENT_SHARE:
			return settleShare(me, a, b);
		case INTENT_UNSHARE:
			return ownerAt(a) == tagOf(me) ? done(me) : settleUnshare(me, a);
		case INTENT_REPLACE:
			return settleReplace(me, load<u32>(slot, SLOT_INTENT_D), a, b, c, load<u32>(slot, SLOT_INTENT_E));
	}
}

/** Frees everything in `span` that `me` owns. */
function sweep(me: u32, span: u32): void {
	const state = stateOf(span);
	const tag = tagOf(me);
	if (state == SPAN_RUN) {
		if (atomic.load<u8>(ownerByte(span, 0)) == tag) freeOwned(me, span << SPAN_SHIFT);
		return;
	}
	if (!isSlab(state)) return;
	const sizeClass = classOf(state);
	const bytes = classBytes(sizeClass);
	const blocks = SPAN_BYTES / bytes;
	for (let index: u32 = 0; index < blocks; index++) {
		const owner = atomic.load<u8>(ownerByte(span, index));
		const block = (span << SPAN_SHIFT) + index * bytes;
		// Freeing the last block may give the span back; then `me` owns nothing more in it.
		if (sizeClass == CLASS_OBJECT) sweepObject(me, block, owner);
		else if (owner == tag) freeOwned(me, block);
		// Also a share that another participant has taken because it seemed over: that participant checks again,
		// and will see that these references are gone.
		else if (sizeClass == CLASS_SHARE && owner != OWNER_FREE && owner != OWNER_NONE) sweepShare(me, block);
	}
	// Free blocks would stay hidden behind a dead keeper.
	leaveSpan(me, span, sizeClass);
	if (sizeClass <= <u32>CLASS_LARGEST) retire(me, span, sizeClass);
}

/** Gives up everything that `me` has in the object. */
function sweepObject(me: u32, object: u32, owner: u32): void {
	// Objects that `me` owns were being constructed or freed.
	if (owner == tagOf(me) && isRemoved(object)) return destroy(me, object);
	// A pin may have been set on an object that was already gone. Remove it, or the next object there would
	// never be freed.
	if (owner == tagOf(me) || owner == OWNER_FREE) {
		takeOffPin(me, object);
		if (owner != OWNER_FREE) freeOwned(me, object);
		return;
	}
	unpin(me, object);
}
