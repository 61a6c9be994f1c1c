/** The peer has announced that it waits: a change of what it waits for wakes it, whoever dies in between. */
import {
	EMPTY,
	ENDED,
	KIND_QUEUE,
	KIND_RECORDS,
	OK,
	QUEUE_CONSUMER_WAITS,
	QUEUE_HEAD,
	QUEUE_PRODUCER_WAITS,
	QUEUE_TAIL,
	REFERENCE_BYTES,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { constructMailbox, put, takeAll, tryOutMailbox } from "./letters.js";
import { attach, receive, receiveAll, tryOut } from "./messages.js";
import { doorbellOf, expect, own, ringsOf, type Scenario, SMALL, type Stage } from "./stage.js";

const CAPACITY = 256;
const RECORDS = 64;
const KEPT = 2;

/** What `victim` does to a queue while `other` waits at the other endpoint. */
interface Change {
	name: string;
	queue: Kind;
	/** The endpoint that waits. */
	waits: "producer" | "consumer";
	/** Runs before the announcement. The victim has its endpoint by then, unless it is `late`. */
	before?(stage: Stage, queue: number): void;
	/** Returns the doorbell to ring; undefined if there was no memory. */
	act(stage: Stage, queue: number): number | undefined;
	late?: boolean;
	/** Set if the act, coming or going, changes only who is there. */
	changes?: "nothing";
}

interface Kind {
	construct(who: Participant): number;
	/** Leaves the queue working, and as if nothing had been sent. */
	tidy(who: Participant, queue: number): void;
}

const messages: Kind = {
	construct: (who) => who.construct("queue", KIND_QUEUE, { capacity: CAPACITY }),
	tidy: (who, queue) => {
		receiveAll(who, queue);
		tryOut(who, queue);
	},
};

const records: Kind = {
	construct: (who) => who.construct("records", KIND_RECORDS, { capacity: RECORDS }),
	tidy: (who, queue) => {
		const { core, me } = who;
		attach(who, queue, "consumer");
		for (let turn = 0; ; turn++) {
			expect(turn < 10, "records without an end");
			const status = core.recordsAvailable(me, queue);
			if (status === EMPTY) break;
			if (status !== ENDED) core.recordsRelease(me, queue, who.result());
		}
		attach(who, queue, "producer");
		expect(core.recordsRoom(me, queue) === OK && who.result() === RECORDS, "there is less room than before");
		core.detachProducer(me, queue);
		core.detachConsumer(me, queue);
	},
};

const letters: Kind = {
	construct: (who) => constructMailbox(who, "mailbox", KEPT),
	tidy: (who, queue) => {
		takeAll(who, queue);
		tryOutMailbox(who, queue, KEPT);
	},
};

/** Sends this many messages of 56 bytes; the ring has room for four. */
function fill({ other }: Stage, queue: number, count = 4): void {
	for (let i = 0; i < count; i++) expect(other.send(queue, `${i}`.repeat(48)), "no room");
}

function positionOf(who: Participant, queue: number): number {
	const message = receive(who, queue);
	expect(typeof message === "object", `receiving gave ${message}`);
	return message.position;
}

function publishRecords({ core, me }: Participant, queue: number, count: number): number {
	expect(core.recordsRoom(me, queue) === OK, "no room");
	return core.recordsPublish(me, queue, count) >>> 0;
}

const changes: Change[] = [
	{
		name: "send",
		queue: messages,
		waits: "consumer",
		act: ({ victim: { core, me } }, queue) => {
			core.reserve(me, queue, 3);
			return core.commit(me, queue, 3) >>> 0;
		},
	},
	{
		name: "publish what was staged",
		queue: messages,
		waits: "consumer",
		before: ({ victim: { core, me } }, queue) => {
			core.reserve(me, queue, 3);
			core.stage(me, queue, 3);
		},
		act: ({ victim: { core, me } }, queue) => core.publish(me, queue, 1) >>> 0,
	},
	{
		name: "send a block",
		queue: messages,
		waits: "consumer",
		act: (stage, queue) => {
			const { core, me } = stage.victim;
			const block = own(stage, SMALL);
			if (block === 0) return undefined;
			core.reserve(me, queue, REFERENCE_BYTES);
			return core.commitBlock(me, queue, REFERENCE_BYTES, 1, block, SMALL) >>> 0;
		},
	},
	{
		name: "end the stream",
		queue: messages,
		waits: "consumer",
		act: ({ victim: { core, me } }, queue) => core.end(me, queue) >>> 0,
	},
	{
		name: "come as producer",
		queue: messages,
		waits: "consumer",
		late: true,
		changes: "nothing",
		act: ({ victim: { core, me } }, queue) => core.attachProducer(me, queue) >>> 0,
	},
	{
		name: "leave as producer",
		queue: messages,
		waits: "consumer",
		changes: "nothing",
		act: ({ victim: { core, me } }, queue) => core.detachProducer(me, queue) >>> 0,
	},
	{
		name: "send records",
		queue: records,
		waits: "consumer",
		act: ({ victim }, queue) => publishRecords(victim, queue, 3),
	},
	{
		name: "end the records",
		queue: records,
		waits: "consumer",
		changes: "nothing",
		act: ({ victim: { core, me } }, queue) => core.recordsEnd(me, queue) >>> 0,
	},
	{
		name: "put",
		queue: letters,
		waits: "consumer",
		act: ({ victim }, queue) => {
			let doorbell: number | undefined;
			put(victim, queue, "one+", undefined, (status) => {
				doorbell = status;
			});
			return doorbell;
		},
	},
	{
		name: "release",
		queue: messages,
		waits: "producer",
		before: fill,
		act: ({ victim }, queue) => victim.core.release(victim.me, queue, positionOf(victim, queue), 0) >>> 0,
	},
	{
		name: "release all at once",
		queue: messages,
		waits: "producer",
		before: fill,
		act: ({ victim }, queue) => {
			const first = positionOf(victim, queue);
			return victim.core.releaseThrough(victim.me, queue, first, positionOf(victim, queue)) >>> 0;
		},
	},
	{
		name: "come to the end of the stream",
		queue: messages,
		waits: "producer",
		before: ({ other: { core, me } }, queue) => void core.end(me, queue),
		act: ({ victim }, queue) => {
			expect(victim.core.peek(victim.me, queue) >>> 0 === ENDED, "no end");
			return victim.result();
		},
	},
	{
		name: "release records",
		queue: records,
		waits: "producer",
		before: ({ other }, queue) => void publishRecords(other, queue, RECORDS),
		act: ({ victim: { core, me } }, queue) => {
			core.recordsAvailable(me, queue);
			return core.recordsRelease(me, queue, RECORDS / 4) >>> 0;
		},
	},
	{
		name: "come as consumer",
		queue: messages,
		waits: "producer",
		late: true,
		changes: "nothing",
		act: ({ victim: { core, me } }, queue) => core.attachConsumer(me, queue) >>> 0,
	},
	{
		name: "leave as consumer",
		queue: messages,
		waits: "producer",
		changes: "nothing",
		act: ({ victim: { core, me } }, queue) => core.detachConsumer(me, queue) >>> 0,
	},
];

function waking(change: Change): Scenario {
	const { waits, late = false } = change;
	const produces = waits === "producer";
	const announced = produces ? QUEUE_PRODUCER_WAITS : QUEUE_CONSUMER_WAITS;
	/** The word that moves when there is something for the waiter. */
	const position = produces ? QUEUE_HEAD : QUEUE_TAIL;
	return {
		name: `${change.name}, while the ${waits} waits`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const queue = change.queue.construct(other);
			const word = (field: number) => world.words[(queue + field) >> 2] as number;
			victim.use(queue);
			attach(other, queue, waits);
			if (!late) attach(victim, queue, produces ? "consumer" : "producer");
			change.before?.(stage, queue);
			if (produces) other.core.announceProducer(other.me, queue);
			else other.core.announceConsumer(other.me, queue);
			const [rings, start] = [ringsOf(other), word(position)];
			return {
				act: () => {
					const doorbell = change.act(stage, queue);
					if (doorbell === undefined) return;
					expect(doorbell === doorbellOf(other), `who waits is not to be woken: ${doorbell}`);
					expect(ringsOf(other) === rings + 1, "who waits was not rung, or twice");
					expect(word(announced) === 0, "it is rung, and asks for it still");
					if (change.changes !== "nothing") expect(word(position) !== start, "rung for nothing");
				},
				verify: () => {
					// Recovery rings every doorbell, so the waiter looks, still announced or not.
					expect(ringsOf(other) > rings, "who waits sleeps on beside a dead one");
					if (produces) other.core.detachProducer(other.me, queue);
					else other.core.detachConsumer(other.me, queue);
					change.queue.tidy(other, queue);
				},
			};
		},
	};
}

export const wakings: Scenario[] = changes.map(waking);
