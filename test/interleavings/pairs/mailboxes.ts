/** The endpoints of a queue that drops its oldest message, with each other and with the recovery of either. */
import {
	EMPTY,
	ENDED,
	OK,
	QUEUE_CONSUMER,
	QUEUE_PRODUCER,
	RECORD_BLOCK,
	RECORD_HEADER,
	REFERENCE_BYTES,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import { constructMailbox } from "../../crash-points/scenarios/letters.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import {
	atOnce,
	doorbellOf,
	expect,
	openTo,
	oversleeps,
	pair,
	type Scene,
	type Sleeper,
	type Stage,
} from "../stage.js";
import type { Call, Program } from "../stepper.js";
import { dead } from "./dying.js";

/** A size class with few blocks in a span. */
const LARGE = 30_000;
const NAME = "mailbox";
/** Stands for the end among what was sent and received. */
const END = -1;

/** A mailbox, and its state before the two begin. */
interface Before {
	/** The number of messages that it keeps. */
	kept: number;
	/** The number of messages in it. */
	messages?: number[];
	/** The number of messages that can be put, whose envelopes are prepared. */
	more?: number[];
	/** True if each message comes with a block. */
	blocks?: boolean;
	/** The side that has no participant yet. */
	vacant?: "producer" | "consumer";
}

/** A mailbox, and what happened to it in one schedule. */
interface Ends {
	mailbox: number;
	/** Envelopes, by the value in them. */
	envelopes: Map<number, { envelope: number; block: number }>;
	sent: number[];
	received: number[];
	/** The doorbells that calls returned, to be rung. */
	rung: number[];
	consumer: Sleeper;
}

// ---------------------------------------------------------------------------------------------- programs

function note(ends: Ends, result: number): void {
	if (result >= STATUS_LIMIT) ends.rung.push(result);
	else expect(result === OK, `it gave ${result}`);
}

/** Sends messages, whose envelopes are already written. */
function* put(who: Participant, ends: Ends, ...values: number[]): Program {
	for (const value of values) {
		const letter = ends.envelopes.get(value);
		expect(letter !== undefined, `there is no envelope for ${value}`);
		const { envelope, block } = letter;
		const length = block === 0 ? 4 : REFERENCE_BYTES + 4;
		const blockLength = block === 0 ? 0 : LARGE;
		ends.sent.push(value);
		note(ends, yield ["mailboxPut", who.me, ends.mailbox, envelope, length, block, blockLength]);
	}
}

/** Takes a message, and frees it unless it is left to `who`. Returns null if there is none, and END at the end. */
function* take(who: Participant, ends: Ends, frees = true): Generator<Call, number | null, number> {
	const payload = yield ["mailboxTake", who.me, ends.mailbox];
	if (payload === EMPTY) return null;
	if (payload === ENDED) {
		note(ends, who.result());
		ends.received.push(END);
		return END;
	}
	expect(payload >= STATUS_LIMIT, `taking gave ${payload}`);
	const envelope = who.result();
	const isBlock = who.result(SLOT_RESULT_3) === RECORD_BLOCK;
	const block = who.result(SLOT_RESULT_4);
	const value = yield ["read", payload + (isBlock ? REFERENCE_BYTES : 0)];
	ends.received.push(value);
	if (isBlock) expect((yield ["filled", block, LARGE, value]) === 1, "a block is not what was sent");
	if (!frees) return value;
	if (isBlock) {
		expect((yield ["free", who.me, block]) === OK, "the block is not the receiver's");
	}
	expect((yield ["free", who.me, envelope]) === OK, "the message is not the receiver's");
	return value;
}

const taking = (most: number) =>
	function* (who: Participant, ends: Ends): Program {
		for (let turn = 0; turn < most; turn++) if ((yield* take(who, ends)) === null) return;
	};

const putting = (...values: number[]) =>
	function* (who: Participant, ends: Ends): Program {
		yield* put(who, ends, ...values);
	};

/** Takes the newest message; there is one at any moment. */
function* takeLatest(who: Participant, ends: Ends, frees = true): Program {
	expect((yield* take(who, ends, frees)) !== null, "there is no latest message");
}

function* end(who: Participant, ends: Ends): Program {
	ends.sent.push(END);
	note(ends, yield ["mailboxEnd", who.me, ends.mailbox]);
}

/** Waits for a message, up to the point where it would go to sleep. */
function* awaitMessage(who: Participant, ends: Ends): Program {
	const doorbell = yield ["read", doorbellOf(who)];
	yield ["announceConsumer", who.me, ends.mailbox];
	if ((yield* take(who, ends)) !== null) return;
	if ((yield ["read", ends.mailbox + QUEUE_PRODUCER]) !== 0) ends.consumer.doorbell = doorbell;
}

// ------------------------------------------------------------------------------------------------ stages

