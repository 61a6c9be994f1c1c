/** The two ends of a queue against one another, and against those who take them over. */
import {
	EMPTY,
	ENDED,
	KIND_QUEUE,
	NO_ROOM,
	OK,
	QUEUE_CONSUMER,
	QUEUE_HEAD,
	QUEUE_PRODUCER,
	QUEUE_TAIL,
	RECORD_LARGE,
	REFERENCE_BYTES,
	SLOT_RESULT,
	SLOT_RESULT_2,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Participant } from "../../allocator/world.js";
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

/** The smallest ring: three messages of 8 bytes fill it. */
const CAPACITY = 64;
/** A class with few blocks to a span. */
const LARGE = 30_000;
const NAME = "queue";

/** What happened in one schedule. */
interface Seen {
	/** What went in, and what came out, in order. */
	sent: number[];
	received: number[];
	/** Doorbells that a call gave to be woken. */
	rung: number[];
	producer: Sleeper;
	consumer: Sleeper;
	ended: boolean;
	/** Who got an end that both wanted. */
	winners: number[];
}

/** A queue, and where it is in its life before the two begin. */
interface Before {
	/** Position that it has got to. */
	position?: number;
	/** Messages in it. */
	messages?: number[];
	/** How many of them the consumer holds. */
	held?: number;
	/** Bytes of each message. */
	bytes?: number;
	/** Who has no end yet. */
	vacant?: "producer" | "consumer" | "both";
	/** The producer has a block to send. */
	block?: boolean;
}

interface Ends {
	queue: number;
	bytes: number;
	seen: Seen;
	/** Positions of the messages that the consumer holds. */
	held: number[];
	/** The producer's block, 0 if it has none. */
	block: number;
}

// ---------------------------------------------------------------------------------------------- programs

function note(seen: Seen, result: number): void {
	if (result >= STATUS_LIMIT) seen.rung.push(result);
	else expect(result === OK, `it gave ${result}`);
}

/** Sends a message, if there is room; whether there was. */
function* send(
	who: Participant,
	{ queue, bytes, seen }: Ends,
	value: number,
	publish = true,
): Generator<Call, boolean, number> {
	const payload = yield ["reserve", who.me, queue, bytes];
	if (payload === NO_ROOM) return false;
	expect(payload >= STATUS_LIMIT, `reserving gave ${payload}`);
	yield ["write", payload, value];
	yield ["write", payload + bytes - 4, value];
	note(seen, yield [publish ? "commit" : "stage", who.me, queue, bytes]);
	seen.sent.push(value);
	return true;
}

/** Sends a block that is filled with `value`. */
function* sendBlock(
	who: Participant,
	{ queue, seen, block }: Ends,
	value: number,
): Generator<Call, boolean, number> {
	const payload = yield ["reserve", who.me, queue, REFERENCE_BYTES];
	if (payload === NO_ROOM) return false;
	yield ["fill", block, LARGE, value];
	note(seen, yield ["commitBlock", who.me, queue, REFERENCE_BYTES, 1, block, LARGE]);
	seen.sent.push(value);
	return true;
}

/** Looks for a message; its position, or the status that there is none. */
function* look(who: Participant, { queue, bytes, seen }: Ends): Generator<Call, number | null, number> {
	const payload = yield ["peek", who.me, queue];
	if (payload === ENDED) {
		expect(!seen.ended, "the stream ends twice");
		seen.ended = true;
		note(seen, who.result(SLOT_RESULT));
		return null;
	}
	if (payload === EMPTY) return null;
	expect(payload >= STATUS_LIMIT, `receiving gave ${payload}`);
	const position = who.result(SLOT_RESULT);
	if (who.result(SLOT_RESULT_3) === RECORD_LARGE) {
		const block = who.result(SLOT_RESULT_4);
		const value = who.world.bytes[block] as number;
		expect((yield ["filled", block, LARGE, value]) === 1, "half a block came");
		seen.received.push(value);
	} else {
		expect(who.result(SLOT_RESULT_2) === bytes, "a message has another length");
		const value = yield ["read", payload];
		expect((yield ["read", payload + bytes - 4]) === value, "half a message came");
		seen.received.push(value);
	}
	return position;
}

