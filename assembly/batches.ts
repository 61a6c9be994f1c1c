/**
 * Batches of the byte queue: room for several messages of one length, and descriptions of several messages,
 * each by one call. `queue.ts` explains the positions.
 */
import { isConsumer, isProducer } from "./endpoints";
import {
	BAD_STATE,
	CORRUPT,
	EMPTY,
	FENCED,
	KIND_QUEUE,
	NO_ROOM,
	OBJECT_CAPACITY,
	OK,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_CLAIMED,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_RESERVED,
	QUEUE_RESERVED_BYTES,
	QUEUE_RESERVED_COUNT,
	QUEUE_SPARE,
	QUEUE_TAIL,
	RECORD_DATA,
	RECORD_HEADER,
	RECORD_PAD,
	SLOT_RESULT,
	SLOT_RESULT_2,
	TOO_LARGE,
} from "./layout";
import { kindOf, lengthOf, writeHeader } from "./message";
import { pass, publishStaged } from "./queue";
import { addressOf, isAligned, isPassedOver, offsetIn, recordAt, recordBytes } from "./ring";
import { slotOf } from "./slots";

/**
 * Reserves room for up to `count` messages of `length` bytes, which lie end to end with their headers between
 * them. Returns the offset of the first payload; the slot's result is the number of messages, at least 1. Or
 * returns what `reserve` returns instead of an offset.
 */
export function reserveMany(me: u32, queue: u32, length: u32, count: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	if (load<u32>(queue, QUEUE_RESERVED) != 0 || count == 0) return BAD_STATE;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const half = capacity >> 1;
	if (length > half || recordBytes(length) > half) return TOO_LARGE;
	const bytes = recordBytes(length);
	let claimed = load<u32>(queue, QUEUE_CLAIMED);
	const toEnd = capacity - offsetIn(capacity, claimed);
	const padding = bytes > toEnd ? toEnd : 0;
	const needed = padding + bytes + QUEUE_SPARE;
	let free = capacity - (claimed - load<u32>(queue, QUEUE_CACHED_HEAD));
	if (free < needed || (free - needed) / bytes + 1 < count) {
		// SYNC: pairs with the store in `advance`: the consumer has finished with everything before `head`.
		const head = atomic.load<u32>(queue, QUEUE_HEAD);
		if (claimed - head > capacity) return CORRUPT;
		store<u32>(queue, head, QUEUE_CACHED_HEAD);
		free = capacity - (claimed - head);
		if (free < needed) return NO_ROOM;
	}
	if (padding != 0) {
		writeHeader(addressOf(queue, claimed), padding - RECORD_HEADER, RECORD_PAD);
		claimed += padding;
		store<u32>(queue, claimed, QUEUE_CLAIMED);
	}
	const inLine = (padding != 0 ? capacity : toEnd) / bytes;
	const fitting = min(count, min((free - needed) / bytes + 1, inLine));
	const payload = addressOf(queue, claimed) + RECORD_HEADER;
	store<u32>(queue, payload, QUEUE_RESERVED);
	store<u32>(queue, length, QUEUE_RESERVED_BYTES);
	store<u32>(queue, fitting, QUEUE_RESERVED_COUNT);
	store<u32>(slotOf(me), fitting, SLOT_RESULT);
	return payload;
}

/**
 * Publishes the first `count` messages of the reservation that `reserveMany` has opened, and closes it.
 * Returns the doorbell to wake, or OK.
 */
export function commitMany(me: u32, queue: u32, count: u32): u32 {
	if (!isProducer(me, queue, KIND_QUEUE)) return FENCED;
	if (load<u32>(queue, QUEUE_RESERVED) == 0 || count > load<u32>(queue, QUEUE_RESERVED_COUNT))
		return BAD_STATE;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const claimed = load<u32>(queue, QUEUE_CLAIMED);
	const length = load<u32>(queue, QUEUE_RESERVED_BYTES);
	const bytes = recordBytes(length);
	// A faulty peer may have written the words of the reservation. No header may lie behind the ring.
	if (length > capacity >> 1 || count > (capacity - offsetIn(capacity, claimed)) / bytes) return CORRUPT;
	let record = addressOf(queue, claimed);
	for (let i: u32 = 0; i < count; i++) {
		writeHeader(record, length, RECORD_DATA);
		record += bytes;
	}
	store<u32>(queue, claimed + count * bytes, QUEUE_CLAIMED);
	store<u32>(queue, 0, QUEUE_RESERVED);
	store<u32>(queue, 0, QUEUE_RESERVED_COUNT);
	return publishStaged(queue, count);
}

/**
 * Receives up to `max` messages that carry no block, like a call of `peek` for each. Writes for each, from
 * `out` on: its position, the offset of its payload, and its length. The slot's results are their number, and
 * the kind of the record before which it has stopped: a message with a block or an end, for `peek`; 0 if none
 * was met. Returns OK, `EMPTY` or `CORRUPT`.
 */
export function peekMany(me: u32, queue: u32, max: u32, out: u32): u32 {
	if (!isConsumer(me, queue, KIND_QUEUE)) return FENCED;
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const first = load<u32>(queue, QUEUE_NEXT);
	let position = first;
	let tail = load<u32>(queue, QUEUE_CACHED_TAIL);
	if (position == tail) {
		// SYNC: pairs with the store in `publishStaged`.
		tail = atomic.load<u32>(queue, QUEUE_TAIL);
		if (!isAligned(tail) || tail - load<u32>(queue, QUEUE_HEAD) > capacity) return CORRUPT;
		store<u32>(queue, tail, QUEUE_CACHED_TAIL);
		if (position == tail) return EMPTY;
	}
	let count: u32 = 0;
	let at = out;
	let stop: u32 = 0;
	// More than the whole ring can't be passed over, unless the memory is corrupted.
	while (count < max && position != tail && position - first <= capacity) {
		const record = recordAt(queue, position, tail);
		if (record == 0) return CORRUPT;
		const length = lengthOf(record);
		const kind = kindOf(record);
		const next = position + recordBytes(length);
		if (kind == RECORD_DATA) {
			store<u32>(at, position);
			store<u32>(at, record + RECORD_HEADER, 4);
			store<u32>(at, length, 8);
			at += 12;
			count++;
			store<u32>(queue, next, QUEUE_NEXT);
		} else if (isPassedOver(kind)) pass(queue, position, next);
		else {
			stop = kind;
			break;
		}
		position = next;
	}
	store<u32>(slotOf(me), count, SLOT_RESULT);
	store<u32>(slotOf(me), stop, SLOT_RESULT_2);
	return OK;
}