/** Envelopes of `who` with these values in them. */
function write(who: Participant, values: number[], blocks: boolean): Ends["envelopes"] {
	const { world } = who;
	return new Map(
		values.map((value) => {
			const beside = blocks ? REFERENCE_BYTES : 0;
			const envelope = who.allocate(RECORD_HEADER + beside + 4);
			world.words[(envelope + RECORD_HEADER + beside) >> 2] = value;
			const block = blocks ? who.allocate(LARGE) : 0;
			if (block !== 0) world.fill(block, LARGE, value);
			return [value, { envelope, block }];
		}),
	);
}

function makeEnds({ observer, a, b }: Stage, sender: Participant, before: Before): Ends {
	const { kept, messages = [], more = [], blocks = false, vacant } = before;
	const ends: Ends = {
		mailbox: openTo(constructMailbox(observer, NAME, kept), a, b, sender),
		envelopes: write(sender, [...messages, ...more], blocks),
		sent: [],
		received: [],
		rung: [],
		consumer: { who: b },
	};
	sender.core.attachProducer(sender.me, ends.mailbox);
	atOnce(sender, put(sender, ends, ...messages));
	if (vacant === "producer") sender.core.detachProducer(a.me, ends.mailbox);
	return ends;
}

/** Messages came in order. Each missing one was dropped because it was too old, or lost with a dead participant. */
function checkReceived({ sent, received }: Ends, kept: number, lost = 0): void {
	const indices = received.map((value) => sent.indexOf(value));
	const story = `${sent} was sent, ${received} was received`;
	expect(
		indices.every((index, i) => index > (indices[i - 1] ?? -1)),
		story,
	);
	// For each place that was skipped, one message fewer is kept, but never none.
	const last = sent.filter((value) => value !== END).slice(-Math.max(1, kept - 1));
	expect(last.filter((value) => !received.includes(value)).length <= lost, story);
	if (sent.includes(END)) expect(received.includes(END), `${story}, and the end is lost`);
}

/** Takes everything that is left, as the consumer if there is one, otherwise as the observer. */
function takeRest({ world, a, b, observer }: Stage, ends: Ends): number {
	const holder = world.words[(ends.mailbox + QUEUE_CONSUMER) >> 2] as number;
	const last = [a, b].find(({ me }) => me === holder) ?? observer;
	if (last === observer)
		expect(observer.core.attachConsumer(observer.me, ends.mailbox) >>> 0 !== TAKEN, "the end is taken");
	const before = ends.received.length;
	while (atOnce(last, take(last, ends)) !== null);
	return ends.received.slice(before).filter((value) => value !== END).length;
}

/**
 * A mailbox between `a`, the producer, and `b`, the consumer. In the end, what was received is in order, and includes
 * the newest message.
 */
function mailbox(
	name: string,
	before: Before,
	a: (who: Participant, ends: Ends) => Program,
	b: (who: Participant, ends: Ends) => Program,
	check: (ends: Ends) => void = () => {},
): Pair {
	return pair(name, (stage): Scene => {
		const { observer, world } = stage;
		const ends = makeEnds(stage, stage.a, before);
		if (before.vacant !== "consumer") stage.b.core.attachConsumer(stage.b.me, ends.mailbox);
		const early = [...ends.sent];
		return {
			a: () => a(stage.a, ends),
			b: () => b(stage.b, ends),
			reset: () => {
				ends.sent = [...early];
				ends.received = [];
				ends.rung = [];
				ends.consumer.doorbell = undefined;
			},
			check: () => {
				check(ends);
				if (ends.consumer.doorbell !== undefined && ends.sent.length > 0)
					expect(!oversleeps(ends.consumer, ends.rung), "the consumer sleeps beside a message");
				const left = takeRest(stage, ends);
				expect(left <= before.kept, `${left} are kept, of at most ${before.kept}`);
				checkReceived(ends, before.kept);
			},
			tidy: () => {
				expect(world.words[(ends.mailbox + QUEUE_PRODUCER) >> 2] === 0, "an end is taken for ever");
				expect(observer.remove(NAME) === OK, "the mailbox is lost");
			},
		};
	});
}