/** Receives what there is, up to so many messages, and releases each. */
function* receive(who: Participant, ends: Ends, most: number, take = false): Program {
	for (let turn = 0; turn < most; turn++) {
		const position = yield* look(who, ends);
		if (position === null) return;
		const isBlock = who.result(SLOT_RESULT_3) === RECORD_LARGE;
		const block = who.result(SLOT_RESULT_4);
		note(ends.seen, yield ["release", who.me, ends.queue, position, take && isBlock ? 1 : 0]);
		if (take && isBlock) expect((yield ["free", who.me, block]) === OK, "what was taken is not its own");
	}
}

/** Receives what there is, up to so many messages, and releases all at once. */
function* receiveAtOnce(who: Participant, ends: Ends, most: number): Program {
	const held: number[] = [];
	while (held.length < most) {
		const position = yield* look(who, ends);
		if (position === null) break;
		held.push(position);
	}
	yield* releaseThrough(who, ends, held);
}

function* releaseThrough(who: Participant, { queue, seen }: Ends, held: readonly number[]): Program {
	const [first, last] = [held[0], held.at(-1)];
	if (first === undefined || last === undefined) return;
	note(seen, yield ["releaseThrough", who.me, queue, first, last]);
}

/** Waits for a message, up to where it would go to sleep. */
function* awaitMessage(who: Participant, ends: Ends): Program {
	// The doorbell first: a ring after the announcement takes the announcement away, and must be seen.
	const doorbell = yield ["read", doorbellOf(who)];
	yield ["announceConsumer", who.me, ends.queue];
	const position = yield* look(who, ends);
	if (position !== null) note(ends.seen, yield ["release", who.me, ends.queue, position, 0]);
	else if (!ends.seen.ended && (yield ["read", ends.queue + QUEUE_PRODUCER]) !== 0)
		ends.seen.consumer.doorbell = doorbell;
}

/** Waits for room, up to where it would go to sleep. */
function* awaitRoom(who: Participant, ends: Ends, value: number): Program {
	const doorbell = yield ["read", doorbellOf(who)];
	yield ["announceProducer", who.me, ends.queue];
	if (yield* send(who, ends, value)) return;
	if ((yield ["read", ends.queue + QUEUE_CONSUMER]) !== 0) ends.seen.producer.doorbell = doorbell;
}

// ------------------------------------------------------------------------------------------------ stages

/**
 * A queue between `a`, who sends, and `b`, who receives. In the end what came out is what went in, in order, whoever
 * received it; and nobody sleeps for ever.
 */
