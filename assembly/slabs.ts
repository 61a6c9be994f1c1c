/**
 * Slabs: spans cut into blocks of one size class.
 *
 * The owner byte of a block is the truth: allocating is one compare-and-swap from FREE to the
 * participant's tag, freeing is one store back. A byte is FREE or somebody's only while its span is a slab
 * (or 0 of a run), and a span stays a slab while anybody owns a block of it; so whoever wins a byte has
 * the block, whatever it believed of the span before.
 *
 * Who allocates from a span keeps it (a hint in the descriptor), so that two participants seldom meet in
 * one. A span that nobody keeps and that has a free block has its bit set in its class's bitmap of available
 * spans. Both are only hints: nothing waits for a keeper, and a last look goes by the owner bytes alone.
 *
 * The shape follows mimalloc's pages and Ralloc's recovery from a minimal truth.
 */
import {
	CLASS_LARGEST,
	CLASS_OBJECT,
	CLASS_SHARE,
	CLASSES,
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

/** The size class for `bytes`, 1 to SLAB_LARGEST. */
export function classFor(bytes: u32): u32 {
	const units = (bytes + 63) >> 6;
	if (units <= 8) return max(units, 1) - 1;
	if (units > 256) return CLASS_LARGEST;
	const doubling = 31 - clz(units - 1);
	return 8 + ((doubling - 3) << 2) + ((units - 1 - (1 << doubling)) >> (doubling - 2));
}

/** Bytes of a block of the class. */
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

/** Whether the state is a slab's; its class is then `classOf(state)`. */
export function isSlab(state: u32): bool {
	return (state & 0xff) == SPAN_SLAB && classOf(state) < <u32>CLASSES;
}

export function classOf(state: u32): u32 {
	return state >> 8;
}

/** The word of the class's bitmap of available spans that has `span`'s bit. */
function availableWord(sizeClass: u32, span: u32): u32 {
	return header(HEADER_AVAILABLE) + ((span >> 10) << 12) + (sizeClass << 7) + (((span & 1023) >> 5) << 2);
}

function setAvailable(sizeClass: u32, span: u32): void {
	const word = availableWord(sizeClass, span);
	const bit = 1 << (span & 31);
	if ((atomic.load<u32>(word) & bit) == 0) atomic.or<u32>(word, bit);
}

function clearAvailable(sizeClass: u32, span: u32): void {
	atomic.and<u32>(availableWord(sizeClass, span), ~(1 << (span & 31)));
}

/** The first free block at or after `from`, or `blocks`. */
function findFree(span: u32, blocks: u32, from: u32): u32 {
	const owners = ownerByte(span, 0);
	let index = from;
	while (index < blocks) {
		// A byte of 0xff is a byte of 0 in the complement; the lowest one found this way is exact.
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

/** Takes a free block of `span`, looking at `from` first; its index, or -1. `me` has touched the span. */
function takeBlock(me: u32, span: u32, sizeClass: u32, from: u32): i32 {
	const state = slabState(sizeClass);
	if (stateOf(span) != state) return -1;
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	for (let turn = 0; turn < 2; turn++) {
		let index = findFree(span, blocks, turn == 0 ? from : 0);
		while (index < blocks) {
			if (atomic.cmpxchg<u8>(ownerByte(span, index), OWNER_FREE, <u8>tagOf(me)) == OWNER_FREE) {
				// Now that a block of it is owned the span can't change; it may have before.
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
 * Makes the claimed span a slab kept by `me`, who owns its first block: so nobody can take it apart before
 * this is done, or before a survivor has done it. The state comes before the other bytes, so that no byte is
 * ever FREE in a span that is not a slab.
 */
function makeSlab(me: u32, span: u32, sizeClass: u32): void {
	const slot = slotOf(me);
	store<u32>(slot, sizeClass, SLOT_INTENT_C);
	atomic.store<u32>(slot, INTENT_SLAB, SLOT_INTENT);
	atomic.store<u32>(descriptorOf(span), me, DESCRIPTOR_KEEPER);
	atomic.store<u8>(ownerByte(span, 0), <u8>tagOf(me));
	// What was there before must not look like an object: that it was removed, or that somebody has it.
	if (sizeClass == CLASS_OBJECT) memory.fill(span << SPAN_SHIFT, 0, SPAN_BYTES);
	setState(span, slabState(sizeClass));
	freeAll(span, sizeClass);
	done(me);
}

/** Ends what `makeSlab` began: blocks that are not there yet become free. */
export function freeAll(span: u32, sizeClass: u32): void {
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	for (let index: u32 = 0; index < blocks; index++) {
		atomic.cmpxchg<u8>(ownerByte(span, index), OWNER_NONE, OWNER_FREE);
	}
}

/** No longer allocates from `span`; others may. */
export function leaveSpan(me: u32, span: u32, sizeClass: u32): void {
	// SYNC: pairs with `freeBlock`. Either it sees no keeper and sets the bit, or this sees its free block.
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

/** Takes over an available span and a block of it; 0 when there is none. */
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

/** A free block anywhere, by the owner bytes alone: the last look before there is no room. */
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

/** A block of a slab that is there: the one `me` allocates from, or one that nobody keeps; 0 if there is none. */
function takeReady(me: u32, sizeClass: u32): u32 {
	const current = currentOf(me, sizeClass);
	const span = load<u32>(current, CURRENT_SPAN);
	if (isHeapSpan(span)) {
		// The span may have been another's meanwhile, and untouched.
		touch(me, span);
		const index = takeBlock(me, span, sizeClass, load<u32>(current, CURRENT_BLOCK));
		if (index >= 0) return found(me, span, sizeClass, index);
		store<u32>(current, 0, CURRENT_SPAN);
		leaveSpan(me, span, sizeClass);
	}
	return takeAvailable(me, sizeClass);
}

/** A block of the class, or a status. */
export function takeSmall(me: u32, sizeClass: u32): u32 {
	// A claim that waited for its pages comes first: whatever is begun before it is used would forget it.
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
	// SYNC: pairs with the compare-and-swap in `takeBlock`: the next owner sees all that was done in the block.
	atomic.store<u8>(ownerByte(span, index), OWNER_FREE);
	const keeper = atomic.load<u32>(descriptorOf(span), DESCRIPTOR_KEEPER);
	if (keeper == me) {
		// Its lines are warm: the next allocation takes it.
		const current = currentOf(me, sizeClass);
		if (load<u32>(current, CURRENT_SPAN) == span) store<u32>(current, index, CURRENT_BLOCK);
		return;
	}
	if (keeper != 0) return;
	setAvailable(sizeClass, span);
	if (sizeClass <= CLASS_LARGEST) retire(me, span, sizeClass);
}

/** Whether no block of the span is owned; seldom looks far. */
function isEmpty(span: u32, sizeClass: u32): bool {
	const owners = ownerByte(span, 0);
	const blocks = SPAN_BYTES / classBytes(sizeClass);
	let index: u32 = 0;
	for (; index + 8 <= blocks; index += 8) if (atomic.load<u64>(owners + index) != ~(<u64>0)) return false;
	for (; index < blocks; index++) if (atomic.load<u8>(owners + index) != OWNER_FREE) return false;
	return true;
}

/**
 * Gives an empty slab's span back, by owning all its blocks first: then nobody else can, and none of the
 * races of taking it apart exist. Not being able to is no failure.
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
		// It was retired and made a slab of another class before these blocks were taken.
		const now = stateOf(span);
		for (let index: u32 = 0; index < blocks; index++) atomic.store<u8>(ownerByte(span, index), OWNER_FREE);
		if (isSlab(now)) setAvailable(classOf(now), span);
		return;
	}
	intend(me, INTENT_RETIRE, span, sizeClass, 0, 0);
	dissolve(me, span, sizeClass);
}

/** Ends what `retire` began, all blocks being `me`'s. */
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

/** Gives back every empty slab, kept or not, and mends the bitmap: before the region is called full. */
export function reclaim(me: u32): void {
	const ready = readySpans();
	for (let span = header(HEADER_HEAP); span < ready; span++) {
		const state = stateOf(span);
		if (isSlab(state) && classOf(state) <= <u32>CLASS_LARGEST) retire(me, span, classOf(state));
	}
	mendAll();
}
