/**
 * The byte queue: one producer, one consumer, messages of any size in a ring.
 *
 * The producer reserves room, the host writes the payload there, and a commit makes it part of the batch that
 * the next publication hands over. The consumer reads a message in place and releases it when it is done; in
 * any order, while room returns in order. Positions count bytes modulo 2^32, and the capacity is a power of
 * two, so they survive wrapping. Each side keeps what it last saw of the other's position, because fetching
 * the other's cache line is what costs (see rigtorp/SPSCQueue); payloads never wrap, as in Agrona's ring
 * buffer.
 */

import { capacityOf, checkOwned, handOver, ownerAt, take } from "./blocks";
import { isConsumer, isProducer, wakeConsumer, wakeProducer } from "./endpoints";
import { freeOwned } from "./free";
import {
	BAD_STATE,
	CORRUPT,
	EMPTY,
	ENDED,
	FENCED,
	INTENT_SEND,
	INTENT_TAKE,
	KIND_QUEUE,
	NO_ROOM,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OK,
	OWNER_IN_FLIGHT,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_CLAIMED,
	QUEUE_CONSUMER,
	QUEUE_ENDED,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_PRODUCER_COUNT,
	QUEUE_RECEIVED,
	QUEUE_RESERVED,
	QUEUE_RESERVED_BYTES,
	QUEUE_SENT,
	QUEUE_SPARE,
	QUEUE_STAGED,
	QUEUE_TAIL,
	RECORD_BLOCK,
	RECORD_DATA,
	RECORD_END,
	RECORD_HEADER,
	RECORD_KIND,
	RECORD_LARGE,
	RECORD_PAD,
	RECORD_RELEASED,
	REFERENCE_BYTES,
	SLOT_RESULT,
	STATUS_LIMIT,
	TOO_LARGE,
} from "./layout";
import { describeMessage, referred, writeHeader, writeReference } from "./message";
import { done, intend, slotOf, tagOf } from "./slots";

/** Bytes of a record with a payload of `length`. */
function recordBytes(length: u32): u32 {
	return RECORD_HEADER + ((length + 7) & ~7);
}

// -------------------------------------------------------------------------------------------- producer

/**
 * Room for a message of `length` bytes: the offset to write it at; `NO_ROOM` for now, `TOO_LARGE` for
 * ever (more than half the ring, which padding could keep it from), `BAD_STATE` while one is open.
 */
export function reserve(me: u32, queue: u32, length: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	if (load<u32>(queue, QUEUE_RESERVED) != 0) return BAD_STATE;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	if (length > capacity >> 1 || recordBytes(length) > capacity >> 1) return TOO_LARGE;
	const bytes = recordBytes(length);
	let position = load<u32>(queue, QUEUE_CLAIMED);
	const toEnd = capacity - (position & (capacity - 1));
	const needed = (bytes > toEnd ? toEnd + bytes : bytes) + QUEUE_SPARE;
	if (capacity - (position - load<u32>(queue, QUEUE_CACHED_HEAD)) < needed) {
		// SYNC: pairs with the store in `advance`: the consumer has done with everything before `head`.
		const head = atomic.load<u32>(queue, QUEUE_HEAD);
		if (position - head > capacity) return CORRUPT;
		store<u32>(queue, head, QUEUE_CACHED_HEAD);
		if (capacity - (position - head) < needed) return NO_ROOM;
	}
	const ring = load<u32>(queue, OBJECT_DATA);
	if (bytes > toEnd) {
		writeHeader(ring + (position & (capacity - 1)), toEnd - RECORD_HEADER, RECORD_PAD);
		position += toEnd;
		store<u32>(queue, position, QUEUE_CLAIMED);
	}
	const payload = ring + (position & (capacity - 1)) + RECORD_HEADER;
	store<u32>(queue, payload, QUEUE_RESERVED);
	store<u32>(queue, length, QUEUE_RESERVED_BYTES);
	return payload;
}

/** Closes the open reservation with `length` bytes written; it travels with the next publication. */
export function stage(me: u32, queue: u32, length: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	const payload = load<u32>(queue, QUEUE_RESERVED);
	if (payload == 0 || length > load<u32>(queue, QUEUE_RESERVED_BYTES)) return BAD_STATE;
	writeHeader(payload - RECORD_HEADER, length, RECORD_DATA);
	close(queue, length);
	return OK;
}

