/**
 * Bulk blocks: blocks whose bytes lie behind the heap, in the bulk space, which may be far larger than what a
 * 32-bit memory can address. The core never touches those bytes.
 *
 * A bulk block is a record of 64 bytes in the heap, `{ first, spans }`, of a class of its own. Its offset is the
 * block's, and its owner byte says whose the block is, so handing over, saving, cloning and recovery are those
 * of every block. Only allocating, freeing and measuring know the class.
 *
 * The state of a bulk span is the truth about the span: it is free, or it names its holder, a participant that
 * has claimed it or a bulk block. Claiming and giving back have one intent, and one way to undo it.
 */
import {
	BULK_BITS,
	BULK_COMMIT,
	BULK_FIRST,
	BULK_MOST,
	BULK_PAGES,
	BULK_READY_STEP,
	BULK_SPAN_BYTES,
	BULK_SPAN_SHIFT,
	BULK_SPANS,
	BULK_TAG_SHIFT,
	BULK_WINDOW,
	CLASS_BULK,
	FENCED,
	FULL,
	HEADER_BULK_READY,
	HEADER_BULK_SPANS,
	HEADER_BULK_STATES,
	HEADER_SPANS,
	INTENT_BULK,
	NEED_COMMIT,
	REQUEST_BULK,
	REQUEST_BULK_TABLES,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_INTENT_C,
	SLOT_REQUEST,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
	SLOT_REQUEST_LENGTH,
	SLOT_REQUEST_LENGTH_2,
	SLOT_REQUEST_OFFSET,
	SPAN_BYTES,
	SPAN_SHIFT,
	STATUS_LIMIT,
} from "./layout";
import { header, isHeapSpan } from "./region";
import { freeBlock, slabState, takeSmall } from "./slabs";
import { done, intend, isCurrent, slotOf, tagOf } from "./slots";
import { ownerByte, stateOf } from "./spans";

/** The number of bulk spans, limited in case the header is corrupted. */
export function bulkSpans(): u32 {
	return min(header(HEADER_BULK_SPANS), BULK_MOST);
}

/** The number of bulk spans whose states may be read. */
export function readyBulk(): u32 {
	return min(atomic.load<u32>(HEADER_BULK_READY), bulkSpans());
}

/** The address of the state of a bulk span. */
export function bulkState(span: u32): u32 {
	return header(HEADER_BULK_STATES) + (span << 2);
}

/** The holder that a state names; 0 if the span is free. */
export function holderOf(state: u32): u32 {
	return state & ~BULK_BITS;
}

/** The state of a bulk span that `me` has claimed, without its bits. */
export function claimOf(me: u32): u32 {
	return tagOf(me) << BULK_TAG_SHIFT;
}

/** True if a bulk block, in use or free, is at `offset`. */
export function isBulk(offset: u32): bool {
	const span = offset >> SPAN_SHIFT;
	return isHeapSpan(span) && stateOf(span) == slabState(CLASS_BULK) && (offset & 63) == 0;
}

/** The number of bulk spans of a bulk block. */
export function bulkLength(block: u32): u32 {
	const ready = readyBulk();
	return min(load<u32>(block, BULK_SPANS), ready - min(load<u32>(block, BULK_FIRST), ready));
}

/** Where the bytes of the bulk block are in the file. */
export function bulkOffset(block: u32): f64 {
	const start =
		(<u64>header(HEADER_SPANS) * SPAN_BYTES + (BULK_SPAN_BYTES - 1)) & ~(<u64>BULK_SPAN_BYTES - 1);
	return <f64>(start + ((<u64>load<u32>(block, BULK_FIRST)) << BULK_SPAN_SHIFT));
}

/** The first run of `count` spans that are free, and in one window. -1 if there is none. */
function findBulk(count: u32): i32 {
	const ready = readyBulk();
	let run: u32 = 0;
	for (let span: u32 = 0; span < ready; span++) {
		if (span % BULK_WINDOW == 0) run = 0;
		run = holderOf(atomic.load<u32>(bulkState(span))) == 0 ? run + 1 : 0;
		if (run == count) return span + 1 - count;
	}
	return -1;
}

