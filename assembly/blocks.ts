/**
 * Blocks: memory that users allocate, own, hand over and free. Small blocks are part of a slab, larger ones
 * are runs of spans. Both have one owner byte, and every change of owner is one atomic operation on it.
 */
import { bulkLength, bulkOffset, freeBulk, isBulk } from "./bulk";
import {
	BULK_SPAN_BYTES,
	BULK_SPAN_SHIFT,
	CLASS_BULK,
	CLASS_HANDLE,
	CLASS_LARGEST,
	CLASS_OBJECT,
	CLASS_SHARE,
	DESCRIPTOR_SPANS,
	DOUBLE_FREE,
	FENCED,
	FULL,
	HEADER_HEAP,
	INTENT_RUN,
	NOT_A_BLOCK,
	NOT_OWNER,
	OK,
	OWNER_FREE,
	OWNER_NONE,
	SHARE_BLOCK,
	SHARE_BYTES,
	SHARE_OWNERS,
	SLAB_LARGEST,
	SPAN_BYTES,
	SPAN_FREE,
	SPAN_RUN,
	SPAN_SHIFT,
	SPAN_TAIL,
	STATUS_LIMIT,
} from "./layout";
import { header, isHeapSpan, readySpans } from "./region";
import { classBytes, classFor, classOf, freeBlock, isSlab, reclaim, takeSmall } from "./slabs";
import { done, intend, isCurrent, tagOf, touch, untouch } from "./slots";
import {
	claimedBy,
	claimRun,
	descriptorOf,
	ownerByte,
	runLength,
	setState,
	settleRun,
	stateOf,
} from "./spans";

/**
 * Allocates a block of at least `bytes` bytes for `me`, aligned to 64 bytes. Returns its offset, or a status.
 */
export function allocate(me: u32, bytes: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	if (bytes <= SLAB_LARGEST) return takeSmall(me, classFor(bytes));
	return takeRun(me, ((bytes - 1) >> SPAN_SHIFT) + 1);
}

/** Allocates a block for an object of the directory. */
export function allocateObject(me: u32): u32 {
	return isCurrent(me) ? takeSmall(me, CLASS_OBJECT) : FENCED;
}

/** Allocates a block for a share. */
export function allocateShare(me: u32): u32 {
	return isCurrent(me) ? takeSmall(me, CLASS_SHARE) : FENCED;
}

/** Allocates a block for a handle. */
export function allocateHandle(me: u32): u32 {
	return isCurrent(me) ? takeSmall(me, CLASS_HANDLE) : FENCED;
}

function takeRun(me: u32, count: u32): u32 {
	let claimed = claimRun(me, count);
	if (claimed == -FULL) {
		reclaim(me);
		claimed = claimRun(me, count);
	}
	if (claimed < 0) return -claimed;
	const first = <u32>claimed;
	touch(me, first);
	const tail = SPAN_TAIL | (first << 16);
	for (let i: u32 = 1; i < count; i++) setState(first + i, tail);
	store<u32>(descriptorOf(first), count, DESCRIPTOR_SPANS);
	atomic.store<u8>(ownerByte(first, 0), <u8>tagOf(me));
	setState(first, SPAN_RUN);
	done(me);
	return first << SPAN_SHIFT;
}

function freeRun(me: u32, first: u32): void {
	const count = runLength(first);
	intend(me, INTENT_RUN, first, count, 0, 0);
	setState(first, claimedBy(me));
	atomic.store<u8>(ownerByte(first, 0), OWNER_NONE);
	settleRun(me, first, count);
	untouch(me, first);
}

/**
 * The offset of the owner byte of the block or reference at `offset`. A result below STATUS_LIMIT is a status
 * that says why there is none.
 */
export function ownerOf(offset: u32): u32 {
	const span = offset >> SPAN_SHIFT;
	if (!isHeapSpan(span)) return NOT_A_BLOCK;
	const state = stateOf(span);
	if (isSlab(state)) {
		if (classOf(state) == CLASS_SHARE && (offset & (SHARE_BYTES - 1)) >= SHARE_OWNERS) return offset;
		const bytes = classBytes(classOf(state));
		const within = offset & (SPAN_BYTES - 1);
		const index = within / bytes;
		return index * bytes == within && within + bytes <= SPAN_BYTES ? ownerByte(span, index) : NOT_A_BLOCK;
	}
	if ((offset & (SPAN_BYTES - 1)) != 0) return NOT_A_BLOCK;
	if (state == SPAN_RUN) return ownerByte(span, 0);
	return state == SPAN_FREE ? DOUBLE_FREE : NOT_A_BLOCK;
}

/** True if `offset` is that of a reference to a shared block, not of a block. */
export function isReference(offset: u32): bool {
	return ownerOf(offset) == offset;
}

/** The block that a reference refers to; any other offset is the block's own. */
function blockAt(offset: u32): u32 {
	return isReference(offset) ? load<u32>(offset & ~(SHARE_BYTES - 1), SHARE_BLOCK) : offset;
}

