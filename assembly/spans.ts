/**
 * Spans of 64 KiB: claims runs of spans, has their pages committed, and gives them back.
 *
 * The state word of a span's descriptor is the truth about the span. Every change of it is one atomic
 * operation that names the participant. The bitmap of busy spans only makes searches fast. After a crash it
 * may be wrong in either direction; searches correct it.
 */
import {
	CLASSES,
	COMMIT_SPANS,
	DESCRIPTOR_BYTES,
	DESCRIPTOR_PAGES,
	DESCRIPTOR_SPANS,
	DESCRIPTOR_STATE,
	FULL,
	HEADER_AVAILABLE,
	HEADER_BUSY,
	HEADER_COMMITTED,
	HEADER_DESCRIPTORS,
	HEADER_HEAP,
	HEADER_OWNED,
	HEADER_OWNERS,
	HEADER_READY,
	INTENT_RUN,
	NEED_COMMIT,
	OWNER_NONE,
	OWNERS_PER_SPAN,
	READY_STEP,
	REQUEST_DESCRIPTORS,
	REQUEST_NONE,
	REQUEST_SPANS,
	SLOT_INTENT,
	SLOT_INTENT_A,
	SLOT_INTENT_B,
	SLOT_REQUEST,
	SLOT_REQUEST_COUNT,
	SLOT_REQUEST_FIRST,
	SLOT_REQUEST_LENGTH,
	SLOT_REQUEST_LENGTH_2,
	SLOT_REQUEST_OFFSET,
	SLOT_REQUEST_OFFSET_2,
	SPAN_CLAIMED,
	SPAN_FREE,
	SPAN_READ_LATE,
	SPAN_RUN,
	SPAN_SHIFT,
	SPAN_TAIL,
} from "./layout";
import { allSpans, header, isHeapSpan, readySpans } from "./region";
import { done, intend, isCurrent, slotOf, tagOf } from "./slots";

export function descriptorOf(span: u32): u32 {
	return header(HEADER_DESCRIPTORS) + span * DESCRIPTOR_BYTES;
}

export function stateOf(span: u32): u32 {
	return atomic.load<u32>(descriptorOf(span), DESCRIPTOR_STATE);
}

export function setState(span: u32, state: u32): void {
	atomic.store<u32>(descriptorOf(span), state, DESCRIPTOR_STATE);
}

export function claimedBy(me: u32): u32 {
	return SPAN_CLAIMED | (tagOf(me) << 8);
}

/** Sets or clears a bit of what giving back must know about the span. */
export function setPagesBit(span: u32, bit: u32, value: bool): void {
	const word = descriptorOf(span) + DESCRIPTOR_PAGES;
	if (value) atomic.or<u32>(word, bit);
	else atomic.and<u32>(word, ~bit);
}

export function hasPagesBit(span: u32, bit: u32): bool {
	return (atomic.load<u32>(descriptorOf(span), DESCRIPTOR_PAGES) & bit) != 0;
}

/** Notes that readers may still read the block at `offset` after it was freed. */
export function markReadLate(offset: u32): void {
	const first = offset >> SPAN_SHIFT;
	const count = stateOf(first) == SPAN_RUN ? runLength(first) : 1;
	for (let i: u32 = 0; i < count; i++) setPagesBit(first + i, SPAN_READ_LATE, true);
}

/** The owner byte of block `index` of `span`. */
export function ownerByte(span: u32, index: u32): u32 {
	return header(HEADER_OWNERS) + span * OWNERS_PER_SPAN + index;
}

function wordOf(table: u32, index: u32): u32 {
	return header(table) + ((index >> 5) << 2);
}

export function hasBit(table: u32, index: u32): bool {
	return (atomic.load<u32>(wordOf(table, index)) & (1 << (index & 31))) != 0;
}

export function setBit(table: u32, index: u32): void {
	atomic.or<u32>(wordOf(table, index), 1 << (index & 31));
}

export function clearBit(table: u32, index: u32): void {
	atomic.and<u32>(wordOf(table, index), ~(1 << (index & 31)));
}

/**
 * Marks a span as busy in the bitmap, because its state says so. The span's holder may free it in between,
 * and would not clear the new bit, so check the state again.
 */
function mendBusy(span: u32): void {
	setBit(HEADER_BUSY, span);
	if (stateOf(span) == SPAN_FREE) clearBit(HEADER_BUSY, span);
}

/**
 * The first run of `count` spans that are free according to the bitmap. If there is none, `-1 - n`, where n
 * is the number of free spans at the end of the ready ones.
 */
function findRun(count: u32): i32 {
	const ready = readySpans();
	const bitmap = header(HEADER_BUSY);
	let span = header(HEADER_HEAP);
	let run: u32 = 0;
	while (span < ready) {
		const shift = span & 63;
		const bits = atomic.load<u64>(bitmap + ((span >> 6) << 3)) >> shift;
		const left = min(64 - shift, ready - span);
		if ((bits & 1) != 0) {
			run = 0;
			span += min(<u32>ctz(~bits), left);
		} else {
			const free = min(<u32>ctz(bits), left);
			run += free;
			span += free;
			if (run >= count) return span - run;
		}
	}
	return -1 - run;
}

/**
 * Asks the host for the tables of more spans, so that a run of `count` spans can begin with the `free` spans
 * at the end.
 */