/** Asks the host for the pages of more states. */
function askForStates(me: u32): i32 {
	const ready = readyBulk();
	const spans = bulkSpans();
	if (ready >= spans) return -FULL;
	const slot = slotOf(me);
	const until = min(ready + BULK_READY_STEP, spans);
	store<u32>(slot, ready, SLOT_REQUEST_FIRST);
	store<u32>(slot, until - ready, SLOT_REQUEST_COUNT);
	store<u32>(slot, bulkState(ready), SLOT_REQUEST_OFFSET);
	store<u32>(slot, (until - ready) << 2, SLOT_REQUEST_LENGTH);
	store<u32>(slot, 0, SLOT_REQUEST_LENGTH_2);
	store<u32>(slot, REQUEST_BULK_TABLES, SLOT_REQUEST);
	return -NEED_COMMIT;
}

/** Asks the host for the pages of claimed bulk spans that have none yet. Returns 0 if all have pages. */
function askForBulk(me: u32, first: u32, count: u32): i32 {
	let from: u32 = 0;
	while (from < count && hasPages(first + from)) from++;
	let until = from;
	while (until < count && until - from < BULK_COMMIT && !hasPages(first + until)) until++;
	if (from == until) return 0;
	const slot = slotOf(me);
	store<u32>(slot, first + from, SLOT_REQUEST_FIRST);
	store<u32>(slot, until - from, SLOT_REQUEST_COUNT);
	store<u32>(slot, 0, SLOT_REQUEST_LENGTH);
	store<u32>(slot, 0, SLOT_REQUEST_LENGTH_2);
	store<u32>(slot, REQUEST_BULK, SLOT_REQUEST);
	return -NEED_COMMIT;
}

function hasPages(span: u32): bool {
	return (atomic.load<u32>(bulkState(span)) & BULK_PAGES) != 0;
}

/** Notes that the host has committed the states, or the pages, of `count` bulk spans from `first` on. */
export function committedBulk(me: u32, request: u32, first: u32, count: u32): void {
	// A faulty peer may have written to the slot.
	const until = first + min(count, bulkSpans() - min(first, bulkSpans()));
	if (request == REQUEST_BULK_TABLES) {
		// Another participant may have committed more meanwhile; the number only grows.
		let ready = readyBulk();
		while (ready < until) {
			const seen = atomic.cmpxchg<u32>(HEADER_BULK_READY, ready, until);
			if (seen == ready) break;
			ready = seen;
		}
		return;
	}
	const mine = claimOf(me);
	for (let span = first; span < min(until, readyBulk()); span++) {
		if (holderOf(atomic.load<u32>(bulkState(span))) == mine) {
			atomic.store<u32>(bulkState(span), mine | BULK_PAGES);
		}
	}
}

/**
 * Claims the free bulk span, whatever pages it has. False if it is not free.
 *
 * SYNC: pairs with the store in `settleBulk`: its last holder has finished with it.
 */
function claimSpan(me: u32, span: u32): bool {
	const state = atomic.load<u32>(bulkState(span)) & BULK_BITS;
	return atomic.cmpxchg<u32>(bulkState(span), state, claimOf(me) | state) == state;
}

/** Claims `count` bulk spans from `first` on, for `block`. Claims none if one of them is taken. */
export function claimBulk(me: u32, first: u32, count: u32, block: u32): bool {
	intend(me, INTENT_BULK, first, count, block, 0);
	for (let i: u32 = 0; i < count; i++) {
		if (claimSpan(me, first + i)) continue;
		settleBulk(me, first, i, block);
		return false;
	}
	return true;
}

/**
 * Finishes giving back, or undoes claiming: frees the bulk spans that `me` has claimed or that belong to
 * `block`, and leaves the block without spans. Repeating a step does no harm. Clears the intent.
 */
export function settleBulk(me: u32, first: u32, count: u32, block: u32): void {
	const mine = claimOf(me);
	// A faulty peer may have written the intent.
	const owned = block != 0 && isBulk(block) && isOwn(me, block);
	const ready = readyBulk();
	const until = first + min(count, ready - min(first, ready));
	for (let span = first; span < until; span++) {
		const state = atomic.load<u32>(bulkState(span));
		const holder = holderOf(state);
		// SYNC: pairs with `claimSpan`: the next holder sees that this one has finished.
		if (holder == mine || (owned && holder == block)) atomic.store<u32>(bulkState(span), state & BULK_BITS);
	}
	if (owned) {
		store<u32>(block, 0, BULK_SPANS);
		store<u32>(block, 0, BULK_FIRST);
	}
	done(me);
}

