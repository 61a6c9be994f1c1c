/**
 * Giving memory back. Nothing that frees does this; a participant trims when it likes, one piece for each call.
 * A piece is claimed like one that is allocated, so nobody uses it meanwhile, and a claim of others that fails
 * looks elsewhere. First it counts as a piece without pages, then the host takes its pages away.
 *
 * Readers of vectors and maps look first and check afterwards, so they may read memory that was just replaced.
 * A page that is gone would come back as zeros by such a read, or not at all if the file system is full. So spans
 * from which something was replaced keep their pages.
 */
import { bulkState, claimBulk, claimOf, holderOf, readyBulk, settleBulk } from "./bulk";
import {
	BULK_LEFT,
	BULK_PUNCH,
	FENCED,
	HEADER_COMMITTED,
	HEADER_HEAP,
	INTENT_BULK,
	INTENT_RUN,
	NEED_PUNCH,
	OK,
	PUNCH_SPANS,
	REQUEST_NONE,
	REQUEST_PUNCH,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_REQUEST,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
	SLOT_REQUEST_LENGTH,
	SLOT_REQUEST_LENGTH_2,
	SLOT_REQUEST_OFFSET,
	SPAN_FREE,
	SPAN_LEFT,
	SPAN_READ_LATE,
	SPAN_SHIFT,
} from "./layout";
import { header, isHeapSpan, readySpans } from "./region";
import { isCurrent, slotOf } from "./slots";
import { claim, clearBit, hasBit, hasPagesBit, setPagesBit, settleRun, stateOf } from "./spans";

/**
 * Claims one free piece that has pages. `NEED_PUNCH`: the host gives the pages in the slot's request back, then
 * calls `punched`, then calls again. `OK`: nothing is left to give back.
 */
export function trim(me: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	return trimBulk(me) || trimHeap(me) ? NEED_PUNCH : OK;
}

function ask(me: u32, first: u32, count: u32, offset: u32, length: u32): void {
	const slot = slotOf(me);
	store<u32>(slot, first, SLOT_REQUEST_FIRST);
	store<u32>(slot, count, SLOT_REQUEST_COUNT);
	store<u32>(slot, offset, SLOT_REQUEST_OFFSET);
	store<u32>(slot, length, SLOT_REQUEST_LENGTH);
	store<u32>(slot, 0, SLOT_REQUEST_LENGTH_2);
	store<u32>(slot, REQUEST_PUNCH, SLOT_REQUEST);
}

function isIdleBulk(span: u32): bool {
	const state = atomic.load<u32>(bulkState(span));
	return state != 0 && holderOf(state) == 0;
}

function trimBulk(me: u32): bool {
	const ready = readyBulk();
	for (let first: u32 = 0; first < ready; first++) {
		if (!isIdleBulk(first)) continue;
		let count: u32 = 1;
		while (count < BULK_PUNCH && first + count < ready && isIdleBulk(first + count)) count++;
		if (!claimBulk(me, first, count, 0)) continue;
		// From here on they don't count as spans with pages, whatever happens to `me`.
		setBulk(me, first, count, BULK_LEFT);
		ask(me, first, count, 0, 0);
		return true;
	}
	return false;
}

/** Sets the bits of bulk spans that `me` has claimed. */
function setBulk(me: u32, first: u32, count: u32, bits: u32): void {
	for (let i: u32 = 0; i < count; i++) atomic.store<u32>(bulkState(first + i), claimOf(me) | bits);
}

function isIdle(span: u32): bool {
	const hasPages = hasBit(HEADER_COMMITTED, span) || hasPagesBit(span, SPAN_LEFT);
	return hasPages && stateOf(span) == SPAN_FREE && !hasPagesBit(span, SPAN_READ_LATE);
}

function trimHeap(me: u32): bool {
	const ready = readySpans();
	for (let first = header(HEADER_HEAP); first < ready; first++) {
		if (!isIdle(first)) continue;
		let count: u32 = 1;
		while (count < PUNCH_SPANS && first + count < ready && isIdle(first + count)) count++;
		if (!claim(me, first, count)) continue;
		for (let i: u32 = 0; i < count; i++) {
			setPagesBit(first + i, SPAN_LEFT, true);
			clearBit(HEADER_COMMITTED, first + i);
		}
		ask(me, first, count, first << SPAN_SHIFT, count << SPAN_SHIFT);
		return true;
	}
	return false;
}

/** Notes that the host has given back the pages in the slot's request. */
export function punched(me: u32): void {
	if (!isCurrent(me)) return;
	const slot = slotOf(me);
	if (load<u32>(slot, SLOT_REQUEST) != REQUEST_PUNCH) return;
	store<u32>(slot, REQUEST_NONE, SLOT_REQUEST);
	const first = load<u32>(slot, SLOT_INTENT_A);
	const count = load<u32>(slot, SLOT_INTENT_B);
	const intent = load<u32>(slot, SLOT_INTENT);
	// A faulty peer may have written the intent.
	if (intent == INTENT_BULK && first < readyBulk() && count <= readyBulk() - first) {
		setBulk(me, first, count, 0);
		settleBulk(me, first, count, 0);
	} else if (intent == INTENT_RUN && isHeapSpan(first) && count <= readySpans() - first) {
		for (let i: u32 = 0; i < count; i++) setPagesBit(first + i, SPAN_LEFT, false);
		settleRun(me, first, count);
	}
}