function askForDescriptors(me: u32, count: u32, free: u32): i32 {
	const ready = readySpans();
	const spans = allSpans();
	if (ready >= spans || free + (spans - ready) < count) return -FULL;
	const until = min((ready + (count - free) + READY_STEP - 1) & ~(READY_STEP - 1), spans);
	const slot = slotOf(me);
	store<u32>(slot, ready, SLOT_REQUEST_FIRST);
	store<u32>(slot, until - ready, SLOT_REQUEST_COUNT);
	store<u32>(slot, descriptorOf(ready), SLOT_REQUEST_OFFSET);
	store<u32>(slot, (until - ready) * DESCRIPTOR_BYTES, SLOT_REQUEST_LENGTH);
	store<u32>(slot, header(HEADER_AVAILABLE) + ready * (CLASSES >> 3), SLOT_REQUEST_OFFSET_2);
	const whole = (until - ready + READY_STEP - 1) & ~(READY_STEP - 1);
	store<u32>(slot, whole * (CLASSES >> 3), SLOT_REQUEST_LENGTH_2);
	store<u32>(slot, REQUEST_DESCRIPTORS, SLOT_REQUEST);
	return -NEED_COMMIT;
}

/** Asks the host for the pages of claimed spans that have none yet. Returns 0 if all have pages. */
function askForPages(me: u32, first: u32, count: u32): i32 {
	let from: u32 = 0;
	while (from < count && hasBit(HEADER_COMMITTED, first + from)) from++;
	let until = from;
	while (until < count && until - from < COMMIT_SPANS && !hasBit(HEADER_COMMITTED, first + until)) until++;
	const owners = !hasBit(HEADER_OWNED, first >> 2);
	if (from == until && !owners) return 0;
	const slot = slotOf(me);
	store<u32>(slot, first + from, SLOT_REQUEST_FIRST);
	store<u32>(slot, until - from, SLOT_REQUEST_COUNT);
	store<u32>(slot, (first + from) << SPAN_SHIFT, SLOT_REQUEST_OFFSET);
	store<u32>(slot, (until - from) << SPAN_SHIFT, SLOT_REQUEST_LENGTH);
	store<u32>(slot, ownerByte(first & ~3, 0), SLOT_REQUEST_OFFSET_2);
	store<u32>(slot, owners ? 4 * OWNERS_PER_SPAN : 0, SLOT_REQUEST_LENGTH_2);
	store<u32>(slot, REQUEST_SPANS, SLOT_REQUEST);
	return -NEED_COMMIT;
}

/** Claims `count` spans from `first` on, in order. Claims none if one of them is taken. */
export function claim(me: u32, first: u32, count: u32): bool {
	intend(me, INTENT_RUN, first, count, 0, 0);
	const state = claimedBy(me);
	for (let i: u32 = 0; i < count; i++) {
		if (atomic.cmpxchg<u32>(descriptorOf(first + i), SPAN_FREE, state, DESCRIPTOR_STATE) != SPAN_FREE) {
			settleRun(me, first, i);
			mendBusy(first + i);
			return false;
		}
	}
	for (let i: u32 = 0; i < count; i++) setBit(HEADER_BUSY, first + i);
	return true;
}

/**
 * Claims the lowest free run of `count` spans, with committed pages. Returns the first span, or a negated
 * status. After `NEED_COMMIT` the claim stays, and the next call for the same number of spans continues with
 * it.
 *
 * Losing a race for a span means that another participant has it, so the search continues. It ends after more
 * lost races than chance explains.
 */
export function claimRun(me: u32, count: u32): i32 {
	const slot = slotOf(me);
	let first = 0;
	if (load<u32>(slot, SLOT_INTENT) == INTENT_RUN) {
		const claimed = load<u32>(slot, SLOT_INTENT_A);
		// A faulty peer may have written the intent, which must not lead to a block outside the region.
		if (load<u32>(slot, SLOT_INTENT_B) == count && isHeapSpan(claimed) && count <= readySpans() - claimed)
			first = claimed;
		else settleRun(me, claimed, load<u32>(slot, SLOT_INTENT_B));
	}
	for (let races = 0; first == 0; races++) {
		const found = findRun(count);
		if (found < 0) return askForDescriptors(me, count, -1 - found);
		if (claim(me, found, count)) first = found;
		else if (races == 1000) return -FULL;
	}
	const status = askForPages(me, first, count);
	return status < 0 ? status : first;
}

/**
 * Frees the spans of the run [first, first + count) that `me` has claimed, and the tails of the claimed first
 * span. The first span comes last, so a survivor that continues for a dead `me` still finds the others.
 * Clears the intent.
 */
export function settleRun(me: u32, first: u32, length: u32): void {
	const count = isHeapSpan(first) ? min(length, readySpans() - first) : 0;
	const mine = claimedBy(me);
	const tail = SPAN_TAIL | (first << 16);
	const started = count > 0 && stateOf(first) == mine;
	if (started && hasBit(HEADER_OWNED, first >> 2)) atomic.store<u8>(ownerByte(first, 0), OWNER_NONE);
	for (let i = count; i > 0; ) {
		i--;
		const state = stateOf(first + i);
		if (started && (state == mine || state == tail)) setState(first + i, SPAN_FREE);
	}
	for (let i: u32 = 0; i < count; i++) {
		clearBit(HEADER_BUSY, first + i);
		if (stateOf(first + i) != SPAN_FREE) setBit(HEADER_BUSY, first + i);
	}
	done(me);
}

/** Corrects the bitmap where a crash or a race has left a free span marked as busy. */
export function mendAll(): void {
	const ready = readySpans();
	for (let span = header(HEADER_HEAP); span < ready; span++) {
		if (stateOf(span) == SPAN_FREE && hasBit(HEADER_BUSY, span)) {
			clearBit(HEADER_BUSY, span);
			if (stateOf(span) != SPAN_FREE) setBit(HEADER_BUSY, span);
		}
	}
}

/** The number of spans in the run that starts at `span`. */
export function runLength(span: u32): u32 {
	return min(load<u32>(descriptorOf(span), DESCRIPTOR_SPANS), allSpans() - min(span, allSpans()));
}