function isOwn(me: u32, block: u32): bool {
	return atomic.load<u8>(ownerOfBulk(block)) == tagOf(me);
}

function ownerOfBulk(block: u32): u32 {
	return ownerByte(block >> SPAN_SHIFT, (block & (SPAN_BYTES - 1)) >> 6);
}

/**
 * Claims a run of `count` bulk spans for `block`, with pages. Returns the first one, or a negated status. After
 * `NEED_COMMIT` the claim stays.
 */
function claimRunOfBulk(me: u32, count: u32, block: u32): i32 {
	for (let races = 0; races <= 1000; races++) {
		const found = findBulk(count);
		if (found < 0) return askForStates(me);
		if (claimBulk(me, found, count, block)) return found;
	}
	return -FULL;
}

/**
 * Allocates a block of at least `bytes` bytes in the bulk space, for `me`. Returns its offset, or a status.
 * After `NEED_COMMIT` the claim stays, and the next call for as many bytes continues with it.
 */
export function allocateBulk(me: u32, bytes: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	const count = ((max(bytes, 1) - 1) >> BULK_SPAN_SHIFT) + 1;
	if (count > BULK_WINDOW || count > bulkSpans()) return FULL;
	const slot = slotOf(me);
	let first = 0;
	let block: u32 = 0;
	if (load<u32>(slot, SLOT_INTENT) == INTENT_BULK) {
		const claimed = load<u32>(slot, SLOT_INTENT_A);
		block = load<u32>(slot, SLOT_INTENT_C);
		// A faulty peer may have written the intent.
		const isWhole = load<u32>(slot, SLOT_INTENT_B) == count && isBulk(block) && isOwn(me, block);
		if (isWhole && claimed < readyBulk() && count <= readyBulk() - claimed) first = claimed;
		else {
			cancelBulk(me);
			block = 0;
		}
	}
	if (block == 0) {
		block = takeSmall(me, CLASS_BULK);
		if (block < STATUS_LIMIT) return block;
		first = claimRunOfBulk(me, count, block);
		if (first < 0) {
			freeBulk(me, block);
			return -first;
		}
	}
	const status = askForBulk(me, first, count);
	if (status < 0) return -status;
	// As long as the intent stands, a survivor gives back everything.
	for (let i: u32 = 0; i < count; i++) atomic.store<u32>(bulkState(first + i), block | BULK_PAGES);
	store<u32>(block, first, BULK_FIRST);
	store<u32>(block, count, BULK_SPANS);
	done(me);
	return block;
}

/** Frees a bulk block that `me` owns: its spans first, then the record. */
export function freeBulk(me: u32, block: u32): void {
	const count = bulkLength(block);
	if (count != 0) {
		const first = load<u32>(block, BULK_FIRST);
		intend(me, INTENT_BULK, first, count, block, 0);
		settleBulk(me, first, count, block);
	}
	freeBlock(me, block >> SPAN_SHIFT, CLASS_BULK, (block & (SPAN_BYTES - 1)) >> 6);
}

/** Gives back a claim that has not become a block. */
export function cancelBulk(me: u32): void {
	const slot = slotOf(me);
	const block = load<u32>(slot, SLOT_INTENT_C);
	settleBulk(me, load<u32>(slot, SLOT_INTENT_A), load<u32>(slot, SLOT_INTENT_B), block);
	if (block != 0 && isBulk(block) && isOwn(me, block)) freeBulk(me, block);
}

/** The size in bytes of the longest run of free bulk spans, which limits the next bulk block. */
export function largestFreeBulk(): f64 {
	const ready = readyBulk();
	const spans = bulkSpans();
	let longest: u32 = 0;
	let run: u32 = 0;
	for (let span: u32 = 0; span < spans; span++) {
		if (span >= ready) {
			// All that are not ready are free, and some whole windows may be among them.
			longest = max(longest, min(spans - ready, BULK_WINDOW));
			break;
		}
		if (span % BULK_WINDOW == 0) run = 0;
		run = holderOf(atomic.load<u32>(bulkState(span))) == 0 ? run + 1 : 0;
		longest = max(longest, run);
	}
	return <f64>longest * BULK_SPAN_BYTES;
}
