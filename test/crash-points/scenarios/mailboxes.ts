/** Queues that drop their oldest message. */
import { EMPTY, OK, STATUS_LIMIT } from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { constructMailbox, discard, moveMailboxTo, put, take, takeAll, tryOutMailbox } from "./letters.js";
import { attach } from "./messages.js";
import { expect, type Scenario, type Stage } from "./stage.js";

const NEAR_WRAP = 0xffff_fffe;

/** The state before the victim begins. */
interface Before {
	kept: number;
	position?: number;
	/** The messages that are kept. */
	texts?: string[];
	/** A consumer was stopped while it takes the oldest message. */
	claimed?: boolean;
}

function prepare({ world, other }: Stage, { kept, position = 0, texts = [], claimed }: Before): number {
	const mailbox = constructMailbox(other, "mailbox", kept);
	moveMailboxTo(world, mailbox, position);
	attach(other, mailbox, "producer");
	for (const text of texts) put(other, mailbox, text);
	other.core.detachProducer(other.me, mailbox);
	if (claimed) claim(world.participant(3, "writes"), mailbox);
	return mailbox;
}

/** Begins to take a message, up to where its place is claimed and the message is still in flight. */
function claim(consumer: Participant, mailbox: number): void {
	attach(consumer, mailbox, "consumer");
	// Five writes of the intent, then the claim.
	expect(
		consumer.crashesAt(7, () => void take(consumer, mailbox)),
		"a message is taken in fewer steps",
	);
}

/** Messages came in order, and of the last `least` that were sent, all but `lost` came. */
function expectKept(sent: readonly string[], received: readonly string[], least: number, lost = 0): void {
	const indices = received.map((text) => sent.indexOf(text));
	const missing = sent.slice(Math.max(0, sent.length - least)).filter((text) => !received.includes(text));
	expect(
		indices.every((index, i) => index > (indices[i - 1] ?? -1)) && missing.length <= lost,
		`sent ${sent}, received ${received}`,
	);
}

/** The victim sends in steps; `other` receives. */
function sending(name: string, before: Before, texts: string[]): Scenario {
	return {
		name: `put ${name}`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const mailbox = prepare(stage, before);
			const { kept, texts: early = [], claimed } = before;
			attach(victim, mailbox, "producer");
			if (!claimed) attach(other, mailbox, "consumer");
			let sent = [...early];
			let begun = "";
			let received: string[] = [];
			return {
				reset: () => {
					sent = [...early];
					begun = "";
					received = [];
				},
				act: () => {
					for (const text of texts) {
						const there = put(victim, mailbox, text, () => {
							begun = text;
						});
						if (there) sent.push(text);
						begun = "";
					}
				},
				intrude: () => {
					if (!claimed) received.push(...takeAll(other, mailbox, true));
				},
				verify: () => {
					const soon = received.length;
					if (claimed) {
						other.recover(3);
						attach(other, mailbox, "consumer");
					}
					received.push(...takeAll(other, mailbox, true));
					const all = begun !== "" && received.includes(begun) ? [...sent, begun] : sent;
					// What a consumer had when it died is gone, and its place was skipped.
					expectKept(claimed ? all.slice(1) : all, received, claimed ? Math.max(1, kept - 1) : kept);
					expect(received.length - soon <= kept, `${received} were kept, of at most ${kept}`);
					other.core.detachConsumer(other.me, mailbox);
					tryOutMailbox(other, mailbox, kept);
				},
			};
		},
	};
}

/** `other` has sent; the victim takes this many and frees them. `more` is sent in the middle of it. */
function taking(name: string, before: Before & { texts: string[] }, count: number, more: string[]): Scenario {
	return {
		name: `take ${name}`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const mailbox = prepare(stage, before);
			const { kept, texts } = before;
			attach(other, mailbox, "producer");
			attach(victim, mailbox, "consumer");
			let sent = texts;
			let received: string[] = [];
			/** It may not return: then the message is lost with the victim. */
			let taken = 0;
			return {
				reset: () => {
					sent = texts;
					received = [];
					taken = 0;
				},
				act: () => {
					for (let i = 0; i < count; i++) {
						taken++;
						const letter = take(victim, mailbox);
						expect(typeof letter === "object" || letter === EMPTY, `taking gave ${letter}`);
						if (typeof letter !== "object") {
							taken--;
							continue;
						}
						received.push(letter.text);
						discard(victim, letter);
					}
				},
				intrude: () => {
					for (const text of more) if (put(other, mailbox, text)) sent = [...sent, text];
				},
				verify: () => {
					const lost = taken - received.length;
					received.push(...takeAll(other, mailbox));
					// While a place is claimed, one message fewer is kept, but never none.
					expectKept(sent, received, sent === texts ? kept : Math.max(1, kept - 1), lost);
					other.core.detachProducer(other.me, mailbox);
					tryOutMailbox(other, mailbox, kept);
				},
			};
		},
	};
}