function close(queue: u32, length: u32): void {
	store<u32>(queue, load<u32>(queue, QUEUE_CLAIMED) + recordBytes(length), QUEUE_CLAIMED);
	store<u32>(queue, 0, QUEUE_RESERVED);
	store<u32>(queue, load<u32>(queue, QUEUE_STAGED) + 1, QUEUE_STAGED);
}

/** Hands over what was staged. The doorbell to wake, or OK. */
export function publish(me: u32, queue: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	store<u32>(queue, load<u32>(queue, QUEUE_SENT) + load<u32>(queue, QUEUE_STAGED), QUEUE_SENT);
	store<u32>(queue, 0, QUEUE_STAGED);
	// SYNC: pairs with the load in `peek`: hands over the records before `tail`.
	atomic.store<u32>(queue, load<u32>(queue, QUEUE_CLAIMED), QUEUE_TAIL);
	return wakeConsumer(queue);
}

/** `stage` and `publish`. */
export function commit(me: u32, queue: u32, length: u32): u32 {
	const status = stage(me, queue, length);
	return status == OK ? publish(me, queue) : status;
}

/** Gives the open reservation up. */
export function abort(me: u32, queue: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	store<u32>(queue, 0, QUEUE_RESERVED);
	return OK;
}

/**
 * Closes the open reservation, which begins with room for a reference, as a message that hands over
 * `me`'s block, of which `length` bytes count; and publishes. `large` when the block is the message.
 */
export function commitBlock(me: u32, queue: u32, bytes: u32, large: bool, block: u32, length: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	const payload = load<u32>(queue, QUEUE_RESERVED);
	if (payload == 0 || bytes < REFERENCE_BYTES || bytes > load<u32>(queue, QUEUE_RESERVED_BYTES))
		return BAD_STATE;
	const status = checkOwned(me, block);
	if (status != OK) return status;
	if (length > capacityOf(block)) return BAD_STATE;
	writeReference(payload, block, length);
	writeHeader(payload - RECORD_HEADER, bytes, large ? RECORD_LARGE : RECORD_BLOCK);
	intend(me, INTENT_SEND, queue, load<u32>(queue, QUEUE_CLAIMED), block, 0);
	handOver(block, tagOf(me), OWNER_IN_FLIGHT);
	close(queue, bytes);
	const doorbell = publish(me, queue);
	done(me);
	return doorbell;
}

/** Ends what `commitBlock` began: unless the record was published, the block stays the sender's. */
export function settleSend(me: u32, queue: u32, position: u32, block: u32): void {
	const published = <i32>(atomic.load<u32>(queue, QUEUE_TAIL) - position) > 0;
	if (!published) handOver(block, OWNER_IN_FLIGHT, tagOf(me));
	done(me);
}

/** Ends the stream. Room for this is always kept, unless a stream before it was never read. */
export function end(me: u32, queue: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	if (load<u32>(queue, QUEUE_RESERVED) != 0) return BAD_STATE;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const position = load<u32>(queue, QUEUE_CLAIMED);
	if (capacity - (position - atomic.load<u32>(queue, QUEUE_HEAD)) < RECORD_HEADER) return NO_ROOM;
	writeHeader(load<u32>(queue, OBJECT_DATA) + (position & (capacity - 1)), 0, RECORD_END);
	store<u32>(queue, position + RECORD_HEADER, QUEUE_CLAIMED);
	const doorbell = publish(me, queue);
	atomic.store<u32>(queue, load<u32>(queue, QUEUE_PRODUCER_COUNT), QUEUE_ENDED);
	return doorbell;
}

// -------------------------------------------------------------------------------------------- consumer

/** The record at `position`, which is published; 0 if its header, or the capacity, can't be true. */
function recordAt(queue: u32, position: u32, until: u32): u32 {
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const offset = position & (capacity - 1);
	const record = load<u32>(queue, OBJECT_DATA) + offset;
	const length = load<u32>(record);
	const left = min(capacity - offset, until - position);
	if ((capacity & (capacity - 1)) != 0) return 0;
	return (position & 7) == 0 && left >= RECORD_HEADER && length <= left - RECORD_HEADER ? record : 0;
}

