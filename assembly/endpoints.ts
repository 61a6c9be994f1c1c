/**
 * The two ends of a queue: who has each, and how they wake one another. Byte queues and queues of records
 * share this.
 *
 * A waiter announces itself, then looks at the state again, then sleeps; its peer changes the state, then
 * looks for an announcement. All four are sequentially consistent, so at least one sees the other.
 */
import {
	FENCED,
	OBJECT_CAPACITY,
	OK,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_CLAIMED,
	QUEUE_CONSUMER,
	QUEUE_CONSUMER_COUNT,
	QUEUE_CONSUMER_WAITS,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_PRODUCER,
	QUEUE_PRODUCER_COUNT,
	QUEUE_PRODUCER_WAITS,
	QUEUE_RESERVED,
	QUEUE_STAGED,
	QUEUE_TAIL,
	SLOT_RESULT,
	SPAN_SHIFT,
	TAKEN,
} from "./layout";
import { isCurrent, ring, slotOf, touch } from "./slots";

/** Wakes the consumer if it has announced that it waits: the doorbell to wake, or OK. */
export function wakeConsumer(queue: u32): u32 {
	return wake(queue + QUEUE_CONSUMER_WAITS, queue + QUEUE_CONSUMER);
}

export function wakeProducer(queue: u32): u32 {
	return wake(queue + QUEUE_PRODUCER_WAITS, queue + QUEUE_PRODUCER);
}

/**
 * Wakes a producer that waits for room, once a quarter of the ring is free behind `head`: woken for each message, it
 * would fill the room of one and sleep again. Until then it looks for itself now and then, as all who wait do.
 */
export function wakeForRoom(queue: u32, head: u32): u32 {
	// SYNC: as in `wake`.
	if (atomic.load<u32>(queue, QUEUE_PRODUCER_WAITS) == 0) return OK;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	// The tail as it is: what the consumer saw of it last may be from before the producer filled the ring again.
	const used = atomic.load<u32>(queue, QUEUE_TAIL) - head;
	return used <= capacity - (capacity >> 2) ? wakeProducer(queue) : OK;
}

function wake(waits: u32, end: u32): u32 {
	// SYNC: pairs with `announce`; the state that is waited for was changed before this load.
	if (atomic.load<u32>(waits) == 0) return OK;
	atomic.store<u32>(waits, 0);
	const who = atomic.load<u32>(end);
	return isCurrent(who) ? ring(who) : OK;
}

/** Takes an end of the queue. A doorbell to wake, OK, or `TAKEN` with the one who has it as the result. */
export function attachProducer(me: u32, queue: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	touch(me, queue >> SPAN_SHIFT);
	const holder = atomic.cmpxchg<u32>(queue, 0, me, QUEUE_PRODUCER);
	if (holder != 0) return taken(me, holder);
	store<u32>(queue, load<u32>(queue, QUEUE_TAIL), QUEUE_CLAIMED);
	store<u32>(queue, atomic.load<u32>(queue, QUEUE_HEAD), QUEUE_CACHED_HEAD);
	store<u32>(queue, 0, QUEUE_RESERVED);
	store<u32>(queue, 0, QUEUE_STAGED);
	atomic.add<u32>(queue, 1, QUEUE_PRODUCER_COUNT);
	return wakeConsumer(queue);
}

export function attachConsumer(me: u32, queue: u32): u32 {
	if (!isCurrent(me)) return FENCED;
	touch(me, queue >> SPAN_SHIFT);
	const holder = atomic.cmpxchg<u32>(queue, 0, me, QUEUE_CONSUMER);
	if (holder != 0) return taken(me, holder);
	const head = load<u32>(queue, QUEUE_HEAD);
	store<u32>(queue, head, QUEUE_NEXT);
	store<u32>(queue, atomic.load<u32>(queue, QUEUE_TAIL), QUEUE_CACHED_TAIL);
	atomic.add<u32>(queue, 1, QUEUE_CONSUMER_COUNT);
	return wakeProducer(queue);
}

function taken(me: u32, holder: u32): u32 {
	store<u32>(slotOf(me), holder, SLOT_RESULT);
	return TAKEN;
}

/** Leaves an end. What was not published is gone; what was not released will be delivered again. */
export function detachProducer(me: u32, queue: u32): u32 {
	if (atomic.load<u32>(queue, QUEUE_PRODUCER) != me) return FENCED;
	atomic.store<u32>(queue, 0, QUEUE_PRODUCER_WAITS);
	atomic.store<u32>(queue, 0, QUEUE_PRODUCER);
	return wakeConsumer(queue);
}

export function detachConsumer(me: u32, queue: u32): u32 {
	if (atomic.load<u32>(queue, QUEUE_CONSUMER) != me) return FENCED;
	atomic.store<u32>(queue, 0, QUEUE_CONSUMER_WAITS);
	atomic.store<u32>(queue, 0, QUEUE_CONSUMER);
	return wakeProducer(queue);
}

/** Announces that the producer is about to wait. It looks at the state once more before it does. */
export function announceProducer(me: u32, queue: u32): u32 {
	if (atomic.load<u32>(queue, QUEUE_PRODUCER) != me) return FENCED;
	// SYNC: pairs with `wake`.
	atomic.store<u32>(queue, 1, QUEUE_PRODUCER_WAITS);
	return OK;
}

export function announceConsumer(me: u32, queue: u32): u32 {
	if (atomic.load<u32>(queue, QUEUE_CONSUMER) != me) return FENCED;
	// SYNC: pairs with `wake`.
	atomic.store<u32>(queue, 1, QUEUE_CONSUMER_WAITS);
	return OK;
}
