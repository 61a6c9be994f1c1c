/**
 * Slabs: spans that are divided into blocks of one size class.
 *
 * The owner byte of a block is the truth: allocating is one compare-and-swap from FREE to the participant's
 * tag, and freeing is one store of FREE. A byte is FREE or owned only while its span is a slab (or it is byte
 * 0 of a run), and a span stays a slab while any block of it is owned. So a participant that wins a byte has
 * the block, whatever it knew about the span before.
 *
 * A participant that allocates from a span is its keeper, so two participants seldom meet in one span. A span
 * without a keeper and with a free block has its bit set in the bitmap of available spans of its class. Both
 * are only hints: nothing waits for a keeper, and the last attempt before FULL checks only the owner bytes.
 *
 * The design follows mimalloc's pages, and Ralloc's recovery from minimal data.
 */
import {
	CLASS_BULK,
	CLASS_LARGEST,
	CLASS_LAST,
	CLASS_OBJECT,
	CLASS_SHARE,
	CURRENT_BLOCK,
	CURRENT_SPAN,
	DESCRIPTOR_KEEPER,
	FULL,
	HEADER_AVAILABLE,
	HEADER_HEAP,
	INTENT_RETIRE,
	INTENT_RUN,
	INTENT_SLAB,
	OBJECT_BYTES,
	OWNER_FREE,
	OWNER_NONE,
	READY_STEP,
	SHARE_BYTES,
	SLOT_INTENT,
	SLOT_INTENT_C,
	SPAN_BYTES,
	SPAN_SHIFT,
	SPAN_SLAB,
} from "./layout";
import { header, isHeapSpan, readySpans } from "./region";
import { currentOf, done, intend, slotOf, tagOf, touch, untouch } from "./slots";
import { claimedBy, claimRun, descriptorOf, mendAll, ownerByte, setState, settleRun, stateOf } from "./spans";

/** The size class for a block of `bytes` bytes, 1 to SLAB_LARGEST. */
export function classFor(bytes: u32): u32 {
	const units = (bytes + 63) >> 6;
	if (units <= 8) return max(units, 1) - 1;
	if (units > 256) return CLASS_LARGEST;
	const doubling = 31 - clz(units - 1);
	return 8 + ((doubling - 3) << 2) + ((units - 1 - (1 << doubling)) >> (doubling - 2));
}

/** The size of a block of the class, in bytes. */
export function classBytes(sizeClass: u32): u32 {
	if (sizeClass < 8) return (sizeClass + 1) << 6;
	if (sizeClass < CLASS_LARGEST) {
		const doubling = 3 + ((sizeClass - 8) >> 2);
		return ((1 << doubling) + (((sizeClass & 3) + 1) << (doubling - 2))) << 6;
	}
	if (sizeClass == CLASS_LARGEST) return SPAN_BYTES >> 1;
	if (sizeClass == CLASS_OBJECT) return OBJECT_BYTES;
	return sizeClass == CLASS_SHARE ? SHARE_BYTES : 64;
}

export function slabState(sizeClass: u32): u32 {
	return SPAN_SLAB | (sizeClass << 8);
}

/** True if the state is that of a slab. Its class is then `classOf(state)`. */
export function isSlab(state: u32): bool {
	return (state & 0xff) == SPAN_SLAB && classOf(state) <= <u32>CLASS_LAST;
}

export function classOf(state: u32): u32 {
	return state >> 8;
}

/** The word with `span`'s bit in the class's bitmap of available spans. */
function availableWord(sizeClass: u32, span: u32): u32 {
	return header(HEADER_AVAILABLE) + ((span >> 10) << 13) + (sizeClass << 7) + (((span & 1023) >> 5) << 2);
}

function setAvailable(sizeClass: u32, span: u32): void {
	const word = availableWord(sizeClass, span);
	const bit = 1 << (span & 31);
	if ((atomic.load<u32>(word) & bit) == 0) atomic.or<u32>(word, bit);
}

function clearAvailable(sizeClass: u32, span: u32): void {
	atomic.and<u32>(availableWord(sizeClass, span), ~(1 << (span & 31)));
}

/** The index of the first free block at or after `from`; `blocks` if there is none. */
function findFree(span: u32, blocks: u32, from: u32): u32 {
	const owners = ownerByte(span, 0);
	let index = from;
	while (index < blocks) {
		// A byte of 0xff is 0 in the complement. This test is exact for the lowest such byte.
		const bits = ~atomic.load<u64>(owners + (index & ~7)) | (((<u64>1) << ((index & 7) << 3)) - 1);
		const free = (bits - 0x0101010101010101) & ~bits & 0x8080808080808080;
		if (free != 0) return min((index & ~7) + (<u32>ctz(free) >> 3), blocks);
		index = (index & ~7) + 8;
	}
	return blocks;
}

function hasFree(span: u32, blocks: u32): bool {
	return findFree(span, blocks, 0) < blocks;
}

/**
 * Takes a free block of `span`, and tries those from `from` first. Returns its index, or -1. `me` has touched
 * the span.
 */