function queue(
	name: string,
	before: Before,
	a: (who: Participant, ends: Ends, stage: Stage) => Program,
	b: (who: Participant, ends: Ends, stage: Stage) => Program,
	check: (ends: Ends, stage: Stage) => void = () => {},
): Pair {
	return pair(name, (stage): Scene => {
		const { world, observer } = stage;
		const { position = 0, messages = [], held = 0, bytes = 8, vacant } = before;
		const made = observer.construct(NAME, KIND_QUEUE, { capacity: CAPACITY });
		const at = openTo(made, stage.a, stage.b);
		world.words[(at + QUEUE_TAIL) >> 2] = position;
		world.words[(at + QUEUE_HEAD) >> 2] = position;
		const seen: Seen = {
			sent: [],
			received: [],
			rung: [],
			producer: { who: stage.a },
			consumer: { who: stage.b },
			ended: false,
			winners: [],
		};
		const ends: Ends = {
			queue: at,
			bytes,
			seen,
			held: [],
			block: before.block ? stage.a.allocate(LARGE) : 0,
		};
		stage.a.core.attachProducer(stage.a.me, at);
		stage.b.core.attachConsumer(stage.b.me, at);
		for (const message of messages) atOnce(stage.a, send(stage.a, ends, message));
		for (let i = 0; i < held; i++) ends.held.push(atOnce(stage.b, look(stage.b, ends)) as number);
		const early = { sent: [...seen.sent], received: [...seen.received] };
		if (vacant === "producer" || vacant === "both") stage.a.core.detachProducer(stage.a.me, at);
		if (vacant === "consumer" || vacant === "both") stage.b.core.detachConsumer(stage.b.me, at);
		const detached = early.received.length > 0 && vacant !== undefined && vacant !== "producer";
		return {
			a: () => a(stage.a, ends, stage),
			b: () => b(stage.b, ends, stage),
			reset: () => {
				seen.sent = [...early.sent];
				// What the consumer before held comes again.
				seen.received = detached ? [] : [...early.received];
				seen.rung = [];
				seen.producer.doorbell = undefined;
				seen.consumer.doorbell = undefined;
				seen.ended = false;
				seen.winners = [];
			},
			check: () => {
				check(ends, stage);
				const { sent, received } = seen;
				if (seen.consumer.doorbell !== undefined && sent.length > received.length)
					expect(!oversleeps(seen.consumer, seen.rung), "the consumer sleeps beside a message");
				if (seen.producer.doorbell !== undefined && world.words[(at + QUEUE_HEAD) >> 2] !== position)
					expect(!oversleeps(seen.producer, seen.rung), "the producer sleeps beside free room");
				const holder = world.words[(at + QUEUE_CONSUMER) >> 2] as number;
				const last = [stage.a, stage.b].find(({ me }) => me === holder) ?? observer;
				if (last === observer) expect(observer.core.attachConsumer(observer.me, at) >>> 0 !== TAKEN, "taken");
				while (atOnce(last, look(last, ends)) !== null);
				expect(sent.join() === received.join(), `${sent} was sent, ${received} was received`);
			},
			tidy: () => {
				expect(world.words[(at + QUEUE_PRODUCER) >> 2] === 0, "an end is taken for ever");
				expect(observer.remove(NAME) === OK, "the queue is lost");
			},
		};
	});
}

/** Positions where a message of 16 bytes needs padding; the second also runs over 2^32. */
const NEAR_END = CAPACITY - 16;
const NEAR_WRAP = 2 ** 32 - 16;

const sending = (...values: number[]) =>
	function* (who: Participant, ends: Ends): Program {
		for (const value of values) yield* send(who, ends, value);
	};

function* sendingBlock(who: Participant, ends: Ends): Program {
	yield* sendBlock(who, ends, 7);
}

const receiving = (most: number) => (who: Participant, ends: Ends) => receive(who, ends, most);