/**
 * The next message: the offset of its payload, with position, length, kind, block and block's length as
 * the slot's results; `EMPTY`, `CORRUPT`, or `ENDED` with the doorbell to wake, or OK, as the result.
 */
export function peek(me: u32, queue: u32): u32 {
	if (!isConsumer(me, queue, KIND_QUEUE)) return FENCED;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const first = load<u32>(queue, QUEUE_NEXT);
	let next = first;
	let tail = load<u32>(queue, QUEUE_CACHED_TAIL);
	// What is passed over is at most a ring full, or the producer makes it up.
	while (next - first <= capacity) {
		if (next == tail) {
			// SYNC: pairs with the store in `publish`.
			tail = atomic.load<u32>(queue, QUEUE_TAIL);
			if ((tail & 7) != 0 || tail - load<u32>(queue, QUEUE_HEAD) > capacity) return CORRUPT;
			store<u32>(queue, tail, QUEUE_CACHED_TAIL);
			if (next == tail) return EMPTY;
		}
		const record = recordAt(queue, next, tail);
		if (record == 0) return CORRUPT;
		const length = load<u32>(record);
		const kind = load<u32>(record, 4);
		const position = next;
		next += recordBytes(length);
		if (kind == RECORD_PAD || (kind & RECORD_RELEASED) != 0) {
			pass(queue, position, next);
			continue;
		}
		if (kind == RECORD_END) {
			pass(queue, position, next);
			const doorbell = wakeProducer(queue);
			store<u32>(slotOf(me), doorbell, SLOT_RESULT);
			return ENDED;
		}
		const status = describeMessage(me, record, position, length, kind, OWNER_IN_FLIGHT);
		if (status == OK) store<u32>(queue, next, QUEUE_NEXT);
		return status == OK ? record + RECORD_HEADER : status;
	}
	return CORRUPT;
}

/** Moves on over a record that is nobody's; its room returns with the first before it that is held. */
function pass(queue: u32, position: u32, next: u32): void {
	store<u32>(queue, next, QUEUE_NEXT);
	if (load<u32>(queue, QUEUE_HEAD) == position) atomic.store<u32>(queue, next, QUEUE_HEAD);
}

/** The record of a message that is held, by its position; 0 if none is. */
function heldAt(queue: u32, position: u32): u32 {
	const head = load<u32>(queue, QUEUE_HEAD);
	const next = load<u32>(queue, QUEUE_NEXT);
	if (position - head >= next - head) return 0;
	const record = recordAt(queue, position, next);
	return record != 0 && (load<u32>(record, 4) & RECORD_RELEASED) == 0 ? record : 0;
}

/**
 * Releases the message at `position`, and frees its block unless `keep` says that `me` takes it. The
 * doorbell to wake, or OK; `BAD_STATE` if it is not held.
 */
export function release(me: u32, queue: u32, position: u32, keep: bool): u32 {
	if (!isConsumer(me, queue, KIND_QUEUE)) return FENCED;
	const record = heldAt(queue, position);
	if (record == 0) return BAD_STATE;
	const kind = load<u32>(record, 4) & RECORD_KIND;
	if (kind == RECORD_LARGE || kind == RECORD_BLOCK) {
		if (!takeBlock(me, queue, position, record, kind, keep)) return CORRUPT;
	} else if (keep) return BAD_STATE;
	store<u32>(queue, load<u32>(queue, QUEUE_RECEIVED) + 1, QUEUE_RECEIVED);
	if (position != load<u32>(queue, QUEUE_HEAD)) {
		atomic.store<u32>(record, kind | RECORD_RELEASED, 4);
		return OK;
	}
	return advance(queue, position + recordBytes(load<u32>(record)));
}

/**
 * Releases all messages from the one at `first` to the one at `last` that are held, and frees their blocks: what many
 * calls of `release` do, with one look at the positions. The doorbell to wake, or OK.
 */
