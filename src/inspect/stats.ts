/** What is in a region, as it looks at a moment. */
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
	/** The most the region may grow to, bytes. */
	size: number;
	/** Bytes in blocks that belong to somebody: participants, messages, objects. */
	used: number;
	/** Bytes that the file system has given it. */
	committed: number;
	/** Bytes of the largest block that could be allocated. */
	largestFree: number;
	/** Who has it open, but for those who only read. */
	participants: Participant[];
	/** How many named objects there are. */
	objects: number;
	queues: QueueStats[];
}

export interface QueueStats {
	name: string;
	/** Room in the ring, bytes or records; where the oldest is dropped, how many messages are kept. */
	capacity: number;
	/** Messages sent and not yet released; where the oldest is dropped, not yet received or dropped. */
	depth: number;
	/** Bytes, or records, of the ring in use; 0 where there is none. */
	bytes: number;
	/** Messages, or records, since the queue was made, modulo 2^32. */
	sent: number;
	received: number;
	/** Messages that were dropped for newer ones. */
	dropped: number;
}

/** What happens in a region: for those who look often. */
export interface Activity extends Pick<RegionStats, "participants"> {
	queues: QueueActivity[];
}

/** A queue, and what its two endpoints do. */
export interface QueueActivity extends QueueStats {
	/**
	 * Whether the producer waits until the consumer has done something: it lives, has looked at what there is, and
	 * sleeps. Likewise the consumer.
	 */
	producerWaits: boolean;
	consumerWaits: boolean;
	/** The number of the last stream, if its producer has ended it; 0 while it goes on. */
	ended: number;
	/** Whether everything was read and released: messages, and the end of the last stream. */
	drained: boolean;
}

/** A named object: its name, and what it is. */
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

/** Who is there, and how queues fare: what can be looked at often, for it does not grow with the memory in use. */
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
	// Whatever the other side does takes the announcement away, until this one has looked again. A participant that died
	// leaves its own behind.
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