function takeBlock(me: u32, span: u32, sizeClass: u32, from: u32): i32 {
	const state = slabState(sizeClass);
	if (stateOf(span) != state) return -1;
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	for (let turn = 0; turn < 2; turn++) {
		let index = findFree(span, blocks, turn == 0 ? from : 0);
		while (index < blocks) {
			if (atomic.cmpxchg<u8>(ownerByte(span, index), OWNER_FREE, <u8>tagOf(me)) == OWNER_FREE) {
				// While a block of the span is owned, the span can't change. But it may have changed before.
				if (stateOf(span) == state) return index;
				const now = stateOf(span);
				if (isSlab(now)) freeBlock(me, span, classOf(now), index);
				return -1;
			}
			index = findFree(span, blocks, index + 1);
		}
	}
	return -1;
}

/**
 * Turns the claimed span into a slab with `me` as its keeper. `me` owns its first block, so no participant
 * can dissolve the slab before this function, or a survivor, has finished. The state is set before the other
 * owner bytes, so no byte is ever FREE in a span that is not a slab.
 */
function makeSlab(me: u32, span: u32, sizeClass: u32): void {
	const slot = slotOf(me);
	store<u32>(slot, sizeClass, SLOT_INTENT_C);
	atomic.store<u32>(slot, INTENT_SLAB, SLOT_INTENT);
	atomic.store<u32>(descriptorOf(span), me, DESCRIPTOR_KEEPER);
	atomic.store<u8>(ownerByte(span, 0), <u8>tagOf(me));
	// Old bytes must not look like an object that was removed, or that is open, or like a bulk block that has spans.
	if (sizeClass == CLASS_OBJECT || sizeClass == CLASS_BULK) memory.fill(span << SPAN_SHIFT, 0, SPAN_BYTES);
	setState(span, slabState(sizeClass));
	freeAll(span, sizeClass);
	done(me);
}

/** Finishes `makeSlab`: frees the blocks that have no owner byte yet. */
export function freeAll(span: u32, sizeClass: u32): void {
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	for (let index: u32 = 0; index < blocks; index++) {
		atomic.cmpxchg<u8>(ownerByte(span, index), OWNER_NONE, OWNER_FREE);
	}
}

/** Stops being the keeper of `span`, so that others may allocate from it. */
export function leaveSpan(me: u32, span: u32, sizeClass: u32): void {
	// SYNC: pairs with `freeBlock`. Either that function sees no keeper and sets the bit, or this one sees the
	// free block.
	atomic.cmpxchg<u32>(descriptorOf(span), me, 0, DESCRIPTOR_KEEPER);
	if (stateOf(span) == slabState(sizeClass) && hasFree(span, SPAN_BYTES / classBytes(sizeClass))) {
		setAvailable(sizeClass, span);
	}
}

function found(me: u32, span: u32, sizeClass: u32, index: i32): u32 {
	const current = currentOf(me, sizeClass);
	store<u32>(current, span, CURRENT_SPAN);
	store<u32>(current, index + 1, CURRENT_BLOCK);
	return (span << SPAN_SHIFT) + index * classBytes(sizeClass);
}

/** Becomes the keeper of an available span, and takes a block of it. Returns 0 if there is none. */
function takeAvailable(me: u32, sizeClass: u32): u32 {
	const ready = readySpans();
	let tries = 0;
	for (let step: u32 = 0; step < ready; step += READY_STEP) {
		for (let at: u32 = 0; at < READY_STEP && step + at < ready; at += 32) {
			const word = availableWord(sizeClass, step + at);
			let bits = atomic.load<u32>(word);
			while (bits != 0) {
				const span = step + at + ctz(bits);
				bits &= bits - 1;
				touch(me, span);
				clearAvailable(sizeClass, span);
				if (atomic.cmpxchg<u32>(descriptorOf(span), 0, me, DESCRIPTOR_KEEPER) != 0) continue;
				const index = takeBlock(me, span, sizeClass, 0);
				if (index >= 0) return found(me, span, sizeClass, index);
				leaveSpan(me, span, sizeClass);
				if (++tries == 64) return 0;
			}
		}
	}
	return 0;
}

/**
 * Takes a free block anywhere, by checking only the owner bytes: the last attempt before the region is full.
 */
function takeAnywhere(me: u32, sizeClass: u32): u32 {
	const ready = readySpans();
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	for (let span = header(HEADER_HEAP); span < ready; span++) {
		if (stateOf(span) != slabState(sizeClass) || !hasFree(span, blocks)) continue;
		touch(me, span);
		const index = takeBlock(me, span, sizeClass, 0);
		if (index >= 0) return (span << SPAN_SHIFT) + index * classBytes(sizeClass);
	}
	return 0;
}

/**
 * Takes a block of an existing slab: the one that `me` allocates from, or one without a keeper. Returns 0 if
 * there is none.
 */
