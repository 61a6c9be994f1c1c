/**
 * Named objects: found, or constructed once.
 *
 * A bucket is a 64-bit word, `{ list: u32, version: u32 }`. A list is immutable: `{ count: u32, objects:
 * u32[count] }`. Whoever changes a bucket makes a new list, puts it there with one compare-and-swap and
 * frees the old one; whoever reads checks afterwards that the bucket still says the same. So nobody waits,
 * a half-made object is never seen, and two who construct at once agree on the one that came first.
 */

import { capacityOf, handOver, ownerAt } from "./blocks";
import { freeOwned } from "./free";
import { fnv1a } from "./hash";
import {
	BUCKET_BYTES,
	BUSY,
	CORRUPT,
	FENCED,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	INTENT_INSERT,
	NAME_BYTES,
	NOT_FOUND,
	OBJECT_BYTES,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_ELEMENT,
	OBJECT_HASH,
	OBJECT_KIND,
	OBJECT_NAME,
	OBJECT_NAME_LENGTH,
	OBJECT_REQUESTED,
	OK,
	OWNER_REGION,
	SLOT_ARGUMENT,
	SLOT_RESULT,
	SPAN_SHIFT,
	TAKEN,
} from "./layout";
import { header } from "./region";
import { done, intend, isCurrent, slotOf, tagOf, touch } from "./slots";

function bucketOf(hash: u32): u32 {
	return header(HEADER_BUCKETS) + (hash & header(HEADER_BUCKET_MASK)) * BUCKET_BYTES;
}

/** Objects in the list, or -1 if it is no longer one. */
function countOf(list: u32): i32 {
	if (list == 0) return 0;
	const capacity = capacityOf(list);
	if (capacity == 0) return -1;
	const count = atomic.load<u32>(list);
	return count < capacity >> 2 ? count : -1;
}

/** Whether `object` has this name. It may be freed meanwhile, so nothing in it is believed. */
function isNamed(object: u32, hash: u32, name: u32, length: u32): bool {
	if (capacityOf(object) != OBJECT_BYTES) return false;
	if (load<u32>(object, OBJECT_HASH) != hash || load<u32>(object, OBJECT_NAME_LENGTH) != length) return false;
	return memory.compare(object + OBJECT_NAME, name, length) == 0;
}

/** The object in the list that has the name; 0 if none has. */
function search(list: u32, count: u32, hash: u32, name: u32, length: u32): u32 {
	for (let i: u32 = 1; i <= count; i++) {
		// Atomic, so that it is not read after the second look at the bucket.
		const object = atomic.load<u32>(list + (i << 2));
		if (isNamed(object, hash, name, length)) return object;
	}
	return 0;
}

/** The object whose name is the first `length` bytes of the slot's argument, or a status. */
export function find(me: u32, length: u32): u32 {
	if (!isCurrent(me) || length > NAME_BYTES) return FENCED;
	const name = slotOf(me) + SLOT_ARGUMENT;
	const hash = fnv1a(name, length);
	const bucket = bucketOf(hash);
	for (let turn = 0; turn < 1000; turn++) {
		const seen = atomic.load<u64>(bucket);
		const count = countOf(<u32>seen);
		const object = count < 0 ? 0 : search(<u32>seen, count, hash, name, length);
		if (atomic.load<u64>(bucket) != seen) continue;
		if (count < 0) return CORRUPT;
		return object != 0 ? object : NOT_FOUND;
	}
	return BUSY;
}

/** Bytes that the list of the argument's bucket needs to take one more. */
export function listBytes(me: u32, length: u32): u32 {
	const bucket = bucketOf(fnv1a(slotOf(me) + SLOT_ARGUMENT, length));
	return 4 * (2 + max(countOf(atomic.load<u32>(bucket)), 0));
}

