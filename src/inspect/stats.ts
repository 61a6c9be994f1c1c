/** Figures about a region, its participants and its queues, read while others may change them. */
import {
	BULK_SPAN_BYTES,
	BULK_TAG_SHIFT,
	HEADER_BULK_READY,
	HEADER_BULK_STATES,
	KIND_MAILBOX,
	KIND_QUEUE,
	KIND_RECORDS,
	MAILBOX_DROPPED,
	MAILBOX_END,
	OBJECT_CAPACITY,
	OBJECT_KIND,
	OBJECT_REQUESTED,
	QUEUE_CONSUMER,
	QUEUE_CONSUMER_COUNT,
	QUEUE_CONSUMER_WAITS,
	QUEUE_ENDED,
	QUEUE_ENDS_READ,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_PRODUCER,
	QUEUE_PRODUCER_COUNT,
	QUEUE_PRODUCER_WAITS,
	QUEUE_RECEIVED,
	QUEUE_SENT,
	QUEUE_TAIL,
	SLOTS,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { type Participant, readParticipants } from "../attachment/participants.js";
import { trimmable } from "../attachment/trimming.js";
import { describeObject } from "../objects/describe.js";
import { listObjects, nameOf, objectWord } from "../objects/directory.js";

const QUEUES: readonly number[] = [KIND_QUEUE, KIND_RECORDS, KIND_MAILBOX];

/**
 * What is in a region. Returned by `region.stats()`.
 *
 * @example
 * ```ts
 * const { used, size, participants } = region.stats();
 * console.log(`${participants.length} participants use ${used} of ${size} bytes`);
 * ```
 */
export interface RegionStats {
	/** The largest size the region may grow to, in bytes. */
	size: number;
	/** Bytes in blocks that are in use: they belong to participants, messages or objects. */
	used: number;
	/** Bytes of these in the bulk space, where regions of more than 4 GiB have their large blocks. */
	bulk: number;
	/** Bytes of the file that the file system has allocated. */
	committed: number;
	/**
	 * Bytes of free memory that a trim would give back at once. It finds more if all blocks
	 * of a span of small blocks are free.
	 */
	trimmable: number;
	/** The size of the largest block that could be allocated, in bytes. */
	largestFree: number;
	/** The participants that have the region open. Openings that only read are not participants. */
	participants: Participant[];
	/** The number of named objects. */
	objects: number;
	queues: QueueStats[];
}

/**
 * What is in a queue. A part of `region.stats()`.
 *
 * @example
 * ```ts
 * for (const { name, depth } of region.stats().queues) console.log(name, depth);
 * ```
 */
export interface QueueStats {
	name: string;
	/**
	 * The size of the ring in bytes or records; of a queue that drops its oldest message, the number of
	 * messages it keeps.
	 */
	capacity: number;
	/**
	 * Messages sent and not yet released; in a queue that drops its oldest message, not yet received or
	 * dropped.
	 */
	depth: number;
	/**
	 * Bytes or records of the ring that are in use; 0 for a queue that drops its oldest message, which has no
	 * ring.
	 */
	bytes: number;
	/** Messages or records sent and received since the queue was created, modulo 2^32. */
	sent: number;
	received: number;
	/** Messages that were dropped to make room for newer ones. */
	dropped: number;
}

/** The part of the statistics that is cheap enough to read often. */
export interface Activity extends Pick<RegionStats, "participants"> {
	queues: QueueActivity[];
}

/** A queue and the state of its two endpoints. */
export interface QueueActivity extends QueueStats {
	/**
	 * True while the producer is alive and sleeps until the consumer does something. `consumerWaits` is the
	 * same for the consumer.
	 */
	producerWaits: boolean;
	consumerWaits: boolean;
	/** The number of the last stream if its producer has ended it; 0 while the stream continues. */
	ended: number;
	/** True when all messages were read and released, and the consumer has seen the end of the last stream. */
	drained: boolean;
	/** How many consumers have opened the queue, and how many ends they have read, modulo 2^32. */
	consumers: number;
	endsRead: number;
	/**
	 * Positions in the ring: the first message that is not released, and the one that is received next. Both are 0
	 * in a queue that drops its oldest message.
	 */
	head: number;
	next: number;
}

/**
 * The name and the type of a named object.
 *
 * @example
 * ```ts
 * region.vector("residuals", "f64");
 * for (const { name, type } of region.entries()) console.log(name, type); // residuals a vector of f64
 * ```
 */
export interface Entry {
	name: string;
	type: string;
}

export function readEntries(attachment: Attachment): Entry[] {
	return Array.from(listObjects(attachment), (at) => ({
		name: nameOf(attachment, at),
		type: describeObject(attachment, at),
	}));
}

export function readStats(attachment: Attachment): RegionStats {
	return {
		size: attachment.fileSize,
		used: attachment.core.used(),
		bulk: usedInBulk(attachment),
		committed: attachment.shim.statFile(attachment.file).committed,
		trimmable: trimmable(attachment),
		largestFree: largestFree(attachment),
		participants: readParticipants(attachment),
		objects: [...listObjects(attachment)].length,
		queues: queuesOf(attachment).map((at) => readQueue(attachment, at)),
	};
}

function usedInBulk(attachment: Attachment): number {
	const ready = Math.min(attachment.header(HEADER_BULK_READY), attachment.bulk.spans);
	const first = attachment.header(HEADER_BULK_STATES) >>> 2;
	let count = 0;
	for (let span = 0; span < ready; span++)
		if ((attachment.words[first + span] as number) >>> BULK_TAG_SHIFT > SLOTS) count++;
	return count * BULK_SPAN_BYTES;
}

function largestFree({ core, spans, bulk }: Attachment): number {
	return Math.max(core.largestFree(spans), bulk.spans === 0 ? 0 : core.largestFreeBulk());
}

/**
 * Reads participants and queues. It can be called often, because its cost does not grow with the memory in
 * use.
 */
export function readActivity(attachment: Attachment): Activity {
	return {
		participants: readParticipants(attachment),
		queues: queuesOf(attachment).map((at) => ({
			...readQueue(attachment, at),
			...readEnds(attachment, at),
		})),
	};
}

function queuesOf(attachment: Attachment): number[] {
	return Array.from(listObjects(attachment)).filter((at) =>
		QUEUES.includes(objectWord(attachment, at, OBJECT_KIND)),
	);
}

export function readEnds(attachment: Attachment, at: number): Omit<QueueActivity, keyof QueueStats> {
	const word = (field: number) => objectWord(attachment, at, field);
	// Any action of the peer clears the announcement, until the waiter has checked again. A participant that
	// died leaves its announcement set, so this also checks that it is alive.
	const waits = (announced: number, holder: number) =>
		word(announced) !== 0 && attachment.isAlive(word(holder));
	const ended = word(QUEUE_ENDED);
	const isMailbox = word(OBJECT_KIND) === KIND_MAILBOX;
	return {
		producerWaits: waits(QUEUE_PRODUCER_WAITS, QUEUE_PRODUCER),
		consumerWaits: waits(QUEUE_CONSUMER_WAITS, QUEUE_CONSUMER),
		ended: ended === word(QUEUE_PRODUCER_COUNT) ? ended : 0,
		drained: isMailbox ? word(MAILBOX_END) === 0 : word(QUEUE_TAIL) === word(QUEUE_HEAD),
		consumers: word(QUEUE_CONSUMER_COUNT),
		endsRead: word(QUEUE_ENDS_READ),
		head: isMailbox ? 0 : word(QUEUE_HEAD),
		next: isMailbox ? 0 : word(QUEUE_NEXT),
	};
}

export function readQueue(attachment: Attachment, at: number): QueueStats {
	const word = (field: number) => objectWord(attachment, at, field);
	const isMailbox = word(OBJECT_KIND) === KIND_MAILBOX;
	const capacity = word(isMailbox ? OBJECT_REQUESTED : OBJECT_CAPACITY);
	// The consumer's figures first: read the other way round, the consumer may be ahead of the producer. What
	// was sent between the two reads counts too, so the sum may exceed the capacity.
	const received = word(QUEUE_RECEIVED);
	const dropped = isMailbox ? word(MAILBOX_DROPPED) : 0;
	const head = word(QUEUE_HEAD);
	const sent = word(QUEUE_SENT);
	const tail = word(QUEUE_TAIL);
	const depth = difference(sent, received + dropped);
	const bytes = isMailbox ? 0 : Math.min(difference(tail, head), capacity);
	return { name: nameOf(attachment, at), capacity, depth, bytes, sent, received, dropped };
}

/** Returns by how much one counter, modulo 2^32, is ahead of another; 0 if it is behind. */
function difference(ahead: number, behind: number): number {
	return Math.max(0, (ahead - behind) | 0);
}
