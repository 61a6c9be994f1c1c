/**
 * The directory: named objects, found without a lock.
 *
 * A hash table whose buckets are linked lists, as in Michael, *High Performance Dynamic Lock-Free Hash Tables and
 * List-Based Sets* (SPAA 2002), with tags, because objects never become anything but objects. An object is put
 * in at the head of its list by one compare-and-swap. It is removed by one as well, which marks its own link: from
 * there on that link stands still, and whoever passes may go by. It is taken out of the list when it is freed.
 *
 * Nobody who only looks writes anything. A look that others disturb begins again.
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

/** Turns of a look that others disturb: nobody meets so many changes by chance. */
const TURNS = 10000;
/** More objects than a region has room for. */
const MOST_OBJECTS = 1 << 23;

/**
 * Whether a walk, at its step number `step`, is to remember where it is. Who comes there again goes in a circle (Brent,
 * *An Improved Monte Carlo Factorization Algorithm*, 1980), which takes no more steps than twice the circle's length.
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

/** The link to `object` that replaces `link`. */
function relinked(link: u64, object: u32): u64 {
	return (((link >> 32) + 1) << 32) | object;
}

/** Whether the memory at `offset` is an object's, or waits to be one. */
export function isObject(offset: u32): bool {
	const span = offset >> SPAN_SHIFT;
	const within = offset & (SPAN_BYTES - 1);
	// Not by `ownerOf`: dividing by a constant is a multiplication, and locking a mutex comes through here.
	const isBlock = within % OBJECT_BYTES == 0 && within + OBJECT_BYTES <= SPAN_BYTES;
	return isBlock && isHeapSpan(span) && stateOf(span) == slabState(CLASS_OBJECT);
}

export function isRemoved(object: u32): bool {
	return (atomic.load<u64>(object, OBJECT_NEXT) & LINK_REMOVED) != 0;
}

/** Whether `object` has this name. It may be freed meanwhile, so nothing in it is believed. */
function isNamed(object: u32, hash: u32, name: u32, length: u32): bool {
	return (
		load<u32>(object, OBJECT_HASH) == hash &&
		load<u32>(object, OBJECT_NAME_LENGTH) == length &&
		memory.compare(object + OBJECT_NAME, name, length) == 0
	);
}

/**
 * The object in the list behind `head`, as read from `bucket`, that has the name; or NOT_FOUND. `BUSY` when somebody
 * changed what was being read.
 *
 * `place` is the last link on the way that was not of a removed object, and `link` what it said. While it still says
 * so, all that was read behind it is in the list: the links of removed objects stand still.
 */
function search(bucket: u32, head: u64, hash: u32, name: u32, length: u32): u32 {
	let place = bucket;
	let link = head;
	let object = linked(head);
	let landmark: u32 = 0;
	for (let step = 0; step < MOST_OBJECTS; step++) {
		if (object == 0) return NOT_FOUND;
		if (object == landmark || !isObject(object)) return atomic.load<u64>(place) == link ? CORRUPT : BUSY;
		// SYNC: pairs with the compare-and-swap in `link`: what an object is comes before the link to it.
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

/** The object of this name, or NOT_FOUND. Writes nothing. */
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

/** The object behind `object` in bucket number `index`, the first if it is 0; EMPTY at the end. Writes nothing. */
export function nextObject(index: u32, object: u32): u32 {
	const mask = header(HEADER_BUCKET_MASK);
	let place = object == 0 ? header(HEADER_BUCKETS) + (index & mask) * BUCKET_BYTES : object + OBJECT_NEXT;
	let landmark: u32 = 0;
	for (let step = 0; step < MOST_OBJECTS; step++) {
		const next = linked(atomic.load<u64>(place));
		// A link of an object that was freed may lead to another list.
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

/** Puts `object`, whose head is written, into the directory: OK, or `TAKEN` when there is one of its name. */
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
		// SYNC: hands the object to everybody who looks (`search`). That the head is the same says that none came in.
		if (atomic.cmpxchg<u64>(bucket, head, relinked(head, object)) == head) return OK;
	}
	return BUSY;
}

/** Marks `object` as removed: OK, or NOT_FOUND when somebody else has done so. From here on it has no name. */
export function markRemoved(object: u32): u32 {
	let next = atomic.load<u64>(object, OBJECT_NEXT);
	while ((next & LINK_REMOVED) == 0) {
		// SYNC: pairs with the second look in `open`.
		const seen = atomic.cmpxchg<u64>(object, next, relinked(next, linked(next) | LINK_REMOVED), OBJECT_NEXT);
		if (seen == next) return OK;
		// The one behind was taken out of the list.
		next = seen;
	}
	return NOT_FOUND;
}

/** Takes `object`, which is removed, out of its list, and what is removed right before it: OK, NOT_FOUND, or `BUSY`. */
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

/** Takes `object`, which is removed, out of its list; whether it is out. */
export function unlink(object: u32): bool {
	let found: u32 = BUSY;
	for (let turn = 0; turn < TURNS && found == BUSY; turn++) found = cut(object);
	return found != BUSY;
}

/** The object that has the name of this one: itself, if it is in its list and not removed; otherwise as `find`. */
export function findNamesake(object: u32): u32 {
	return find(object + OBJECT_NAME, load<u32>(object, OBJECT_NAME_LENGTH));
}