function takeReady(me: u32, sizeClass: u32): u32 {
	const current = currentOf(me, sizeClass);
	const span = load<u32>(current, CURRENT_SPAN);
	if (isHeapSpan(span)) {
		// The span may have changed hands meanwhile, and may no longer be marked as touched.
		touch(me, span);
		const index = takeBlock(me, span, sizeClass, load<u32>(current, CURRENT_BLOCK));
		if (index >= 0) return found(me, span, sizeClass, index);
		store<u32>(current, 0, CURRENT_SPAN);
		leaveSpan(me, span, sizeClass);
	}
	return takeAvailable(me, sizeClass);
}

/** Takes a block of the class. Returns its offset, or a status. */
export function takeSmall(me: u32, sizeClass: u32): u32 {
	// A claim that waits for its pages comes first, because a new intent would overwrite it.
	if (load<u32>(slotOf(me), SLOT_INTENT) != INTENT_RUN) {
		const block = takeReady(me, sizeClass);
		if (block != 0) return block;
	}
	let fresh = claimRun(me, 1);
	if (fresh == -FULL) {
		const last = takeAnywhere(me, sizeClass);
		if (last != 0) return last;
		reclaim(me);
		fresh = claimRun(me, 1);
	}
	if (fresh < 0) return -fresh;
	touch(me, fresh);
	makeSlab(me, fresh, sizeClass);
	return found(me, fresh, sizeClass, 0);
}

/** Frees a block that `me` owns. */
export function freeBlock(me: u32, span: u32, sizeClass: u32, index: u32): void {
	// SYNC: pairs with the compare-and-swap in `takeBlock`: the next owner sees everything that was written to
	// the block.
	atomic.store<u8>(ownerByte(span, index), OWNER_FREE);
	const keeper = atomic.load<u32>(descriptorOf(span), DESCRIPTOR_KEEPER);
	if (keeper == me) {
		// The next allocation takes this block, because its cache lines are warm.
		const current = currentOf(me, sizeClass);
		if (load<u32>(current, CURRENT_SPAN) == span) store<u32>(current, index, CURRENT_BLOCK);
		return;
	}
	if (keeper != 0) return;
	setAvailable(sizeClass, span);
	if (sizeClass <= CLASS_LARGEST) retire(me, span, sizeClass);
}

/** True if no block of the span is owned. It seldom has to check many bytes. */
function isEmpty(span: u32, sizeClass: u32): bool {
	const owners = ownerByte(span, 0);
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	let index: u32 = 0;
	for (; index + 8 <= blocks; index += 8) if (atomic.load<u64>(owners + index) != ~(<u64>0)) return false;
	for (; index < blocks; index++) if (atomic.load<u8>(owners + index) != OWNER_FREE) return false;
	return true;
}

/**
 * Gives back the span of an empty slab. It first takes all blocks, so that no other participant can take one
 * while the slab is dissolved. If that fails, the slab simply stays.
 */
export function retire(me: u32, span: u32, sizeClass: u32): void {
	if (!isEmpty(span, sizeClass)) return;
	touch(me, span);
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	const tag = <u8>tagOf(me);
	for (let index: u32 = 0; index < blocks; index++) {
		if (atomic.cmpxchg<u8>(ownerByte(span, index), OWNER_FREE, tag) == OWNER_FREE) continue;
		while (index > 0) atomic.store<u8>(ownerByte(span, --index), OWNER_FREE);
		const keeper = atomic.load<u32>(descriptorOf(span), DESCRIPTOR_KEEPER);
		if (keeper == 0) setAvailable(sizeClass, span);
		return;
	}
	if (stateOf(span) != slabState(sizeClass)) {
		// The span became a slab of another class before these blocks were taken.
		const now = stateOf(span);
		for (let index: u32 = 0; index < blocks; index++) atomic.store<u8>(ownerByte(span, index), OWNER_FREE);
		if (isSlab(now)) setAvailable(classOf(now), span);
		return;
	}
	intend(me, INTENT_RETIRE, span, sizeClass, 0, 0);
	dissolve(me, span, sizeClass);
}

/** Finishes `retire`, after `me` has taken all blocks. */
export function dissolve(me: u32, span: u32, sizeClass: u32): void {
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	clearAvailable(sizeClass, span);
	for (let index: u32 = 0; index < blocks; index++) atomic.store<u8>(ownerByte(span, index), OWNER_NONE);
	const current = currentOf(me, sizeClass);
	if (load<u32>(current, CURRENT_SPAN) == span) store<u32>(current, 0, CURRENT_SPAN);
	atomic.store<u32>(descriptorOf(span), 0, DESCRIPTOR_KEEPER);
	setState(span, claimedBy(me));
	intend(me, INTENT_RUN, span, 1, 0, 0);
	settleRun(me, span, 1);
	untouch(me, span);
}

/**
 * Gives back every empty slab, with or without a keeper, and corrects the bitmap, before the region counts as
 * full.
 */
export function reclaim(me: u32): void {
	const ready = readySpans();
	for (let span = header(HEADER_HEAP); span < ready; span++) {
		const state = stateOf(span);
		if (isSlab(state) && classOf(state) <= <u32>CLASS_LARGEST) retire(me, span, classOf(state));
	}
	mendAll();
}