const ends: Pair[] = [
	mailbox("put, while another takes: empty", { kept: 2, more: [1] }, putting(1), taking(1)),
	mailbox(
		"put twice, while another takes twice",
		{ kept: 2, messages: [1], more: [2, 3] },
		putting(2, 3),
		taking(2),
	),
	mailbox(
		"put the latest, while another takes it",
		{ kept: 1, messages: [1], more: [2, 3] },
		putting(2, 3),
		takeLatest,
	),
	mailbox(
		"put the latest with a block, while another takes it",
		{ kept: 1, messages: [1], more: [2], blocks: true },
		putting(2),
		takeLatest,
	),
	mailbox(
		"put over all places, while another takes",
		{ kept: 1, messages: [1], more: [2, 3, 4, 5, 6] },
		putting(2, 3, 4, 5, 6),
		taking(2),
	),
	mailbox(
		"put over all places with blocks, while another takes",
		{ kept: 2, messages: [1, 2], more: [3, 4, 5], blocks: true },
		putting(3, 4, 5),
		taking(2),
	),
	mailbox(
		"drop, while another takes",
		{ kept: 3, messages: [1, 2, 3] },
		function* (who, { mailbox: at }) {
			const status = yield ["mailboxDrop", who.me, at];
			expect(status === OK, `dropping gave ${status}`);
		},
		taking(1),
		(seen) => {
			// The first one to come gets the oldest message, and the other the next.
			seen.sent = seen.received.includes(1) ? [1, 3] : [2, 3];
		},
	),
	mailbox(
		"drop all but the newest, while another takes",
		{ kept: 3, messages: [1, 2, 3] },
		function* (who, { mailbox: at }) {
			for (let turn = 0; turn < 3; turn++) yield ["mailboxDrop", who.me, at];
		},
		taking(1),
		(seen) => {
			// Whatever else was dropped, the newest is there.
			seen.sent = [...seen.received.filter((value) => value !== 3), 3];
		},
	),
	mailbox(
		"end, while another takes",
		{ kept: 2, messages: [1], more: [2] },
		function* (who, seen) {
			yield* put(who, seen, 2);
			yield* end(who, seen);
		},
		taking(3),
	),
	mailbox(
		"end and begin the next stream, while another takes",
		{ kept: 2, messages: [1], more: [2] },
		function* (who, seen) {
			yield* end(who, seen);
			note(seen, yield ["detachProducer", who.me, seen.mailbox]);
			note(seen, yield ["attachProducer", who.me, seen.mailbox]);
			yield* put(who, seen, 2);
		},
		taking(3),
	),
	mailbox(
		"put, while a consumer comes",
		{ kept: 1, messages: [1], more: [2], vacant: "consumer" },
		putting(2),
		function* (who, seen) {
			note(seen, yield ["attachConsumer", who.me, seen.mailbox]);
			yield* takeLatest(who, seen);
		},
	),
	mailbox("wait for a message, while another puts one", { kept: 1, more: [1] }, putting(1), awaitMessage),
	mailbox("wait for a message, while another ends a mailbox", { kept: 1 }, end, awaitMessage),
	mailbox(
		"wait for a message, while the producer leaves a mailbox",
		{ kept: 1 },
		function* (who, seen) {
			note(seen, yield ["detachProducer", who.me, seen.mailbox]);
		},
		awaitMessage,
		(seen) => expect(!oversleeps(seen.consumer, seen.rung), "it sleeps, and nobody will send"),
	),
];

/** One side's participant has died in the middle of something; `a` recovers from it, while `b` has the other side. */
const recovering: Pair[] = [
	...dead(
		"putting the latest, while another takes",
		[8, 10, 12, 13, 14, 15, 16, 17, 18, 20, 22],
		(stage, victim) => {
			const { b, observer } = stage;
			const before = { kept: 1, messages: [1], more: [2], blocks: true };
			const seen = makeEnds(stage, victim, before);
			b.core.attachConsumer(b.me, seen.mailbox);
			return {
				dying: () => atOnce(victim, put(victim, seen, 2)),
				// Freeing would only add to what the recovery meets.
				living: (who) => takeLatest(who, seen, false),
				reset: () => {
					seen.sent = [1, 2];
					seen.received = [];
				},
				check: () => {
					expect(takeRest(stage, seen) <= 1, "more are kept than are to be");
					// It may not have been put.
					if (!seen.received.includes(2)) seen.sent = [1];
					checkReceived(seen, 1);
				},
				tidy: () => expect(observer.remove(NAME) === OK, "the mailbox is lost"),
			};
		},
	),
	...dead("taking, while another puts over all places", [5, 6, 7, 8, 9, 10, 11, 12, 13], (stage, victim) => {
		const { b, observer } = stage;
		const more = [3, 4, 5, 6];
		const seen = makeEnds(stage, b, { kept: 2, messages: [1, 2], more });
		victim.use(seen.mailbox);
		victim.core.attachConsumer(victim.me, seen.mailbox);
		return {
			dying: () => void victim.core.mailboxTake(victim.me, seen.mailbox),
			living: (who) => put(who, seen, ...more),
			reset: () => {
				seen.sent = [1, 2];
				seen.received = [];
			},
			check: () => {
				expect(takeRest(stage, seen) <= 2, "more are kept than are to be");
				checkReceived(seen, 2);
			},
			tidy: () => expect(observer.remove(NAME) === OK, "the mailbox is lost"),
		};
	}),
	...dead("dropping, while another takes", [2, 3, 4, 5, 6, 7], (stage, victim) => {
		const { b, observer } = stage;
		const seen = makeEnds(stage, victim, { kept: 2, messages: [1, 2] });
		b.core.attachConsumer(b.me, seen.mailbox);
		return {
			dying: () => void victim.core.mailboxDrop(victim.me, seen.mailbox),
			living: (who) => takeLatest(who, seen, false),
			reset: () => {
				seen.received = [];
			},
			check: () => {
				takeRest(stage, seen);
				checkReceived(seen, 1);
			},
			tidy: () => expect(observer.remove(NAME) === OK, "the mailbox is lost"),
		};
	}),
];

export const mailboxes: Pair[] = [...ends, ...recovering];