export const mailboxes: Scenario[] = [
	sending("into an empty mailbox", { kept: 2 }, ["one", "two+"]),
	sending("the latest", { kept: 1, texts: ["one"] }, ["two", "three", "four", "five"]),
	sending("the latest with blocks", { kept: 1, texts: ["one+"] }, ["two+", "three+"]),
	sending("where positions wrap", { kept: 2, texts: ["one", "two+"], position: NEAR_WRAP }, [
		"three+",
		"four",
		"five",
	]),
	sending("over the places", { kept: 3, texts: ["one+", "two+", "three+"] }, [
		"1",
		"2",
		"3",
		"4",
		"5",
		"6",
		"7+",
		"8",
	]),
	sending("past a place that is claimed", { kept: 2, texts: ["zero+", "one+"], claimed: true }, [
		"two",
		"three",
		"four+",
		"five",
		"six+",
		"seven",
	]),
	sending("past a place that is claimed, of the latest", { kept: 1, texts: ["zero+"], claimed: true }, [
		"one",
		"two",
		"three+",
		"four+",
		"five",
	]),
	taking("one of three", { kept: 3, texts: ["one", "two", "three"] }, 1, ["four", "five"]),
	taking("all", { kept: 3, texts: ["one", "two+", "three"] }, 4, ["four", "five+"]),
	taking("with blocks", { kept: 2, texts: ["one+", "two+"] }, 2, ["three+", "four"]),
	taking("the latest", { kept: 1, texts: ["one+"] }, 2, ["two", "three+"]),
	taking("where positions wrap", { kept: 2, texts: ["one", "two"], position: NEAR_WRAP }, 3, [
		"three+",
		"four",
		"five",
	]),
	taking("while all places are written again", { kept: 2, texts: ["one+", "two"] }, 2, [
		"three",
		"four+",
		"five",
		"six",
		"seven+",
		"eight",
		"nine+",
		"ten",
	]),
	{
		name: "drop what is kept, to make room",
		prepare: (stage) => {
			const { victim, other } = stage;
			const mailbox = prepare(stage, { kept: 3, texts: ["one+", "two", "three+"] });
			attach(victim, mailbox, "producer");
			attach(other, mailbox, "consumer");
			let dropped = 0;
			let begun = 0;
			let received: string[] = [];
			return {
				reset: () => {
					dropped = 0;
					begun = 0;
					received = [];
				},
				act: () => {
					// One more time than there are messages: the newest stays.
					for (let i = 0; i < 4; i++) {
						begun++;
						const status = victim.core.mailboxDrop(victim.me, mailbox) >>> 0;
						expect(status === OK || status === EMPTY, `dropping gave ${status}`);
						if (status === OK) dropped++;
					}
				},
				intrude: () => {
					received.push(...takeAll(other, mailbox, true));
				},
				verify: () => {
					received.push(...takeAll(other, mailbox, true));
					expectKept(["one+", "two", "three+"], received, 1);
					const left = 3 - received.length;
					expect(dropped <= left && left <= begun, `${dropped} were dropped, and ${received} came`);
					other.core.detachConsumer(other.me, mailbox);
					tryOutMailbox(other, mailbox, 3);
				},
			};
		},
	},
	{
		name: "end a mailbox's stream, and begin the next",
		prepare: (stage) => {
			const { victim, other } = stage;
			const mailbox = prepare(stage, { kept: 2, texts: ["one"] });
			attach(victim, mailbox, "producer");
			attach(other, mailbox, "consumer");
			other.core.announceConsumer(other.me, mailbox);
			let ended = "";
			let received: string[] = [];
			return {
				reset: () => {
					ended = "";
					received = [];
				},
				act: () => {
					ended = "perhaps";
					const status = victim.core.mailboxEnd(victim.me, mailbox) >>> 0;
					expect(status === OK || status >= STATUS_LIMIT, `ending gave ${status}`);
					ended = "yes";
					victim.core.detachProducer(victim.me, mailbox);
					attach(victim, mailbox, "producer");
					put(victim, mailbox, "two");
				},
				intrude: () => {
					received.push(...takeAll(other, mailbox, true));
				},
				verify: () => {
					received.push(...takeAll(other, mailbox, true));
					const possible = ["one,end,two", "one,end"];
					if (ended !== "yes") possible.push("one");
					expect(possible.includes(received.join()), `${received} came, and it ended: ${ended}`);
					other.core.detachConsumer(other.me, mailbox);
					tryOutMailbox(other, mailbox, 2);
				},
			};
		},
	},
	{
		name: "see the end of a mailbox's stream",
		prepare: (stage) => {
			const { victim, other } = stage;
			const mailbox = prepare(stage, { kept: 2, texts: ["one"] });
			attach(other, mailbox, "producer");
			other.core.mailboxEnd(other.me, mailbox);
			attach(victim, mailbox, "consumer");
			let received: string[] = [];
			return {
				reset: () => {
					received = [];
				},
				act: () => {
					received.push(...takeAll(victim, mailbox, true));
				},
				intrude: () => {
					put(other, mailbox, "two");
				},
				verify: () => {
					received.push(...takeAll(other, mailbox));
					const text = received.filter((each) => each !== "one").join();
					expect(["end", "end,two", "two", ""].includes(text), `${received} came`);
					other.core.detachProducer(other.me, mailbox);
					tryOutMailbox(other, mailbox, 2);
				},
			};
		},
	},
];
