/**
 * The queue of records, which have a fixed size. The host writes and reads them directly in the ring. The
 * core only moves the two positions, which count records modulo 2^32, so a batch of any length takes two
 * calls. At all times, as in `queue.ts`:
 *
 *     head ≤ cachedTail ≤ tail ≤ cachedHead + capacity ≤ head + capacity
 */

import { countEnd, isConsumer, isProducer, wakeConsumer, wakeProducer } from "./endpoints";
import { intendEnd, noteEnd } from "./ends";
import {
	BAD_STATE,
	CORRUPT,
	EMPTY,
	ENDED,
	FENCED,
	KIND_RECORDS,
	NO_ROOM,
	OBJECT_CAPACITY,
	OK,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_END,
	QUEUE_ENDS,
	QUEUE_HEAD,
	QUEUE_RECEIVED,
	QUEUE_SENT,
	QUEUE_TAIL,
	SLOT_RESULT,
	SLOT_RESULT_2,
} from "./layout";
import { slotOf } from "./slots";

/** Returns OK or `NO_ROOM`. The slot's results are the number of records that fit, and their position. */
export function recordsRoom(me: u32, queue: u32): u32 {
	if (!isProducer(me, queue, KIND_RECORDS)) return FENCED;
	const tail = load<u32>(queue, QUEUE_TAIL);
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	// SYNC: pairs with the store in `recordsRelease`.
	const head = atomic.load<u32>(queue, QUEUE_HEAD);
	if (tail - head > capacity) return CORRUPT;
	const room = atomic.load<u32>(queue, QUEUE_ENDS) != 0 ? 0 : capacity - (tail - head);
	store<u32>(queue, head, QUEUE_CACHED_HEAD);
	store<u32>(slotOf(me), room, SLOT_RESULT);
	store<u32>(slotOf(me), tail, SLOT_RESULT_2);
	return room == 0 ? NO_ROOM : OK;
}

/** Hands over `count` records that were written at the tail. Returns the doorbell to wake, or OK. */
export function recordsPublish(me: u32, queue: u32, count: u32): u32 {
	if (!isProducer(me, queue, KIND_RECORDS)) return FENCED;
	const tail = load<u32>(queue, QUEUE_TAIL) + count;
	if (tail - load<u32>(queue, QUEUE_CACHED_HEAD) > load<u32>(queue, OBJECT_CAPACITY)) return BAD_STATE;
	store<u32>(queue, load<u32>(queue, QUEUE_SENT) + count, QUEUE_SENT);
	// SYNC: pairs with the load in `recordsAvailable`.
	atomic.store<u32>(queue, tail, QUEUE_TAIL);
	return wakeConsumer(queue);
}

/** Ends the stream behind the published records. */
export function recordsEnd(me: u32, queue: u32): u32 {
	if (!isProducer(me, queue, KIND_RECORDS)) return FENCED;
	if (atomic.load<u32>(queue, QUEUE_ENDS) != 0) return NO_ROOM;
	const tail = load<u32>(queue, QUEUE_TAIL);
	intendEnd(me, queue, tail);
	store<u32>(queue, tail, QUEUE_END);
	// SYNC: pairs with the load in `recordsAvailable`.
	atomic.store<u32>(queue, 1, QUEUE_ENDS);
	noteEnd(me, queue);
	return wakeConsumer(queue);
}

/**
 * Returns OK, `EMPTY` or `ENDED`. With OK, the slot's results are the number of records that can be read, and
 * their position.
 */
export function recordsAvailable(me: u32, queue: u32): u32 {
	if (!isConsumer(me, queue, KIND_RECORDS)) return FENCED;
	const head = load<u32>(queue, QUEUE_HEAD);
	// Reads the end first: then everything that was published before it is visible too.
	const ends = atomic.load<u32>(queue, QUEUE_ENDS) != 0;
	const tail = atomic.load<u32>(queue, QUEUE_TAIL);
	const count = tail - head;
	if (count > load<u32>(queue, OBJECT_CAPACITY)) return CORRUPT;
	store<u32>(queue, tail, QUEUE_CACHED_TAIL);
	store<u32>(slotOf(me), count, SLOT_RESULT);
	store<u32>(slotOf(me), head, SLOT_RESULT_2);
	if (count != 0) return OK;
	if (!ends || load<u32>(queue, QUEUE_END) != head) return EMPTY;
	countEnd(queue);
	atomic.store<u32>(queue, 0, QUEUE_ENDS);
	const doorbell = wakeProducer(queue);
	store<u32>(slotOf(me), doorbell, SLOT_RESULT);
	return ENDED;
}

/** Gives back the space of `count` records. Returns the doorbell to wake, or OK. */
export function recordsRelease(me: u32, queue: u32, count: u32): u32 {
	if (!isConsumer(me, queue, KIND_RECORDS)) return FENCED;
	const head = load<u32>(queue, QUEUE_HEAD);
	if (count > load<u32>(queue, QUEUE_CACHED_TAIL) - head) return BAD_STATE;
	store<u32>(queue, load<u32>(queue, QUEUE_RECEIVED) + count, QUEUE_RECEIVED);
	atomic.store<u32>(queue, head + count, QUEUE_HEAD);
	return wakeProducer(queue);
}
