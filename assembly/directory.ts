/**
 * The directory: finds named objects without a lock.
 *
 * It is a hash table whose buckets are linked lists, as in Michael, *High Performance Dynamic Lock-Free Hash
 * Tables and List-Based Sets* (SPAA 2002), with tags, because the memory of objects is never anything but
 * objects. One compare-and-swap inserts an object at the head of its list. Another one removes it by marking
 * its link. From then on the link does not change, and searches pass the object. It is taken out of the list
 * when it is freed.
 *
 * Searches write nothing. A search that is disturbed by a change begins again.
 */

import { fnv1a } from "./hash";
import {
	BUCKET_BYTES,
	BUSY,
	CLASS_OBJECT,
	CORRUPT,
	EMPTY,
	HEADER_BUCKET_MASK,
	HEADER_BUCKETS,
	LINK_REMOVED,
	NAME_BYTES,
	NOT_FOUND,
	OBJECT_BYTES,
	OBJECT_HASH,
	OBJECT_NAME,
	OBJECT_NAME_LENGTH,
	OBJECT_NEXT,
	OK,
	SPAN_BYTES,
	SPAN_SHIFT,
	STATUS_LIMIT,
	TAKEN,
} from "./layout";
import { header, isHeapSpan } from "./region";
import { slabState } from "./slabs";
import { stateOf } from "./spans";

/** Attempts of a search that is disturbed each time: more than chance explains. */
const TURNS = 10000;
/** More objects than a region can contain. */
const MOST_OBJECTS = 1 << 23;

/**
 * True if a walk should remember its place at this step. A walk that reaches a remembered place again is in a
 * cycle (Brent, *An Improved Monte Carlo Factorization Algorithm*, 1980). Detecting it takes a number of
 * steps proportional to those before and in the cycle.
 */
function isLandmark(step: u32): bool {
	return (step & (step - 1)) == 0;
}

function bucketOf(hash: u32): u32 {
	return header(HEADER_BUCKETS) + (hash & header(HEADER_BUCKET_MASK)) * BUCKET_BYTES;
}

function linked(link: u64): u32 {
	return <u32>link & ~LINK_REMOVED;
}

/** The link to `object` that replaces `link`: its tag is one higher. */
function relinked(link: u64, object: u32): u64 {
	return (((link >> 32) + 1) << 32) | object;
}

/** True if the memory at `offset` is an object, or a free block for one. */
export function isObject(offset: u32): bool {
	const span = offset >> SPAN_SHIFT;
	const within = offset & (SPAN_BYTES - 1);
	// Without `ownerOf`, because dividing by a constant is fast, and every locking of a mutex calls this.
	const isBlock = within % OBJECT_BYTES == 0 && within + OBJECT_BYTES <= SPAN_BYTES;
	return isBlock && isHeapSpan(span) && stateOf(span) == slabState(CLASS_OBJECT);
}

export function isRemoved(object: u32): bool {
	return (atomic.load<u64>(object, OBJECT_NEXT) & LINK_REMOVED) != 0;
}

/** True if `object` has this name. The object may be freed meanwhile, so its contents are not trusted. */
function isNamed(object: u32, hash: u32, name: u32, length: u32): bool {
	return (
		load<u32>(object, OBJECT_HASH) == hash &&
		load<u32>(object, OBJECT_NAME_LENGTH) == length &&
		memory.compare(object + OBJECT_NAME, name, length) == 0
	);
}

/**
 * Searches the list behind `head`, which was read from `bucket`. Returns the object with this name, or
 * NOT_FOUND. `BUSY` if another participant changed the list meanwhile.
 *
 * `place` is the address of the last link on the way that does not belong to a removed object, and `link` is
 * its value. As long as that value does not change, everything that was read behind it is in the list, because
 * the links of removed objects do not change.
 */
function search(bucket: u32, head: u64, hash: u32, name: u32, length: u32): u32 {
	let place = bucket;
	let link = head;
	let object = linked(head);
	let landmark: u32 = 0;
	for (let step = 0; step < MOST_OBJECTS; step++) {
		if (object == 0) return NOT_FOUND;
		if (object == landmark || !isObject(object)) return atomic.load<u64>(place) == link ? CORRUPT : BUSY;
		// SYNC: pairs with the compare-and-swap in `link`: an object's head is visible before the link to it.
		const next = atomic.load<u64>(object, OBJECT_NEXT);
		const found = (next & LINK_REMOVED) == 0 && isNamed(object, hash, name, length);
		if (atomic.load<u64>(place) != link) return BUSY;
		if (found) return object;
		if ((next & LINK_REMOVED) == 0) {
			place = object + OBJECT_NEXT;
			link = next;
		}
		if (isLandmark(step)) landmark = object;
		object = linked(next);
	}
	return CORRUPT;
}