/** Fills in `object`, which `me` has just allocated, and gives it the slot's argument for a name. */
export function describe(
	me: u32,
	object: u32,
	length: u32,
	kind: u32,
	element: u32,
	requested: u32,
	capacity: u32,
	data: u32,
): void {
	const name = slotOf(me) + SLOT_ARGUMENT;
	memory.fill(object, 0, OBJECT_BYTES);
	store<u32>(object, fnv1a(name, length), OBJECT_HASH);
	store<u32>(object, kind, OBJECT_KIND);
	store<u32>(object, element, OBJECT_ELEMENT);
	store<u32>(object, requested, OBJECT_REQUESTED);
	store<u32>(object, capacity, OBJECT_CAPACITY);
	store<u32>(object, data, OBJECT_DATA);
	store<u32>(object, length, OBJECT_NAME_LENGTH);
	memory.copy(object + OBJECT_NAME, name, length);
}

/**
 * Puts a described object into the directory, by means of `list`, a block with room for it. `TAKEN` when
 * the name has come up meanwhile (the object is in the slot's result), `BUSY` when the bucket has changed:
 * in both cases the blocks are still the caller's.
 */
export function insert(me: u32, object: u32, list: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	const hash = load<u32>(object, OBJECT_HASH);
	const bucket = bucketOf(hash);
	const seen = atomic.load<u64>(bucket);
	const count = countOf(<u32>seen);
	if (count < 0) return atomic.load<u64>(bucket) == seen ? CORRUPT : BUSY;
	const named = search(<u32>seen, count, hash, object + OBJECT_NAME, load<u32>(object, OBJECT_NAME_LENGTH));
	if (capacityOf(list) < (<u32>(count + 2)) << 2) return BUSY;
	store<u32>(list, count + 1);
	for (let i: u32 = 1; i <= <u32>count; i++) {
		store<u32>(list + (i << 2), atomic.load<u32>(<u32>seen + (i << 2)));
	}
	store<u32>(list + ((count + 1) << 2), object);
	if (atomic.load<u64>(bucket) != seen) return BUSY;
	if (named != 0) {
		store<u32>(slotOf(me), named, SLOT_RESULT);
		return TAKEN;
	}
	const version = ((seen >> 32) + 1) << 32;
	intend(me, INTENT_INSERT, bucket, list, object, <u32>seen);
	// SYNC: hands the object and the list to everybody who reads the bucket (`find`).
	if (atomic.cmpxchg<u64>(bucket, seen, version | list) != seen) {
		done(me);
		return BUSY;
	}
	finishInsert(me, list, object, <u32>seen);
	return OK;
}

/** After the bucket was changed: what was inserted becomes the region's, and the old list goes. */
function finishInsert(me: u32, list: u32, object: u32, old: u32): void {
	const tag = tagOf(me);
	handOver(object, tag, OWNER_REGION);
	handOver(load<u32>(object, OBJECT_DATA), tag, OWNER_REGION);
	if (old != 0) seize(me, old);
	handOver(list, tag, OWNER_REGION);
	done(me);
	if (old != 0 && ownerAt(old) == tag) freeOwned(me, old);
}

/**
 * Ends what `insert` began, if the directory has the object. That the bucket has another list says nothing,
 * and neither does the list's owner: somebody may have replaced it, and be stopped before he takes it.
 */
export function settleInsert(me: u32, bucket: u32, list: u32, object: u32, old: u32): void {
	if (contains(bucket, object)) finishInsert(me, list, object, old);
	else done(me);
}

/** Whether the bucket has the object. Another turn means that somebody has changed it meanwhile. */
function contains(bucket: u32, object: u32): bool {
	let has: bool;
	let seen: u64;
	do {
		seen = atomic.load<u64>(bucket);
		const count = countOf(<u32>seen);
		has = false;
		for (let i = 1; i <= count; i++) if (atomic.load<u32>(<u32>seen + ((<u32>i) << 2)) == object) has = true;
	} while (atomic.load<u64>(bucket) != seen);
	return has;
}

/** Takes a replaced list, which is the region's or still its maker's. */
function seize(me: u32, list: u32): void {
	touch(me, list >> SPAN_SHIFT);
	for (let turn = 0; turn < 4; turn++) if (handOver(list, ownerAt(list), tagOf(me))) return;
}
