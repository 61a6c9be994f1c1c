/**
 * The byte queue. C is the capacity. Positions count modulo 2^32, and `a ≤ b` means a - HEAD ≤ b - HEAD.
 *
 * ```text
 *  Q1  C is a power of two, 64 B to 1 GiB, and DATA has room for it
 *  Q2  HEAD ≤ TAIL ≤ HEAD + C,  and both are multiples of 8
 *  Q3  HEAD ≤ NEXT ≤ CACHED_TAIL ≤ TAIL
 *  Q4  TAIL ≤ CLAIMED ≤ HEAD + C
 *  Q5  records lie end to end from HEAD to TAIL; each has a valid kind, and none crosses the end of the ring; a PAD
 *      reaches to the end of the ring
 *  Q6  an unreleased message carries a block  →  the block is in flight and has room for its length, or the consumer is
 *      taking it out                                                                    at rest: in flight
 *  Q7  RESERVED is 0 or in the ring                   at rest: with a producer, RESERVED = 0 or CLAIMED's payload
 *  Q8  CACHED_HEAD ≤ HEAD, and CLAIMED ≤ CACHED_HEAD + C
 *  Q9  at rest, with a producer: RESERVED = 0 → RESERVED_COUNT = 0; RESERVED_COUNT messages of RESERVED_BYTES fit
 *      between CLAIMED and the end of the ring
 * ```
 */
import {
	INTENT_TAKE,
	OBJECT_CAPACITY,
	OWNER_IN_FLIGHT,
	QUEUE_CACHED_HEAD,
	QUEUE_CACHED_TAIL,
	QUEUE_CLAIMED,
	QUEUE_HEAD,
	QUEUE_LARGEST,
	QUEUE_NEXT,
	QUEUE_PRODUCER,
	QUEUE_RESERVED,
	QUEUE_RESERVED_BYTES,
	QUEUE_RESERVED_COUNT,
	QUEUE_SMALLEST,
	QUEUE_TAIL,
	RECORD_ALIGNMENT,
	RECORD_BLOCK,
	RECORD_DATA,
	RECORD_END,
	RECORD_HEADER,
	RECORD_KIND,
	RECORD_LARGE,
	RECORD_LENGTH,
	RECORD_PAD,
	RECORD_RELEASED,
	REFERENCE_BYTES,
	REFERENCE_LENGTH,
	REFERENCE_OFFSET,
} from "../../assembly/layout.js";
import { hex, type Memory } from "./memory.js";
import { isIntended } from "./participants.js";
import type { Subject } from "./subject.js";

/** Returns the distance from one position to another, modulo 2^32. */
export function distance(from: number, to: number): number {
	return (to - from) >>> 0;
}

export function isPowerOfTwo(value: number): boolean {
	return value !== 0 && (value & (value - 1)) === 0;
}

export function checkQueue(subject: Subject): void {
	const { word, fail, room } = subject;
	const capacity = word(OBJECT_CAPACITY);
	const isSound = isPowerOfTwo(capacity) && capacity >= QUEUE_SMALLEST && capacity <= QUEUE_LARGEST;
	if (!isSound || capacity > room) {
		fail("Q1", `has capacity ${capacity}, but its data block has ${room} bytes`);
		return;
	}
	const head = word(QUEUE_HEAD);
	const tail = word(QUEUE_TAIL);
	const used = distance(head, tail);
	if (used > capacity || (head | tail) % RECORD_ALIGNMENT !== 0) {
		fail("Q2", `has its head at ${head} and its tail at ${tail}, with capacity ${capacity}`);
		return;
	}
	const next = distance(head, word(QUEUE_NEXT));
	const cachedTail = distance(head, word(QUEUE_CACHED_TAIL));
	if (next > cachedTail || cachedTail > used)
		fail(
			"Q3",
			`has NEXT at ${word(QUEUE_NEXT)}, which is not between its head and its consumer's cached tail`,
		);
	const claimed = distance(head, word(QUEUE_CLAIMED));
	if (claimed < used || claimed > capacity)
		fail(
			"Q4",
			`has CLAIMED at ${word(QUEUE_CLAIMED)}, which is not between its tail and the end of its free room`,
		);
	const promised = distance(word(QUEUE_CACHED_HEAD), word(QUEUE_CLAIMED));
	if (promised > capacity || distance(word(QUEUE_CACHED_HEAD), head) > promised)
		fail("Q8", `has its head at ${head}, but its producer's cached head is ${word(QUEUE_CACHED_HEAD)}`);
	checkReservation(subject, capacity);
	checkBatch(subject, capacity);
	checkRing(subject, capacity, head, tail);
}

