/** Ending a stream: its queue says so exactly if the consumer sees the end, whatever the producer dies of. */
import {
	EMPTY,
	ENDED,
	KIND_QUEUE,
	KIND_RECORDS,
	OK,
	QUEUE_ENDED,
	QUEUE_PRODUCER_COUNT,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { constructMailbox, put, takeAll, tryOutMailbox } from "./letters.js";
import { attach, CAPACITY, moveTo, receiveAll, tryOut } from "./messages.js";
import { expect, type Scenario, type Stage } from "./stage.js";

const KEPT = 2;
const RECORDS = 64;
const NEAR_WRAP = 0xffff_fff8;

/** A kind of queue, as far as its ends are concerned. What is received is texts, and "end" for each end. */
export interface Kind {
	name: string;
	/** The name of the object that `construct` makes. */
	object: string;
	construct(who: Participant): number;
	/** Sends one thing. */
	send(who: Participant, queue: number): void;
	end(who: Participant, queue: number): number;
	/** Receives everything as the consumer. */
	receive(who: Participant, queue: number): string[];
	/** The queue, which is empty and has no consumer, still works. */
	tryOut(who: Participant, queue: number): void;
}

export const messages: Kind = {
	name: "a queue",
	object: "queue",
	construct: (who) => {
		const queue = who.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
		moveTo(who.world, queue, NEAR_WRAP);
		return queue;
	},
	send: (who, queue) => expect(who.send(queue, "text"), "no room"),
	end: ({ core, me }, queue) => core.end(me, queue) >>> 0,
	receive: (who, queue) => receiveAll(who, queue, true),
	tryOut,
};

export const records: Kind = {
	name: "records",
	object: "records",
	construct: (who) => {
		const queue = who.construct("records", KIND_RECORDS, { capacity: RECORDS });
		moveTo(who.world, queue, NEAR_WRAP);
		return queue;
	},
	send: ({ core, me }, queue) => {
		expect(core.recordsRoom(me, queue) === OK, "no room");
		core.recordsPublish(me, queue, 1);
	},
	end: ({ core, me }, queue) => core.recordsEnd(me, queue) >>> 0,
	receive: (who, queue) => {
		const { core, me } = who;
		const texts: string[] = [];
		for (let turn = 0; ; turn++) {
			expect(turn < 100, "records without an end");
			const status = core.recordsAvailable(me, queue);
			if (status === EMPTY) return texts;
			texts.push(status === ENDED ? "end" : "text");
			if (status === OK) core.recordsRelease(me, queue, who.result());
		}
	},
	tryOut: (who, queue) => {
		attach(who, queue, "producer");
		const status = who.core.recordsRoom(who.me, queue);
		expect(status === OK && who.result() === RECORDS, "there is less room than before");
		who.core.detachProducer(who.me, queue);
	},
};

export const letters: Kind = {
	name: "a mailbox",
	object: "mailbox",
	construct: (who) => constructMailbox(who, "mailbox", KEPT),
	send: (who, queue) => expect(put(who, queue, "text"), "no memory"),
	end: ({ core, me }, queue) => core.mailboxEnd(me, queue) >>> 0,
	receive: (who, queue) => takeAll(who, queue, true),
	tryOut: (who, queue) => tryOutMailbox(who, queue, KEPT),
};

/** True if the queue says that its last producer has ended its stream. */
export function saysEnded({ world }: Participant, queue: number): boolean {
	return world.words[(queue + QUEUE_ENDED) >> 2] === world.words[(queue + QUEUE_PRODUCER_COUNT) >> 2];
}

/** What the consumer knows before the victim comes: nothing, or an earlier end, which it has read or not. */
type Before = "first" | "read" | "unread";

/** The victim sends one thing and ends its stream. */
function ending(kind: Kind, before: Before): Scenario {
	const which = { first: "", read: " again", unread: " behind an end that nobody has read" }[before];
	return {
		name: `end the stream of ${kind.name}${which}`,
		prepare: ({ victim, other }: Stage) => {
			const queue = kind.construct(other);
			attach(other, queue, "consumer");
			if (before !== "first") {
				attach(other, queue, "producer");
				kind.end(other, queue);
				other.core.detachProducer(other.me, queue);
			}
			if (before === "read") expect(kind.receive(other, queue).join() === "end", "no end");
			attach(victim, queue, "producer");
			let received: string[] = [];
			return {
				reset: () => {
					received = [];
				},
				act: () => {
					kind.send(victim, queue);
					const status = kind.end(victim, queue);
					expect(status === OK || status >= STATUS_LIMIT, `ending gave ${status}`);
				},
				intrude: () => {
					received.push(...kind.receive(other, queue));
				},
				verify: () => {
					const says = saysEnded(other, queue);
					received.push(...kind.receive(other, queue));
					const ended = received.includes("text") && received.at(-1) === "end";
					expect(
						says === ended,
						`${received} came, and the queue says that it ${says ? "ended" : "goes on"}`,
					);
					other.core.detachConsumer(other.me, queue);
					kind.tryOut(other, queue);
				},
			};
		},
	};
}

/** The victim's stream is empty, as the one before it was, so both end at the same position. */
function endingEmpty(kind: Kind): Scenario {
	return {
		name: `end an empty stream of ${kind.name} where another has ended`,
		prepare: ({ victim, other }: Stage) => {
			const queue = kind.construct(other);
			attach(other, queue, "consumer");
			attach(other, queue, "producer");
			kind.end(other, queue);
			expect(kind.receive(other, queue).join() === "end", "no end");
			other.core.detachProducer(other.me, queue);
			attach(victim, queue, "producer");
			let received: string[] = [];
			return {
				reset: () => {
					received = [];
				},
				act: () => void kind.end(victim, queue),
				intrude: () => {
					received.push(...kind.receive(other, queue));
				},
				verify: () => {
					const says = saysEnded(other, queue);
					received.push(...kind.receive(other, queue));
					expect(received.join() === (says ? "end" : ""), `${received} came, and it ended: ${says}`);
					other.core.detachConsumer(other.me, queue);
					kind.tryOut(other, queue);
				},
			};
		},
	};
}

export const ends: Scenario[] = [
	...[messages, records, letters].flatMap((kind) => [
		ending(kind, "first"),
		ending(kind, "read"),
		endingEmpty(kind),
	]),
	// A queue of records has room for one end only.
	ending(messages, "unread"),
	ending(letters, "unread"),
];
