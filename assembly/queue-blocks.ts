/**
 * Blocks that are sent through a byte queue: how a block is handed over together with its record, and what a
 * survivor does if a participant dies between the two steps. While the record is in the ring, the block's
 * owner is OWNER_IN_FLIGHT.
 */
import { handOver, ownerAt, take } from "./blocks";
import { freeOwned } from "./free";
import {
	INTENT_SEND,
	INTENT_TAKE,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OWNER_IN_FLIGHT,
	QUEUE_CACHED_TAIL,
	QUEUE_CLAIMED,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_TAIL,
} from "./layout";
import { hasBlock, kindOf, markReleased, referred } from "./message";
import { bytesOfRecord, heldAt, isAligned, recordAt } from "./ring";
import { done, intend, tagOf } from "./slots";

/** Puts `me`'s block in flight for the record that is about to be published. The caller clears the intent. */
export function giveBlock(me: u32, queue: u32, block: u32): void {
	intend(me, INTENT_SEND, queue, load<u32>(queue, QUEUE_CLAIMED), block, 0);
	handOver(block, tagOf(me), OWNER_IN_FLIGHT);
}

/**
 * Finishes or undoes an interrupted `giveBlock`: unless the record was published, the block returns to the
 * sender.
 */
export function settleSend(me: u32, queue: u32, position: u32, block: u32): void {
	const published = <i32>(atomic.load<u32>(queue, QUEUE_TAIL) - position) > 0;
	if (!published) handOver(block, OWNER_IN_FLIGHT, tagOf(me));
	done(me);
}

/**
 * Takes the block out of the record at `position`, and frees it unless `keep`. The record is not delivered
 * again.
 */
export function takeBlock(me: u32, queue: u32, position: u32, record: u32, keep: bool): bool {
	const block = referred(record);
	intend(me, INTENT_TAKE, queue, position, block, 0);
	const taken = take(me, block, OWNER_IN_FLIGHT);
	if (taken) markReleased(record);
	done(me);
	if (taken && !keep) freeOwned(me, block);
	return taken;
}

/** Finishes an interrupted `takeBlock`: if the block was taken, the record must not be delivered again. */
export function settleTake(me: u32, queue: u32, position: u32, block: u32): void {
	if (ownerAt(block) == tagOf(me)) {
		const record = heldAt(queue, position);
		if (record != 0) markReleased(record);
	}
	done(me);
}

/** Frees the blocks of all messages in a removed queue that no participant has open. */
export function drain(me: u32, queue: u32): void {
	if (load<u32>(queue, OBJECT_DATA) == 0) return;
	const tail = load<u32>(queue, QUEUE_TAIL);
	let position = load<u32>(queue, QUEUE_HEAD);
	if (!isAligned(tail) || tail - position > load<u32>(queue, OBJECT_CAPACITY)) return;
	// With these positions all messages are held, so `settleTake` finds the one at which a participant died.
	store<u32>(queue, tail, QUEUE_CACHED_TAIL);
	store<u32>(queue, tail, QUEUE_NEXT);
	while (position != tail) {
		const record = recordAt(queue, position, tail);
		if (record == 0) return;
		const kind = kindOf(record);
		if (hasBlock(kind)) takeBlock(me, queue, position, record, false);
		position += bytesOfRecord(record);
	}
}