function checkReservation({ report, word, fail, data }: Subject, capacity: number): void {
	const reserved = word(QUEUE_RESERVED);
	if (reserved === 0) return;
	const expected = data + (word(QUEUE_CLAIMED) & (capacity - 1)) + RECORD_HEADER;
	const isInRing = reserved >= data + RECORD_HEADER && reserved <= data + capacity;
	const isExact =
		!report.isAtRest ||
		word(QUEUE_PRODUCER) === 0 ||
		(reserved === expected && word(QUEUE_RESERVED_BYTES) <= capacity / 2);
	if (!isInRing || !isExact) fail("Q7", `has a reservation at the impossible offset ${hex(reserved)}`);
}

function checkBatch({ report, word, fail }: Subject, capacity: number): void {
	const count = word(QUEUE_RESERVED_COUNT);
	if (!report.isAtRest || word(QUEUE_PRODUCER) === 0 || count === 0) return;
	const record = RECORD_HEADER + Math.ceil(word(QUEUE_RESERVED_BYTES) / RECORD_ALIGNMENT) * RECORD_ALIGNMENT;
	const room = capacity - (word(QUEUE_CLAIMED) & (capacity - 1));
	if (word(QUEUE_RESERVED) === 0 || count * record > room)
		fail("Q9", `has a reservation for ${count} messages, for which there is no room in line`);
}

function checkRing(subject: Subject, capacity: number, head: number, tail: number): void {
	const { memory, data, word, fail } = subject;
	for (let position = head; position !== tail; ) {
		const offset = position & (capacity - 1);
		const record = data + offset;
		const left = Math.min(capacity - offset, distance(position, tail));
		const length = memory.word(record + RECORD_LENGTH);
		const kind = memory.word(record + RECORD_KIND);
		const bytes = RECORD_HEADER + Math.ceil(length / RECORD_ALIGNMENT) * RECORD_ALIGNMENT;
		// The consumer may have released the record meanwhile, and the producer may have overwritten it.
		const isOld = () => distance(word(QUEUE_HEAD), position) > capacity;
		if (bytes > left || !isKind(kind) || (kind === RECORD_PAD && offset + bytes !== capacity)) {
			if (!isOld()) fail("Q5", `has a record of kind ${kind} and length ${length} at position ${position}`);
			return;
		}
		if (kind === RECORD_LARGE || kind === RECORD_BLOCK) checkBlock(subject, record, position);
		position = (position + bytes) >>> 0;
	}
}

/**
 * True if a record can have this kind. The RELEASED bit occurs only in messages; other records are skipped
 * unchanged.
 */
function isKind(kind: number): boolean {
	const isMessage = (of: number) => of === RECORD_DATA || of === RECORD_LARGE || of === RECORD_BLOCK;
	return isMessage(kind & ~RECORD_RELEASED) || kind === RECORD_PAD || kind === RECORD_END;
}

function checkBlock(
	{ memory, report, claims, object, fail }: Subject,
	record: number,
	position: number,
): void {
	const { block, isSound, owner } = attached(memory, record);
	if (isSound && owner === OWNER_IN_FLIGHT) {
		claims.add(block, `the message at ${hex(record)}`);
		return;
	}
	const isTaken = isSound && memory.isTag(owner) && isIntended(memory, [INTENT_TAKE], object, owner);
	if (report.isAtRest || !isTaken)
		fail(
			"Q6",
			`has a message at position ${position} with the block at ${hex(block)}, which is not in flight or too small`,
		);
}

/**
 * Returns the block that the message in a record carries. It is sound if it has room for the length in the
 * record.
 */
export function attached(memory: Memory, record: number): { block: number; owner: number; isSound: boolean } {
	const payload = record + RECORD_HEADER;
	const block = memory.word(payload + REFERENCE_OFFSET);
	const length = memory.word(payload + REFERENCE_LENGTH);
	const isSound = memory.word(record + RECORD_LENGTH) >= REFERENCE_BYTES && length <= memory.capacity(block);
	return { block, owner: memory.owner(block), isSound };
}