export const queues: Pair[] = [
	queue("send, while another receives: empty", {}, sending(1), receiving(1)),
	queue("send twice, while another receives twice: empty", {}, sending(1, 2), receiving(2)),
	queue("send, while another receives: one free place", { messages: [1, 2] }, sending(3, 4), receiving(2)),
	queue("send, while another receives: full", { messages: [1, 2, 3] }, sending(4, 5), receiving(2)),
	queue(
		"send with padding, while another receives",
		{ position: NEAR_END, bytes: 16 },
		sending(1, 2),
		receiving(2),
	),
	queue(
		"send with padding over 2^32, while another receives",
		{ position: NEAR_WRAP, bytes: 16 },
		sending(1, 2),
		receiving(2),
	),
	queue(
		"send into a full ring over 2^32, while another receives",
		{ position: 2 ** 32 - 32, messages: [1, 2, 3] },
		sending(4, 5),
		receiving(3),
	),
	queue("send a block, while another receives and releases", { block: true }, sendingBlock, receiving(1)),
	queue("send a block, while another receives and takes", { block: true }, sendingBlock, (who, ends) =>
		receive(who, ends, 1, true),
	),
	queue(
		"send a block behind others, while another receives",
		{ block: true, messages: [1], position: NEAR_END, bytes: 16 },
		sendingBlock,
		receiving(2),
	),
	queue(
		"stage two and publish, while another receives",
		{},
		function* (who, ends) {
			yield* send(who, ends, 1, false);
			yield* send(who, ends, 2, false);
			note(ends.seen, yield ["publish", who.me, ends.queue, 2]);
		},
		receiving(2),
		({ seen }) => expect(seen.received.length !== 1, "half of a publication came"),
	),
	queue(
		"release out of order, while another sends",
		{ messages: [1, 2, 3], held: 3 },
		sending(4, 5),
		function* (who, ends) {
			for (const index of [1, 2, 0]) {
				const position = ends.held[index] as number;
				note(ends.seen, yield ["release", who.me, ends.queue, position, 0]);
			}
			yield* receive(who, ends, 1);
		},
	),
	queue(
		"send, while another releases at once",
		{ messages: [1, 2, 3], held: 3 },
		sending(4, 5),
		function* (who, ends) {
			yield* releaseThrough(who, ends, ends.held);
			yield* receive(who, ends, 1);
		},
		({ queue }, { world }) =>
			expect((world.words[(queue + QUEUE_HEAD) >> 2] as number) >= 3 * 16, "their room is not free"),
	),
	queue(
		"send, while another releases at once what it does not hold all of",
		{ messages: [1, 2, 3], held: 2 },
		sending(4, 5),
		function* (who, ends) {
			yield* releaseThrough(who, ends, ends.held);
			yield* receive(who, ends, 2);
		},
	),
	queue(
		"send, while another releases at once behind what it holds",
		{ messages: [1, 2, 3], held: 3, position: 2 ** 32 - 32 },
		sending(4, 5),
		function* (who, ends) {
			const [first, ...others] = ends.held;
			yield* releaseThrough(who, ends, others);
			expect(
				(yield ["read", ends.queue + QUEUE_HEAD]) === first,
				"the room of a message that is held is free",
			);
			note(ends.seen, yield ["release", who.me, ends.queue, first as number, 0]);
			yield* receive(who, ends, 1);
		},
	),
	queue(
		"send with padding over 2^32, while another receives and releases at once",
		{ position: NEAR_WRAP, bytes: 16 },
		sending(1, 2),
		(who, ends) => receiveAtOnce(who, ends, 2),
	),
	queue(
		"send a block behind others, while another receives and releases at once",
		{ block: true, messages: [1], position: NEAR_END, bytes: 16 },
		sendingBlock,
		(who, ends) => receiveAtOnce(who, ends, 2),
	),
	queue(
		"end, while another receives",
		{},
		function* (who, ends) {
			yield* send(who, ends, 1);
			note(ends.seen, yield ["end", who.me, ends.queue]);
		},
		receiving(3),
		(ends, stage) => {
			while (!ends.seen.ended) {
				const position = atOnce(stage.b, look(stage.b, ends));
				expect(position !== null || ends.seen.ended, "the end is lost");
			}
		},
	),
	queue(
		"end a full ring, while another receives",
		{ messages: [1, 2, 3] },
		function* (who, ends) {
			note(ends.seen, yield ["end", who.me, ends.queue]);
		},
		receiving(4),
	),
	queue(
		"send and leave, while another receives",
		{},
		function* (who, ends) {
			yield* send(who, ends, 1);
			yield* send(who, ends, 2, false);
			ends.seen.sent.pop();
			note(ends.seen, yield ["detachProducer", who.me, ends.queue]);
		},
		receiving(2),
	),
	queue("send, while the consumer leaves", { messages: [1, 2] }, sending(3, 4), function* (who, ends) {
		yield* receive(who, ends, 1);
		note(ends.seen, yield ["detachConsumer", who.me, ends.queue]);
	}),
	queue(
		"send, while a consumer comes",
		{ messages: [1, 2], held: 2, vacant: "consumer" },
		sending(3, 4),
		function* (who, ends) {
			note(ends.seen, yield ["attachConsumer", who.me, ends.queue]);
			yield* receive(who, ends, 2);
		},
	),
	queue(
		"come as producer, while a consumer comes",
		{ messages: [1], vacant: "both" },
		function* (who, ends) {
			note(ends.seen, yield ["attachProducer", who.me, ends.queue]);
			yield* send(who, ends, 2);
		},
		function* (who, ends) {
			note(ends.seen, yield ["attachConsumer", who.me, ends.queue]);
			yield* receive(who, ends, 2);
		},
	),
	contest("come as consumer, both", "attachConsumer"),
	contest("come as producer, both", "attachProducer"),
	queue(
		"leave as consumer, while another comes as one",
		{ messages: [1, 2], vacant: "producer" },
		function* (who, ends) {
			const result = yield ["attachConsumer", who.me, ends.queue];
			if (result === TAKEN) return;
			note(ends.seen, result);
			yield* receive(who, ends, 2);
		},
		function* (who, ends) {
			yield* receive(who, ends, 1);
			note(ends.seen, yield ["detachConsumer", who.me, ends.queue]);
		},
	),
	queue("wait for a message, while another sends", {}, sending(1), awaitMessage),
	queue(
		"wait for a message, while another stages and publishes",
		{},
		function* (who, ends) {
			yield* send(who, ends, 1, false);
			note(ends.seen, yield ["publish", who.me, ends.queue, 1]);
		},
		awaitMessage,
	),
	queue(
		"wait for a message, while another ends",
		{},
		function* (who, ends) {
			note(ends.seen, yield ["end", who.me, ends.queue]);
		},
		awaitMessage,
		({ seen }) => expect(seen.ended || !oversleeps(seen.consumer, seen.rung), "it sleeps after the end"),
	),
	queue(
		"wait for a message, while the producer leaves",
		{},
		function* (who, ends) {
			note(ends.seen, yield ["detachProducer", who.me, ends.queue]);
		},
		awaitMessage,
		({ seen }) => expect(!oversleeps(seen.consumer, seen.rung), "it sleeps, and nobody will send"),
	),
	queue(
		"wait for room, while another receives",
		{ messages: [1, 2, 3] },
		(who, ends) => awaitRoom(who, ends, 4),
		receiving(1),
	),
	queue(
		"wait for room, while another releases out of order",
		{ messages: [1, 2, 3], held: 3 },
		(who, ends) => awaitRoom(who, ends, 4),
		function* (who, ends) {
			for (const index of [1, 0]) {
				note(ends.seen, yield ["release", who.me, ends.queue, ends.held[index] as number, 0]);
			}
		},
	),
	queue(
		"wait for room, while another releases at once",
		{ messages: [1, 2, 3], held: 2 },
		(who, ends) => awaitRoom(who, ends, 4),
		(who, ends) => releaseThrough(who, ends, ends.held),
	),
	queue(
		"wait for room, while the consumer leaves",
		{ messages: [1, 2, 3] },
		(who, ends) => awaitRoom(who, ends, 4),
		function* (who, ends) {
			note(ends.seen, yield ["detachConsumer", who.me, ends.queue]);
		},
		({ seen }) => expect(!oversleeps(seen.producer, seen.rung), "it sleeps, and nobody receives"),
	),
	queue(
		"wait for room, while another waits for a message",
		{ messages: [1, 2, 3] },
		(who, ends) => awaitRoom(who, ends, 4),
		function* (who, ends) {
			yield* awaitMessage(who, ends);
			yield* awaitMessage(who, ends);
		},
	),
];

/** Both want the same end: exactly one gets it. */
function contest(name: string, attach: "attachConsumer" | "attachProducer"): Pair {
	const wanting = function* (who: Participant, ends: Ends): Program {
		const result = yield [attach, who.me, ends.queue];
		if (result === TAKEN) return;
		note(ends.seen, result);
		ends.seen.winners.push(who.me);
		if (attach === "attachConsumer") yield* receive(who, ends, 1);
		else yield* send(who, ends, 3);
	};
	return queue(name, { messages: [1, 2], vacant: "both" }, wanting, wanting, ({ seen }) => {
		expect(seen.winners.length === 1, `${seen.winners.length} of the two got it`);
	});
}
