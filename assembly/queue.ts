/**
 * The byte queue: one producer, one consumer, messages of any size in a ring.
 *
 * ```text
 *        the consumer moves these     the producer moves these
 *              │           │               │           │
 *              ▼           ▼               ▼           ▼
 *            head        next            tail       claimed           head + capacity
 *   ───────────┼───────────┼───────────────┼───────────┼────────────────────┼───
 *     free     │  held by  │   published   │  staged,  │  free; a message   │
 *              │  readers  │  and unread   │  and pads │  in the making     │
 * ```
 *
 * Positions count bytes modulo 2^32. They survive wrapping, because the capacity is a power of two. At all times:
 *
 *     head ≤ next ≤ cachedTail ≤ tail ≤ claimed ≤ cachedHead + capacity ≤ head + capacity
 *
 * `cachedHead` is the value of `head` that the producer last read, and `cachedTail` the value of `tail` that
 * the consumer last read. A stale value only shows too little room or too few messages, and it saves fetching
 * the other side's cache line, which is the expensive part (rigtorp/SPSCQueue). Every position and every
 * record's size is a multiple of 8. Records never wrap: padding fills the end of the ring (as in Agrona's
 * ring buffer). Messages may be released in any order, but `head` moves over a record only when everything
 * before it is released too.
 *
 * The steps of a message: `reserve`, the host writes the payload, `stage`, `publish`; then `peek`, the host
 * reads in place, `release`. The other side reads only `tail` and `head`, so only these are stored
 * atomically.
 */
import { capacityOf, checkOwned } from "./blocks";
import { countEnd, isConsumer, isProducer, wakeConsumer, wakeProducer } from "./endpoints";
import { intendEnd, noteEnd } from "./ends";
import {
	BAD_STATE,
	CORRUPT,
	EMPTY,
	ENDED,
	FENCED,
	KIND_QUEUE,
	NO_ROOM,
	OBJECT_CAPACITY,
	OK,
	OWNER_IN_FLIGHT,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_CLAIMED,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_RECEIVED,
	QUEUE_RESERVED,
	QUEUE_RESERVED_BYTES,
	QUEUE_RESERVED_COUNT,
	QUEUE_SENT,
	QUEUE_SPARE,
	QUEUE_TAIL,
	RECORD_BLOCK,
	RECORD_DATA,
	RECORD_END,
	RECORD_HEADER,
	RECORD_LARGE,
	RECORD_PAD,
	REFERENCE_BYTES,
	SLOT_RESULT,
	TOO_LARGE,
} from "./layout";
import {
	describeMessage,
	hasBlock,
	kindOf,
	lengthOf,
	markReleased,
	writeHeader,
	writeReference,
} from "./message";
import { giveBlock, takeBlock } from "./queue-blocks";
import {
	addressOf,
	bytesOfRecord,
	heldAt,
	isAligned,
	isPassedOver,
	offsetIn,
	recordAt,
	recordBytes,
} from "./ring";
import { done, slotOf } from "./slots";

// -------------------------------------------------------------------------------------------- producer

/**
 * Reserves room for a message of `length` bytes, and returns the offset of the payload. Or `NO_ROOM` at the
 * moment; `TOO_LARGE` for more than half the ring, which might never fit behind padding; `BAD_STATE` while a
 * reservation is open.
 */
export function reserve(me: u32, queue: u32, length: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	if (load<u32>(queue, QUEUE_RESERVED) != 0) return BAD_STATE;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const half = capacity >> 1;
	if (length > half || recordBytes(length) > half) return TOO_LARGE;
	const bytes = recordBytes(length);
	let claimed = load<u32>(queue, QUEUE_CLAIMED);
	const toEnd = capacity - offsetIn(capacity, claimed);
	const padding = bytes > toEnd ? toEnd : 0;
	const status = findRoom(queue, claimed, padding + bytes + QUEUE_SPARE);
	if (status != OK) return status;
	if (padding != 0) {
		writeHeader(addressOf(queue, claimed), padding - RECORD_HEADER, RECORD_PAD);
		claimed += padding;
		store<u32>(queue, claimed, QUEUE_CLAIMED);
	}
	const payload = addressOf(queue, claimed) + RECORD_HEADER;
	store<u32>(queue, payload, QUEUE_RESERVED);
	store<u32>(queue, length, QUEUE_RESERVED_BYTES);
	return payload;
}

