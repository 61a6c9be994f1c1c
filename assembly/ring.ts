/** The sizes and addresses of records in a byte ring. `queue.ts` explains the positions. */
import {
	OBJECT_CAPACITY,
	OBJECT_DATA,
	QUEUE_HEAD,
	QUEUE_NEXT,
	RECORD_ALIGNMENT,
	RECORD_HEADER,
	RECORD_PAD,
	RECORD_RELEASED,
} from "./layout";
import { kindOf, lengthOf } from "./message";

/** The size in the ring of a record with a payload of `length` bytes. */
export function recordBytes(length: u32): u32 {
	return RECORD_HEADER + ((length + (RECORD_ALIGNMENT - 1)) & ~(RECORD_ALIGNMENT - 1));
}

export function bytesOfRecord(record: u32): u32 {
	return recordBytes(lengthOf(record));
}

export function isAligned(position: u32): bool {
	return (position & (RECORD_ALIGNMENT - 1)) == 0;
}

/** Bytes from the start of the ring to a position. */
export function offsetIn(capacity: u32, position: u32): u32 {
	return position & (capacity - 1);
}

/** The address of a position in memory. */
export function addressOf(queue: u32, position: u32): u32 {
	return load<u32>(queue, OBJECT_DATA) + offsetIn(load<u32>(queue, OBJECT_CAPACITY), position);
}

/** The record at `position`; 0 unless the record ends at or before `until` and the end of the ring. */
export function recordAt(queue: u32, position: u32, until: u32): u32 {
	const capacity = load<u32>(queue, OBJECT_CAPACITY);
	const isPowerOfTwo = (capacity & (capacity - 1)) == 0;
	const room = min(capacity - offsetIn(capacity, position), until - position);
	const record = addressOf(queue, position);
	const fits = room >= RECORD_HEADER && lengthOf(record) <= room - RECORD_HEADER;
	return isPowerOfTwo && isAligned(position) && fits ? record : 0;
}

/** The record of the held message at `position`; 0 if the consumer holds none there. */
export function heldAt(queue: u32, position: u32): u32 {
	const head = load<u32>(queue, QUEUE_HEAD);
	const next = load<u32>(queue, QUEUE_NEXT);
	if (position - head >= next - head) return 0;
	const record = recordAt(queue, position, next);
	return record != 0 && (kindOf(record) & RECORD_RELEASED) == 0 ? record : 0;
}

/** True if the consumer passes over records of this kind: padding and released messages. */
export function isPassedOver(kind: u32): bool {
	return kind == RECORD_PAD || (kind & RECORD_RELEASED) != 0;
}
