/** Figures about a region, its participants and its queues, read while others may change them. */
import {
	KIND_MAILBOX,
	KIND_QUEUE,
	KIND_RECORDS,
	MAILBOX_DROPPED,
	MAILBOX_END,
	OBJECT_CAPACITY,
	OBJECT_KIND,
	OBJECT_REQUESTED,
	QUEUE_CONSUMER,
	QUEUE_CONSUMER_WAITS,
	QUEUE_ENDED,
	QUEUE_HEAD,
	QUEUE_PRODUCER,
	QUEUE_PRODUCER_COUNT,
	QUEUE_PRODUCER_WAITS,
	QUEUE_RECEIVED,
	QUEUE_SENT,
	QUEUE_TAIL,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { type Participant, readParticipants } from "../attachment/participants.js";
import { describeObject } from "../objects/describe.js";
import { listObjects, nameOf, objectWord } from "../objects/directory.js";

const QUEUES: readonly number[] = [KIND_QUEUE, KIND_RECORDS, KIND_MAILBOX];

export interface RegionStats {
	/** The largest size the region may grow to, in bytes. */
	size: number;
	/** Bytes in blocks that are in use: they belong to participants, messages or objects. */
	used: number;
	/** Bytes of the file that the file system has allocated. */
	committed: number;
	/** The size of the largest block that could be allocated, in bytes. */
	largestFree: number;
	/** The participants that have the region open. Openings that only read are not participants. */
	participants: Participant[];
	/** The number of named objects. */
	objects: number;
	queues: QueueStats[];
}

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
}

/** The name and the type of a named object. */
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
		size: attachment.size,
		used: attachment.core.used(),
		committed: attachment.shim.statFile(attachment.file).committed,
		largestFree: attachment.core.largestFree(attachment.spans),
		participants: readParticipants(attachment),
		objects: [...listObjects(attachment)].length,
		queues: queuesOf(attachment).map((at) => readQueue(attachment, at)),
	};
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

function readEnds(attachment: Attachment, at: number): Omit<QueueActivity, keyof QueueStats> {
	const word = (field: number) => objectWord(attachment, at, field);
	// Any action of the peer clears the announcement, until the waiter has checked again. A participant that
	// died leaves its announcement set, so this also checks that it is alive.
	const waits = (announced: number, holder: number) =>
		word(announced) !== 0 && attachment.isAlive(word(holder));
	const ended = word(QUEUE_ENDED);
	return {
		producerWaits: waits(QUEUE_PRODUCER_WAITS, QUEUE_PRODUCER),
		consumerWaits: waits(QUEUE_CONSUMER_WAITS, QUEUE_CONSUMER),
		ended: ended === word(QUEUE_PRODUCER_COUNT) ? ended : 0,
		drained:
			word(OBJECT_KIND) === KIND_MAILBOX ? word(MAILBOX_END) === 0 : word(QUEUE_TAIL) === word(QUEUE_HEAD),
	};
}

function readQueue(attachment: Attachment, at: number): QueueStats {
	const word = (field: number) => objectWord(attachment, at, field);
	const isMailbox = word(OBJECT_KIND) === KIND_MAILBOX;
	const sent = word(QUEUE_SENT);
	const received = word(QUEUE_RECEIVED);
	const dropped = isMailbox ? word(MAILBOX_DROPPED) : 0;
	const depth = (sent - received - dropped) >>> 0;
	const bytes = isMailbox ? 0 : (word(QUEUE_TAIL) - word(QUEUE_HEAD)) >>> 0;
	const capacity = word(isMailbox ? OBJECT_REQUESTED : OBJECT_CAPACITY);
	return { name: nameOf(attachment, at), capacity, depth, bytes, sent, received, dropped };
}