/** OK if `bytes` bytes behind `claimed` are free. */
function findRoom(queue: u32, claimed: u32, bytes: u32): u32 {
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	if (capacity - (claimed - load<u32>(queue, QUEUE_CACHED_HEAD)) >= bytes) return OK;
	// SYNC: pairs with the store in `advance`: the consumer has finished with everything before `head`.
	const head = atomic.load<u32>(queue, QUEUE_HEAD);
	if (claimed - head > capacity) return CORRUPT;
	store<u32>(queue, head, QUEUE_CACHED_HEAD);
	return capacity - (claimed - head) >= bytes ? OK : NO_ROOM;
}

/** Closes the open reservation with `length` bytes written. `publish` hands the message over. */
export function stage(me: u32, queue: u32, length: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	if (!isReserved(queue, length)) return BAD_STATE;
	close(queue, length, RECORD_DATA);
	return OK;
}

/** True if a reservation for one message of at least `length` bytes is open. */
function isReserved(queue: u32, length: u32): bool {
	const isForOne = load<u32>(queue, QUEUE_RESERVED) != 0 && load<u32>(queue, QUEUE_RESERVED_COUNT) == 0;
	return isForOne && length <= load<u32>(queue, QUEUE_RESERVED_BYTES);
}

/** Turns the open reservation into a record. */
function close(queue: u32, length: u32, kind: u32): void {
	writeHeader(load<u32>(queue, QUEUE_RESERVED) - RECORD_HEADER, length, kind);
	store<u32>(queue, load<u32>(queue, QUEUE_CLAIMED) + recordBytes(length), QUEUE_CLAIMED);
	store<u32>(queue, 0, QUEUE_RESERVED);
}

/** Hands over everything that is staged, which is `count` messages. Returns the doorbell to wake, or OK. */
export function publish(me: u32, queue: u32, count: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	const staged = load<u32>(queue, QUEUE_CLAIMED) - load<u32>(queue, QUEUE_TAIL);
	return count <= staged / RECORD_HEADER ? publishStaged(queue, count) : BAD_STATE;
}

export function publishStaged(queue: u32, count: u32): u32 {
	store<u32>(queue, load<u32>(queue, QUEUE_SENT) + count, QUEUE_SENT);
	// SYNC: pairs with the load in `peek`: hands over the records before `tail`.
	atomic.store<u32>(queue, load<u32>(queue, QUEUE_CLAIMED), QUEUE_TAIL);
	return wakeConsumer(queue);
}

/** Stages and publishes one message. */
export function commit(me: u32, queue: u32, length: u32): u32 {
	const status = stage(me, queue, length);
	return status == OK ? publishStaged(queue, 1) : status;
}

/** Cancels the open reservation. */
export function abort(me: u32, queue: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	store<u32>(queue, 0, QUEUE_RESERVED);
	store<u32>(queue, 0, QUEUE_RESERVED_COUNT);
	return OK;
}

/**
 * Like `commit`, for a message that hands over `length` bytes of `me`'s block. The reservation begins with
 * room for a reference to the block, and `bytes` bytes of the reservation are used. `large` if the block is
 * the message.
 */
export function commitBlock(me: u32, queue: u32, bytes: u32, large: bool, block: u32, length: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	if (bytes < REFERENCE_BYTES || !isReserved(queue, bytes)) return BAD_STATE;
	const status = checkOwned(me, block);
	if (status != OK) return status;
	if (length > capacityOf(block)) return BAD_STATE;
	writeReference(load<u32>(queue, QUEUE_RESERVED), block, length);
	giveBlock(me, queue, block);
	close(queue, bytes, large ? RECORD_LARGE : RECORD_BLOCK);
	const doorbell = publishStaged(queue, 1);
	done(me);
	return doorbell;
}

/** Ends the stream. There is always room for this record, unless the ring is full of unread ends. */
export function end(me: u32, queue: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	if (load<u32>(queue, QUEUE_RESERVED) != 0) return BAD_STATE;
	const claimed = load<u32>(queue, QUEUE_CLAIMED);
	const status = findRoom(queue, claimed, RECORD_HEADER);
	if (status != OK) return status;
	writeHeader(addressOf(queue, claimed), 0, RECORD_END);
	store<u32>(queue, claimed + RECORD_HEADER, QUEUE_CLAIMED);
	intendEnd(me, queue, claimed);
	const doorbell = publishStaged(queue, 0);
	noteEnd(me, queue);
	return doorbell;
}

// -------------------------------------------------------------------------------------------- consumer

/**
 * Receives the next message, which is held until `release`. Returns the offset of its payload; the slot's
 * results are its position, length, kind, block and the block's length. Or returns `EMPTY`, `CORRUPT`, or
 * `ENDED`, whose result is the doorbell to wake, or OK.
 */