export function releaseThrough(me: u32, queue: u32, first: u32, last: u32): u32 {
	if (!isConsumer(me, queue, KIND_QUEUE)) return FENCED;
	const head = load<u32>(queue, QUEUE_HEAD);
	const next = load<u32>(queue, QUEUE_NEXT);
	// What is before the head was released already: `first` is of a held message, or of one passed not long ago.
	let position = <i32>(first - head) < 0 ? head : first;
	// Behind a message that stays held, each is marked; else the head passes all of them at once.
	const marks = position != head;
	let released: u32 = 0;
	while (<i32>(last - position) >= 0) {
		const record = recordAt(queue, position, next);
		if (record == 0) return CORRUPT;
		const length = load<u32>(record);
		const kind = load<u32>(record, 4);
		const isOver = kind == RECORD_PAD || kind == RECORD_END || (kind & RECORD_RELEASED) != 0;
		if (kind == RECORD_LARGE || kind == RECORD_BLOCK) {
			if (!takeBlock(me, queue, position, record, kind, false)) return CORRUPT;
		} else if (!isOver && marks) atomic.store<u32>(record, kind | RECORD_RELEASED, 4);
		if (!isOver) released++;
		position += recordBytes(length);
	}
	store<u32>(queue, load<u32>(queue, QUEUE_RECEIVED) + released, QUEUE_RECEIVED);
	return marks ? OK : advance(queue, position);
}

/** Takes the block of the message at `position`, which is not to be delivered again then; and frees it unless `keep`. */
function takeBlock(me: u32, queue: u32, position: u32, record: u32, kind: u32, keep: bool): bool {
	const block = referred(record);
	intend(me, INTENT_TAKE, queue, position, block, 0);
	const taken = take(me, block, OWNER_IN_FLIGHT);
	if (taken) atomic.store<u32>(record, kind | RECORD_RELEASED, 4);
	done(me);
	if (taken && !keep) freeOwned(me, block);
	return taken;
}

/** Ends what `takeBlock` began: a block that was taken must not be delivered again. */
export function settleTake(me: u32, queue: u32, position: u32, block: u32): void {
	if (ownerAt(block) == tagOf(me)) {
		const record = heldAt(queue, position);
		if (record != 0) atomic.store<u32>(record, load<u32>(record, 4) | RECORD_RELEASED, 4);
	}
	done(me);
}

/**
 * Returns the room up to `head`, and of what was released or passed behind it: also what an earlier consumer released
 * that this one has not come to yet.
 */
function advance(queue: u32, from: u32): u32 {
	const next = load<u32>(queue, QUEUE_NEXT);
	const tail = load<u32>(queue, QUEUE_CACHED_TAIL);
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	let head = from;
	while (head != tail) {
		if (head - from > capacity) return CORRUPT;
		const record = recordAt(queue, head, tail);
		if (record == 0) return CORRUPT;
		const kind = load<u32>(record, 4);
		const isSeen = <i32>(next - head) > 0;
		const isOver = kind == RECORD_PAD || (kind & RECORD_RELEASED) != 0 || (kind == RECORD_END && isSeen);
		if (!isOver) break;
		head += recordBytes(load<u32>(record));
		if (!isSeen) store<u32>(queue, head, QUEUE_NEXT);
	}
	// SYNC: pairs with the load in `reserve`: hands the room before `head` back.
	atomic.store<u32>(queue, head, QUEUE_HEAD);
	return wakeProducer(queue);
}

/** Frees the blocks of messages that nobody will receive any more, in a queue that nobody uses. */
export function drain(me: u32, queue: u32): void {
	if (load<u32>(queue, OBJECT_DATA) == 0) return;
	atomic.store<u32>(queue, me, QUEUE_CONSUMER);
	store<u32>(queue, load<u32>(queue, QUEUE_HEAD), QUEUE_NEXT);
	store<u32>(queue, load<u32>(queue, QUEUE_HEAD), QUEUE_CACHED_TAIL);
	for (;;) {
		const message = peek(me, queue);
		if (message == ENDED) continue;
		if (message < STATUS_LIMIT) break;
		const kept = release(me, queue, load<u32>(slotOf(me), SLOT_RESULT), false);
		if (kept > OK && kept < STATUS_LIMIT) break;
	}
	// Nobody without a pin is a holder (`pins.ts`).
	atomic.store<u32>(queue, 0, QUEUE_CONSUMER);
}
