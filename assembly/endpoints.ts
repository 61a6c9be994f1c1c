/**
 * The two endpoints of a queue: their holders, and how these wake each other. All kinds of queue use this.
 *
 * A waiter announces itself, then checks the state again, then sleeps. Its peer changes the state, then
 * checks for an announcement. The two writes and the two reads are sequentially consistent, so at least one
 * side sees the other's write.
 */
import {
	FENCED,
	KIND_MAILBOX,
	KIND_QUEUE,
	KIND_RECORDS,
	OBJECT_KIND,
	OK,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_CLAIMED,
	QUEUE_CONSUMER,
	QUEUE_CONSUMER_COUNT,
	QUEUE_CONSUMER_WAITS,
	QUEUE_ENDS_READ,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_PRODUCER,
	QUEUE_PRODUCER_COUNT,
	QUEUE_PRODUCER_WAITS,
	QUEUE_RESERVED,
	QUEUE_RESERVED_COUNT,
	QUEUE_TAIL,
	SLOT_RESULT,
	TAKEN,
} from "./layout";
import { hasOpen } from "./pins";
import { isCurrent, ring, slotOf } from "./slots";

/** True if objects of this kind have two endpoints. */
export function hasEnds(kind: u32): bool {
	return kind == KIND_QUEUE || kind == KIND_RECORDS || kind == KIND_MAILBOX;
}

/**
 * True if `me` is the producer of a queue of this kind. That is enough to write to the queue: see `pins.ts`.
 */
export function isProducer(me: u32, queue: u32, kind: u32): bool {
	return atomic.load<u32>(queue, QUEUE_PRODUCER) == me && load<u32>(queue, OBJECT_KIND) == kind;
}

/** True if `me` is the consumer of a queue of this kind. */
export function isConsumer(me: u32, queue: u32, kind: u32): bool {
	return atomic.load<u32>(queue, QUEUE_CONSUMER) == me && load<u32>(queue, OBJECT_KIND) == kind;
}

/** True if `me` may take an endpoint of the object. */
function mayAttach(me: u32, queue: u32): bool {
	return hasOpen(me, queue) && hasEnds(load<u32>(queue, OBJECT_KIND));
}

/** True if `me` has the endpoint whose holder is in the queue's word `end`. */
function hasEnd(me: u32, queue: u32, end: u32): bool {
	return atomic.load<u32>(queue + end) == me && hasEnds(load<u32>(queue, OBJECT_KIND));
}

/** Rings the consumer if it has announced that it waits. Returns the doorbell to wake, or OK. */
export function wakeConsumer(queue: u32): u32 {
	return wake(queue + QUEUE_CONSUMER_WAITS, queue + QUEUE_CONSUMER);
}

export function wakeProducer(queue: u32): u32 {
	return wake(queue + QUEUE_PRODUCER_WAITS, queue + QUEUE_PRODUCER);
}

function wake(waits: u32, end: u32): u32 {
	// SYNC: pairs with the stores in `announceProducer` and `announceConsumer`; the caller changed the state
	// before this load.
	if (atomic.load<u32>(waits) == 0) return OK;
	atomic.store<u32>(waits, 0);
	const who = atomic.load<u32>(end);
	return isCurrent(who) ? ring(who) : OK;
}

/**
 * Takes an endpoint of the queue. Returns a doorbell to wake, OK, or `TAKEN` with the endpoint's holder as
 * the result.
 */
export function attachProducer(me: u32, queue: u32): u32 {
	if (!mayAttach(me, queue)) return FENCED;
	const holder = atomic.cmpxchg<u32>(queue, 0, me, QUEUE_PRODUCER);
	if (holder != 0) return taken(me, holder);
	store<u32>(queue, load<u32>(queue, QUEUE_TAIL), QUEUE_CLAIMED);
	store<u32>(queue, atomic.load<u32>(queue, QUEUE_HEAD), QUEUE_CACHED_HEAD);
	store<u32>(queue, 0, QUEUE_RESERVED);
	store<u32>(queue, 0, QUEUE_RESERVED_COUNT);
	atomic.add<u32>(queue, 1, QUEUE_PRODUCER_COUNT);
	return wakeConsumer(queue);
}

export function attachConsumer(me: u32, queue: u32): u32 {
	if (!mayAttach(me, queue)) return FENCED;
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

/** Leaves an endpoint. Unpublished messages are lost; unreleased messages will be delivered again. */
export function detachProducer(me: u32, queue: u32): u32 {
	if (!hasEnd(me, queue, QUEUE_PRODUCER)) return FENCED;
	atomic.store<u32>(queue, 0, QUEUE_PRODUCER_WAITS);
	atomic.store<u32>(queue, 0, QUEUE_PRODUCER);
	return wakeConsumer(queue);
}

export function detachConsumer(me: u32, queue: u32): u32 {
	if (!hasEnd(me, queue, QUEUE_CONSUMER)) return FENCED;
	atomic.store<u32>(queue, 0, QUEUE_CONSUMER_WAITS);
	atomic.store<u32>(queue, 0, QUEUE_CONSUMER);
	return wakeProducer(queue);
}

/** Counts an end of stream that the consumer is about to pass. */
export function countEnd(queue: u32): void {
	store<u32>(queue, load<u32>(queue, QUEUE_ENDS_READ) + 1, QUEUE_ENDS_READ);
}

/** Announces that the producer is about to wait. It must check the state once more before it sleeps. */
export function announceProducer(me: u32, queue: u32): u32 {
	if (!hasEnd(me, queue, QUEUE_PRODUCER)) return FENCED;
	// SYNC: pairs with `wake`.
	atomic.store<u32>(queue, 1, QUEUE_PRODUCER_WAITS);
	return OK;
}

export function announceConsumer(me: u32, queue: u32): u32 {
	if (!hasEnd(me, queue, QUEUE_CONSUMER)) return FENCED;
	// SYNC: pairs with `wake`.
	atomic.store<u32>(queue, 1, QUEUE_CONSUMER_WAITS);
	return OK;
}