/** The offset of the bytes; 0 if they are in the bulk space. Those of a reference are in its share's block. */
export function bytesOf(offset: u32): u32 {
	const block = blockAt(offset);
	return isBulk(block) ? 0 : block;
}

/** Where in the file the bytes of a bulk block, or of a reference to one, are; 0 for any other block. */
export function fileOffsetOf(offset: u32): f64 {
	const block = blockAt(offset);
	return isBulk(block) && bulkLength(block) != 0 ? bulkOffset(block) : 0;
}

/** The capacity in bytes of the block or reference at `offset`; 0 if there is none. */
export function capacityOf(offset: u32): u32 {
	const block = blockAt(offset);
	const owner = ownerOf(block);
	// A share contains a block, never a reference.
	if (owner < STATUS_LIMIT || owner == block) return 0;
	if (isBulk(block)) return bulkLength(block) << BULK_SPAN_SHIFT;
	const state = stateOf(block >> SPAN_SHIFT);
	if (isSlab(state)) return classBytes(classOf(state));
	return state == SPAN_RUN ? runLength(block >> SPAN_SHIFT) << SPAN_SHIFT : 0;
}

/** The bytes of the block at `offset` that are in the heap, where the core may read and write them. */
export function heapBytesOf(offset: u32): u32 {
	return isBulk(offset) ? 0 : capacityOf(offset);
}

/**
 * OK if `me` owns the block or reference at `offset`, and it is not an internal block. Otherwise a status
 * that says why not.
 */
export function checkOwned(me: u32, offset: u32): u32 {
	const owner = ownerOf(offset);
	if (owner < STATUS_LIMIT) return owner;
	const state = stateOf(offset >> SPAN_SHIFT);
	const isInternal = isSlab(state) && classOf(state) > <u32>CLASS_LARGEST && classOf(state) != CLASS_BULK;
	if (isInternal && owner != offset) return NOT_A_BLOCK;
	const byte = atomic.load<u8>(owner);
	if (byte == tagOf(me)) return OK;
	return byte == OWNER_FREE || byte == OWNER_NONE ? DOUBLE_FREE : NOT_OWNER;
}

/** Frees a block (not a reference) that `me` owns. */
export function freeOwnBlock(me: u32, offset: u32): void {
	const span = offset >> SPAN_SHIFT;
	const state = stateOf(span);
	if (isBulk(offset)) freeBulk(me, offset);
	else if (isSlab(state))
		freeBlock(me, span, classOf(state), (offset & (SPAN_BYTES - 1)) / classBytes(classOf(state)));
	else freeRun(me, span);
}

/** Changes the owner of the block at `offset` from `from` to `to`. False if `from` does not own it. */
export function handOver(offset: u32, from: u32, to: u32): bool {
	const owner = ownerOf(offset);
	return owner >= STATUS_LIMIT && atomic.cmpxchg<u8>(owner, <u8>from, <u8>to) == <u8>from;
}

/** Makes `me` the owner of the block at `offset`. False if `from` does not own it. */
export function take(me: u32, offset: u32, from: u32): bool {
	if (ownerOf(offset) < STATUS_LIMIT) return false;
	touch(me, offset >> SPAN_SHIFT);
	return handOver(offset, from, tagOf(me));
}

/** The owner of the block or reference at `offset`; OWNER_NONE if there is none. */
export function ownerAt(offset: u32): u32 {
	const owner = ownerOf(offset);
	return owner < STATUS_LIMIT ? OWNER_NONE : atomic.load<u8>(owner);
}

/** The number of bytes in owned blocks. Checks every span. */
export function used(): f64 {
	let bytes: f64 = 0;
	const ready = readySpans();
	for (let span = header(HEADER_HEAP); span < ready; span++) {
		const state = stateOf(span);
		if (isSlab(state)) {
			const size = classBytes(classOf(state));
			const blocks = SPAN_BYTES / size;
			for (let index: u32 = 0; index < blocks; index++) {
				const byte = atomic.load<u8>(ownerByte(span, index));
				if (byte == OWNER_FREE || byte == OWNER_NONE) continue;
				bytes += size;
				const block = (span << SPAN_SHIFT) + index * size;
				if (classOf(state) == CLASS_BULK) bytes += <f64>bulkLength(block) * BULK_SPAN_BYTES;
			}
		} else if (state == SPAN_RUN) bytes += <f64>runLength(span) * SPAN_BYTES;
	}
	return bytes;
}

/** The size in bytes of the longest run of free spans, which limits the next block. Checks every span. */
export function largestFree(spans: u32): f64 {
	const ready = readySpans();
	let longest: u32 = 0;
	let run: u32 = 0;
	for (let span = header(HEADER_HEAP); span < spans; span++) {
		run = span >= ready || stateOf(span) == SPAN_FREE ? run + 1 : 0;
		longest = max(longest, run);
	}
	return <f64>longest * SPAN_BYTES;
}