/** The object with this name, or NOT_FOUND. Writes nothing. */
export function find(name: u32, length: u32): u32 {
	if (length > NAME_BYTES) return NOT_FOUND;
	const hash = fnv1a(name, length);
	const bucket = bucketOf(hash);
	for (let turn = 0; turn < TURNS; turn++) {
		const found = search(bucket, atomic.load<u64>(bucket), hash, name, length);
		if (found != BUSY) return found;
	}
	return BUSY;
}

/**
 * The object after `object` in the bucket with this index; the first one if `object` is 0; EMPTY at the end.
 * Writes nothing.
 */
export function nextObject(index: u32, object: u32): u32 {
	const mask = header(HEADER_BUCKET_MASK);
	let place = object == 0 ? header(HEADER_BUCKETS) + (index & mask) * BUCKET_BYTES : object + OBJECT_NEXT;
	let landmark: u32 = 0;
	for (let step = 0; step < MOST_OBJECTS; step++) {
		const next = linked(atomic.load<u64>(place));
		// The link of a freed object may lead to another list.
		if (
			next == 0 ||
			next == landmark ||
			!isObject(next) ||
			((load<u32>(next, OBJECT_HASH) ^ index) & mask) != 0
		)
			return EMPTY;
		if (!isRemoved(next)) return next;
		if (isLandmark(step)) landmark = next;
		place = next + OBJECT_NEXT;
	}
	return EMPTY;
}

/**
 * Puts `object`, whose head is written, into the directory. Returns OK, or `TAKEN` if another object has its
 * name.
 */
export function link(object: u32): u32 {
	const hash = load<u32>(object, OBJECT_HASH);
	const bucket = bucketOf(hash);
	const length = load<u32>(object, OBJECT_NAME_LENGTH);
	for (let turn = 0; turn < TURNS; turn++) {
		const head = atomic.load<u64>(bucket);
		const found = search(bucket, head, hash, object + OBJECT_NAME, length);
		if (found == BUSY) continue;
		if (found != NOT_FOUND) return found >= STATUS_LIMIT ? TAKEN : found;
		const next = load<u64>(object, OBJECT_NEXT);
		atomic.store<u64>(object, relinked(next, linked(head)), OBJECT_NEXT);
		// SYNC: pairs with the load in `search`: hands over the object. If the head is unchanged, no object was
		// added meanwhile.
		if (atomic.cmpxchg<u64>(bucket, head, relinked(head, object)) == head) return OK;
	}
	return BUSY;
}

/**
 * Marks `object` as removed, so that its name is free. Returns OK, or NOT_FOUND if another participant was
 * first.
 */
export function markRemoved(object: u32): u32 {
	let next = atomic.load<u64>(object, OBJECT_NEXT);
	while ((next & LINK_REMOVED) == 0) {
		// SYNC: pairs with the second `find` in `open`.
		const seen = atomic.cmpxchg<u64>(object, next, relinked(next, linked(next) | LINK_REMOVED), OBJECT_NEXT);
		if (seen == next) return OK;
		// The next object was taken out of the list.
		next = seen;
	}
	return NOT_FOUND;
}

/**
 * Takes the removed `object` out of its list, together with removed objects right before it. Returns OK,
 * NOT_FOUND, or `BUSY`.
 */
function cut(object: u32): u32 {
	let place = bucketOf(load<u32>(object, OBJECT_HASH));
	let link = atomic.load<u64>(place);
	let at = linked(link);
	let landmark: u32 = 0;
	for (let step = 0; step < MOST_OBJECTS; step++) {
		if (at == object) {
			const shorter = relinked(link, linked(atomic.load<u64>(object, OBJECT_NEXT)));
			return atomic.cmpxchg<u64>(place, link, shorter) == link ? OK : BUSY;
		}
		const known = at != 0 && at != landmark && isObject(at);
		const next = known ? atomic.load<u64>(at, OBJECT_NEXT) : 0;
		if (atomic.load<u64>(place) != link) return BUSY;
		if (!known) return NOT_FOUND;
		if ((next & LINK_REMOVED) == 0) {
			place = at + OBJECT_NEXT;
			link = next;
		}
		if (isLandmark(step)) landmark = at;
		at = linked(next);
	}
	return NOT_FOUND;
}

/** Takes the removed `object` out of its list. True if it is out. */
export function unlink(object: u32): bool {
	let found: u32 = BUSY;
	for (let turn = 0; turn < TURNS && found == BUSY; turn++) found = cut(object);
	return found != BUSY;
}

/**
 * The object with the same name as this one. It is this one itself, if it is in its list and not removed;
 * otherwise the result is that of `find`.
 */
export function findNamesake(object: u32): u32 {
	return find(object + OBJECT_NAME, load<u32>(object, OBJECT_NAME_LENGTH));
}