export function peek(me: u32, queue: u32): u32 {
	if (!isConsumer(me, queue, KIND_QUEUE)) return FENCED;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const first = load<u32>(queue, QUEUE_NEXT);
	let position = first;
	let tail = load<u32>(queue, QUEUE_CACHED_TAIL);
	// More than the whole ring can't be passed over, unless the memory is corrupted.
	while (position - first <= capacity) {
		if (position == tail) {
			// SYNC: pairs with the store in `publishStaged`.
			tail = atomic.load<u32>(queue, QUEUE_TAIL);
			if (!isAligned(tail) || tail - load<u32>(queue, QUEUE_HEAD) > capacity) return CORRUPT;
			store<u32>(queue, tail, QUEUE_CACHED_TAIL);
			if (position == tail) return EMPTY;
		}
		const record = recordAt(queue, position, tail);
		if (record == 0) return CORRUPT;
		const length = lengthOf(record);
		const kind = kindOf(record);
		const next = position + recordBytes(length);
		if (kind == RECORD_END) {
			countEnd(queue);
			pass(queue, position, next);
			const doorbell = wakeProducer(queue);
			store<u32>(slotOf(me), doorbell, SLOT_RESULT);
			return ENDED;
		}
		if (!isPassedOver(kind)) {
			const status = describeMessage(me, record, position, length, kind, OWNER_IN_FLIGHT);
			if (status != OK) return status;
			store<u32>(queue, next, QUEUE_NEXT);
			return record + RECORD_HEADER;
		}
		pass(queue, position, next);
		position = next;
	}
	return CORRUPT;
}

/**
 * Passes over a record that is not a message. Its space is given back with that of the held messages before
 * it.
 */
export function pass(queue: u32, position: u32, next: u32): void {
	store<u32>(queue, next, QUEUE_NEXT);
	if (load<u32>(queue, QUEUE_HEAD) == position) atomic.store<u32>(queue, next, QUEUE_HEAD);
}

/**
 * Releases the held message at `position`. Its block is freed, or becomes `me`'s if `keep`. Returns the
 * doorbell to wake, or OK; `BAD_STATE` if no message is held there.
 */
export function release(me: u32, queue: u32, position: u32, keep: bool): u32 {
	if (!isConsumer(me, queue, KIND_QUEUE)) return FENCED;
	const record = heldAt(queue, position);
	if (record == 0) return BAD_STATE;
	if (hasBlock(kindOf(record))) {
		if (!takeBlock(me, queue, position, record, keep)) return CORRUPT;
	} else if (keep) return BAD_STATE;
	countReceived(queue, 1);
	if (position == load<u32>(queue, QUEUE_HEAD)) return advance(queue, position + bytesOfRecord(record));
	markReleased(record);
	return OK;
}

/**
 * Releases every held message from the one at `first` to the one at `last`, and frees their blocks, like a
 * call of `release` for each. Returns the doorbell to wake, or OK.
 */
export function releaseThrough(me: u32, queue: u32, first: u32, last: u32): u32 {
	if (!isConsumer(me, queue, KIND_QUEUE)) return FENCED;
	const head = load<u32>(queue, QUEUE_HEAD);
	const next = load<u32>(queue, QUEUE_NEXT);
	// Everything before `head` is released already.
	let position = <i32>(first - head) < 0 ? head : first;
	// If a message before these stays held, each is marked. Otherwise `head` passes all of them at once.
	const marks = position != head;
	let released: u32 = 0;
	while (<i32>(last - position) >= 0) {
		const record = recordAt(queue, position, next);
		if (record == 0) return CORRUPT;
		const kind = kindOf(record);
		if (!isPassedOver(kind) && kind != RECORD_END) {
			released++;
			if (hasBlock(kind)) {
				if (!takeBlock(me, queue, position, record, false)) return CORRUPT;
			} else if (marks) markReleased(record);
		}
		position += bytesOfRecord(record);
	}
	countReceived(queue, released);
	return marks ? OK : advance(queue, position);
}

function countReceived(queue: u32, count: u32): void {
	store<u32>(queue, load<u32>(queue, QUEUE_RECEIVED) + count, QUEUE_RECEIVED);
}

/**
 * Gives back the space before `from`, and that of the finished records behind it: padding, released messages
 * (also those that an earlier consumer released and this one has not reached), and ends that were passed.
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
		const kind = kindOf(record);
		const isSeen = <i32>(next - head) > 0;
		// An end that the consumer has not seen yet must still be delivered.
		if (!isPassedOver(kind) && !(kind == RECORD_END && isSeen)) break;
		head += bytesOfRecord(record);
		if (!isSeen) store<u32>(queue, head, QUEUE_NEXT);
	}
	// SYNC: pairs with the load in `findRoom`: gives back the space before `head`.
	atomic.store<u32>(queue, head, QUEUE_HEAD);
	return wakeProducer(queue);
}
