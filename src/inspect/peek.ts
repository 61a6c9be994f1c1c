/**
 * Reads the messages or records that wait in a queue, without taking an endpoint and without receiving them.
 */
import {
	KIND_MAILBOX,
	KIND_QUEUE,
	KIND_RECORDS,
	MAILBOX_PLACES,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OBJECT_KIND,
	PLACE_KEPT,
	PLACE_SHIFT,
	PLACE_STATE,
	QUEUE_HEAD,
	QUEUE_LARGEST,
	QUEUE_TAIL,
	RECORD_BLOCK,
	RECORD_DATA,
	RECORD_HEADER,
	RECORD_LARGE,
	REFERENCE_BYTES,
	REFERENCE_LENGTH,
	REFERENCE_OFFSET,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { DhmemError } from "../errors.js";
import { describeObject } from "../objects/describe.js";
import { findObject } from "../objects/directory.js";
import type { NamedObject } from "../objects/named-object.js";
import { type RecordType, recordTypeAt, sizeOf } from "../queue/record-type.js";

export interface Peeked {
	/** The type of the records; undefined for a queue of messages. */
	readonly type: RecordType | undefined;
	/** Copies: each is one message, or in a queue of records one piece with many records. */
	readonly pieces: Iterable<Uint8Array>;
}

/** The largest size of a piece of records, in bytes. */
const PIECE = 65_536;

/** @throws DHMEM_NOT_FOUND, DHMEM_TYPE_MISMATCH, DHMEM_CORRUPT */
export function peekAt(attachment: Attachment, name: string): Peeked {
	const queue = findObject(attachment, name);
	if (queue === undefined)
		throw new DhmemError(
			"DHMEM_NOT_FOUND",
			`There is no queue ${name} in ${attachment.path}; \`dhmem stat\` lists its queues`,
		);
	switch (queue.word(OBJECT_KIND)) {
		case KIND_QUEUE:
			return { type: undefined, pieces: inRing(queue) };
		case KIND_MAILBOX:
			return { type: undefined, pieces: inMailbox(queue) };
		case KIND_RECORDS: {
			const type = recordTypeAt(attachment, queue.at);
			if (type === undefined) throw corrupted(queue);
			return { type, pieces: inRecords(queue, sizeOf(type)) };
		}
		default:
			throw new DhmemError(
				"DHMEM_TYPE_MISMATCH",
				`${name} in ${attachment.path} is ${describeObject(attachment, queue.at)}, not a queue; give a queue's name`,
			);
	}
}

/**
 * The messages of a ring, oldest first. Each is copied first, and counts only if it was still unreleased
 * afterwards.
 */
function* inRing(queue: NamedObject): Generator<Uint8Array> {
	const capacity = capacityOf(queue, 1);
	let position = queue.word(QUEUE_HEAD);
	const end = queue.word(QUEUE_TAIL);
	// A queue can't have more records than that, so a longer one is corrupted.
	for (let turn = 0; ahead(end, position) > 0; turn++) {
		if (turn > capacity) throw corrupted(queue);
		const head = queue.word(QUEUE_HEAD);
		if (ahead(position, head) < 0) {
			position = head;
			continue;
		}
		const record = queue.word(OBJECT_DATA) + (position & (capacity - 1));
		const [length, kind] = [wordAt(queue, record), wordAt(queue, record + 4)];
		const message = copyOf(queue, record, length, kind);
		queue.attachment.fence();
		// The record was released meanwhile, or was overwritten during the copy.
		if (ahead(position, queue.word(QUEUE_HEAD)) < 0 || wordAt(queue, record + 4) !== kind) continue;
		if (length > capacity || position % 8 !== 0) throw corrupted(queue);
		position = (position + RECORD_HEADER + ((length + 7) & ~7)) >>> 0;
		if (message !== undefined) yield message;
	}
}

/** The messages that a mailbox keeps, oldest first. */
function* inMailbox(queue: NamedObject): Generator<Uint8Array> {
	const places = capacityOf(queue, 2 ** PLACE_SHIFT);
	if (places > MAILBOX_PLACES) throw corrupted(queue);
	const end = queue.word(QUEUE_TAIL);
	for (let position = (end - places) >>> 0; position !== end; position = (position + 1) >>> 0) {
		const place = queue.word(OBJECT_DATA) + ((position & (places - 1)) << PLACE_SHIFT);
		const isKept = () =>
			wordAt(queue, place + 4) === position && (wordAt(queue, place) & PLACE_STATE) === PLACE_KEPT;
		if (!isKept()) continue;
		const envelope = (wordAt(queue, place) & ~PLACE_STATE) >>> 0;
		const message = copyOf(queue, envelope, wordAt(queue, envelope), wordAt(queue, envelope + 4));
		queue.attachment.fence();
		if (message !== undefined && isKept()) yield message;
	}
}

function* inRecords(queue: NamedObject, size: number): Generator<Uint8Array> {
	const capacity = capacityOf(queue, size);
	let position = queue.word(QUEUE_HEAD);
	const end = queue.word(QUEUE_TAIL);
	while (ahead(end, position) > 0) {
		const start = position & (capacity - 1);
		const count = Math.min(ahead(end, position), capacity - start, Math.max(1, Math.floor(PIECE / size)));
		const at = queue.word(OBJECT_DATA) + start * size;
		const piece = sliceOf(queue, at, count * size) ?? new Uint8Array();
		queue.attachment.fence();
		// Records that were popped meanwhile may have been overwritten.
		const popped = Math.min(Math.max(0, ahead(queue.word(QUEUE_HEAD), position)), count);
		position = (position + count) >>> 0;
		if (popped < count) yield piece.slice(popped * size);
	}
}

/** Returns by how much one position is ahead of another. Positions count modulo 2^32. */
function ahead(position: number, of: number): number {
	return (position - of) | 0;
}

/**
 * Returns the queue's capacity after checking that it is a possible one: a power of two, inside the region.
 */
function capacityOf(queue: NamedObject, size: number): number {
	const capacity = queue.word(OBJECT_CAPACITY);
	const isPossible = capacity > 0 && (capacity & (capacity - 1)) === 0 && capacity * size <= QUEUE_LARGEST;
	if (isPossible && queue.word(OBJECT_DATA) + capacity * size <= queue.attachment.size) return capacity;
	throw corrupted(queue);
}

/** Copies the message in a record; undefined if the record has no message, or none any more. */
function copyOf(queue: NamedObject, record: number, length: number, kind: number): Uint8Array | undefined {
	const payload = record + RECORD_HEADER;
	switch (kind) {
		case RECORD_DATA:
			return sliceOf(queue, payload, length);
		case RECORD_BLOCK:
			return length < REFERENCE_BYTES
				? undefined
				: sliceOf(queue, payload + REFERENCE_BYTES, length - REFERENCE_BYTES);
		case RECORD_LARGE: {
			const block = wordAt(queue, payload + REFERENCE_OFFSET);
			if (block + 64 > queue.attachment.size) return undefined;
			return copyOfBlock(queue, block, wordAt(queue, payload + REFERENCE_LENGTH));
		}
		default:
			return undefined;
	}
}

/** As `sliceOf`, for the bytes of a block. */
function copyOfBlock({ attachment }: NamedObject, block: number, length: number): Uint8Array | undefined {
	try {
		return attachment.view(attachment.addressOf(block), length).slice();
	} catch (error) {
		if (error instanceof DhmemError && error.code === "DHMEM_CORRUPT" && !attachment.closed) return undefined;
		throw error;
	}
}

/**
 * Copies bytes of the region; undefined if they would lie outside it, which means that the figures are wrong.
 */
function sliceOf({ attachment }: NamedObject, at: number, length: number): Uint8Array | undefined {
	if (at + length > attachment.size) return undefined;
	const copy = new Uint8Array(length);
	copy.set(new Uint8Array(attachment.buffer, at, length));
	return copy;
}

function wordAt({ attachment }: NamedObject, at: number): number {
	return at + 4 <= attachment.size ? Atomics.load(attachment.words, at >>> 2) : 0;
}

function corrupted({ name, attachment }: NamedObject): DhmemError {
	return new DhmemError(
		"DHMEM_CORRUPT",
		`Queue ${name} in ${attachment.path} is corrupted: a peer has overwritten it; remove the region and create it again`,
	);
}
