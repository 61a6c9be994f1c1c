/**
 * The end of a stream takes two words: the one that the consumer sees, and QUEUE_ENDED, which tells a restarted
 * producer that it must not send the stream again. If the producer dies between the two, recovery sets the
 * second.
 */
import {
	INTENT_END,
	KIND_QUEUE,
	OBJECT_KIND,
	QUEUE_END,
	QUEUE_ENDED,
	QUEUE_ENDS,
	QUEUE_ENDS_READ,
	QUEUE_PRODUCER_COUNT,
	QUEUE_TAIL,
	RECORD_HEADER,
} from "./layout";
import { done, intend } from "./slots";

/**
 * Notes that `me` is about to publish an end at `position`. Where the queue has a word for its end, the caller
 * has read that word atomically before.
 */
export function intendEnd(me: u32, queue: u32, position: u32): void {
	intend(me, INTENT_END, queue, position, load<u32>(queue, QUEUE_ENDS_READ), 0);
}

/** Notes that this producer's stream has ended. */
export function noteEnd(me: u32, queue: u32): void {
	atomic.store<u32>(queue, load<u32>(queue, QUEUE_PRODUCER_COUNT), QUEUE_ENDED);
	done(me);
}

/** Finishes an interrupted end if it was published. Otherwise the stream has not ended. */
export function settleEnd(me: u32, queue: u32, position: u32, read: u32): void {
	return isPublished(queue, position, read) ? noteEnd(me, queue) : done(me);
}

function isPublished(queue: u32, position: u32, read: u32): bool {
	if (load<u32>(queue, OBJECT_KIND) == KIND_QUEUE)
		return atomic.load<u32>(queue, QUEUE_TAIL) == position + RECORD_HEADER;
	// Also in a mailbox, whose end may replace an earlier one: then the position tells them apart. The consumer
	// counts an end before it clears it.
	if (load<u32>(queue, QUEUE_END) != position) return false;
	return atomic.load<u32>(queue, QUEUE_ENDS) != 0 || load<u32>(queue, QUEUE_ENDS_READ) != read;
}
