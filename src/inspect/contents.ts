/**
 * Who has a region open, what its queues contain, and who waits for whom, as plain data. Read while others may
 * change all of it, so figures that belong together may differ by what happened in between.
 */
import {
	HEADER_IDENTITY,
	KIND_CONDITION,
	KIND_MAILBOX,
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_RECORDS,
	KIND_VECTOR,
	LOCK_ABANDONED,
	LOCK_HOLDER,
	LOCK_WAITERS,
	OBJECT_KIND,
	OBJECT_NONCE,
	OBJECT_REQUESTED,
	QUEUE_CONSUMER,
	QUEUE_HEAD,
	QUEUE_PRODUCER,
	QUEUE_TAIL,
	SLOTS,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { type Participant, readParticipants } from "../attachment/participants.js";
import { listObjects, nameOf, objectWord } from "../objects/directory.js";
import { recordTypeAt } from "../queue/record-type.js";
import { type QueueStats, readEnds, readQueue } from "./stats.js";

export interface Contents {
	/** Differs from that of every other region, also of one with the same name. */
	identity: string;
	participants: WatchedParticipant[];
	/** The number of named objects. */
	objects: number;
	/** Queues, mutexes and conditions, each sorted by name. */
	queues: WatchedQueue[];
	mutexes: WatchedMutex[];
	conditions: WatchedCondition[];
}

export interface WatchedParticipant extends Participant {
	/** What this participant has announced that it waits for. A participant that has died waits for nothing. */
	waits: Wait[];
}

/** One thing that a participant waits for. */
export interface Wait {
	/** A message or record, room in a queue, the mutex, or a call of `notifyOne` or `notifyAll`. */
	for: "message" | "room" | "mutex" | "notification";
	/** The name of the queue, mutex, vector, map or condition. */
	object: string;
	/** The slot of the participant that can end the wait; null if there is none yet, or it is not known which. */
	of: number | null;
}

export interface WatchedQueue extends QueueStats {
	/** Differs from that of every other object, also of one with the same name. */
	identity: string;
	/** What it carries. */
	kind: "messages" | "records";
	/** The type of its records, a dtype or the text of a schema; undefined for messages. */
	record: string | undefined;
	policy: "block" | "drop-oldest" | "latest";
	/** The slots of the participants that hold the endpoints; null for an endpoint that is free. */
	producer: number | null;
	consumer: number | null;
	/** True if the producer has ended the stream. The consumer may not have received all of it. */
	ended: boolean;
}

/** A mutex, or the mutex of a vector or map, which is held for each change. */
export interface WatchedMutex {
	name: string;
	kind: "mutex" | "vector" | "map";
	/** The slot of the participant that holds it, or null. */
	holder: number | null;
	/** True if its last holder died, and no participant has locked it since. */
	abandoned: boolean;
	/** The slots of the participants that wait for it. */
	waiters: number[];
}

export interface WatchedCondition {
	name: string;
	/** The slots of the participants that wait for a notification. */
	waiters: number[];
}

const MUTEX_KINDS = new Map<number, WatchedMutex["kind"]>([
	[KIND_MUTEX, "mutex"],
	[KIND_VECTOR, "vector"],
	[KIND_MAP, "map"],
]);

const QUEUE_KINDS: readonly number[] = [KIND_QUEUE, KIND_RECORDS, KIND_MAILBOX];

/** The cost of this grows with the number of objects, but not with the memory in use. */
export function readContents(attachment: Attachment): Contents {
	const participants = new Map<number, WatchedParticipant>(
		readParticipants(attachment).map((each) => [each.slot, { ...each, waits: [] }]),
	);
	const contents: Contents = {
		identity: identityOf(attachment.header(HEADER_IDENTITY), attachment.header(HEADER_IDENTITY + 4)),
		participants: [...participants.values()],
		objects: 0,
		queues: [],
		mutexes: [],
		conditions: [],
	};
	const wait = (slot: number | null, what: Wait) => {
		const waiter = slot === null ? undefined : participants.get(slot);
		if (waiter?.alive) waiter.waits.push(what);
	};
	for (const at of listObjects(attachment)) {
		contents.objects++;
		const kind = objectWord(attachment, at, OBJECT_KIND);
		const mutexKind = MUTEX_KINDS.get(kind);
		if (QUEUE_KINDS.includes(kind)) contents.queues.push(readWatchedQueue(attachment, at, wait));
		else if (mutexKind !== undefined) {
			const mutex = readMutex(attachment, at, mutexKind);
			contents.mutexes.push(mutex);
			for (const slot of mutex.waiters) wait(slot, { for: "mutex", object: mutex.name, of: mutex.holder });
		} else if (kind === KIND_CONDITION) {
			const condition = { name: nameOf(attachment, at), waiters: waitersOf(attachment, at) };
			contents.conditions.push(condition);
			for (const slot of condition.waiters)
				wait(slot, { for: "notification", object: condition.name, of: null });
		}
	}
	for (const list of [contents.queues, contents.mutexes, contents.conditions]) list.sort(byName);
	for (const { waits } of contents.participants) waits.sort((a, b) => (a.object < b.object ? -1 : 1));
	return contents;
}

function byName(a: { name: string }, b: { name: string }): number {
	return a.name < b.name ? -1 : 1;
}

function identityOf(low: number, high: number): string {
	return [high, low].map((word) => word.toString(16).padStart(8, "0")).join("");
}

function readWatchedQueue(
	attachment: Attachment,
	at: number,
	wait: (slot: number | null, what: Wait) => void,
): WatchedQueue {
	const word = (field: number) => objectWord(attachment, at, field);
	const stats = readQueue(attachment, at);
	const producer = slotOf(word(QUEUE_PRODUCER));
	const consumer = slotOf(word(QUEUE_CONSUMER));
	const isRecords = word(OBJECT_KIND) === KIND_RECORDS;
	const isMailbox = word(OBJECT_KIND) === KIND_MAILBOX;
	const { producerWaits, consumerWaits, ended } = readEnds(attachment, at);
	// A wait that is over stays announced until the peer acts next. So what can't be waited for is left out: room in
	// an empty queue, or in one that makes room by itself.
	const canLackRoom = !isMailbox && word(QUEUE_TAIL) !== word(QUEUE_HEAD);
	if (producerWaits && canLackRoom) wait(producer, { for: "room", object: stats.name, of: consumer });
	if (consumerWaits) wait(consumer, { for: "message", object: stats.name, of: producer });
	return {
		...stats,
		identity: identityOf(word(OBJECT_NONCE), word(OBJECT_NONCE + 4)),
		kind: isRecords ? "records" : "messages",
		record: isRecords ? recordTypeAt(attachment, at)?.toString() : undefined,
		policy: !isMailbox ? "block" : word(OBJECT_REQUESTED) === 1 ? "latest" : "drop-oldest",
		producer,
		consumer,
		ended: ended !== 0,
	};
}

function readMutex(attachment: Attachment, at: number, kind: WatchedMutex["kind"]): WatchedMutex {
	const holder = objectWord(attachment, at, LOCK_HOLDER);
	const abandoned = holder === LOCK_ABANDONED;
	return {
		name: nameOf(attachment, at),
		kind,
		holder: abandoned ? null : slotOf(holder),
		abandoned,
		waiters: waitersOf(attachment, at),
	};
}

/** The slots whose bits are set among the waiters of a mutex or condition. */
function waitersOf(attachment: Attachment, at: number): number[] {
	const slots = [];
	for (let slot = 0; slot < SLOTS; slot++) {
		const bits = objectWord(attachment, at, LOCK_WAITERS + (slot >>> 5) * 4);
		if ((bits >>> (slot & 31)) & 1) slots.push(slot);
	}
	return slots;
}

/** The slot of the participant with this number; null if it is no participant's number. */
function slotOf(participant: number): number | null {
	const slot = (participant & 0xff) - 1;
	return slot >= 0 && slot < SLOTS ? slot : null;
}
