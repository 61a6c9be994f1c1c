/** What the pairs at queues do (send, receive, wait), and what is checked. */
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
	RECORD_HEADER,
	RECORD_LARGE,
	REFERENCE_BYTES,
	SLOT_RESULT,
	SLOT_RESULT_2,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
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

/** The smallest ring: three messages of 8 bytes fill it. */
export const CAPACITY = 64;

/** A size class with few blocks in a span. */
const LARGE = 30_000;

const NAME = "queue";

/** What happened in one schedule. */
interface Seen {
	/** What was sent, and what was received, in order. */
	sent: number[];
	received: number[];
	/** The doorbells that calls returned, to be rung. */
	rung: number[];
	producer: Sleeper;
	consumer: Sleeper;
	ended: boolean;
	/** The participant that got the endpoint that both wanted. */
	winners: number[];
}

/** A queue, and its state before the two begin. */
interface Before {
	/** The position that it has reached. */
	position?: number;
	/** The number of messages in it. */
	messages?: number[];
	/** The number of messages that the consumer holds. */
	held?: number;
	/** The length of each message in bytes. */
	bytes?: number;
	/** The side that has no participant yet. */
	vacant?: "producer" | "consumer" | "both";
	/** True if the producer has a block to send. */
	block?: boolean;
}

export interface Ends {
	queue: number;
	bytes: number;
	seen: Seen;
	/** Positions of the messages that the consumer holds. */
	held: number[];
	/** The producer's block, 0 if it has none. */
	block: number;
}

export function note(seen: Seen, result: number): void {
	if (result >= STATUS_LIMIT) seen.rung.push(result);
	else expect(result === OK, `it gave ${result}`);
}

/** Sends a message. Returns whether there was room. */
export function* send(
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
export function* sendBlock(
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

/** Receives a message. Returns its position, or the status that there is none. */
export function* look(
	who: Participant,
	{ queue, bytes, seen }: Ends,
): Generator<Call, number | null, number> {
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

/** Receives what is there, at most this many messages, and releases each. */
export function* receive(who: Participant, ends: Ends, most: number, take = false): Program {
	for (let turn = 0; turn < most; turn++) {
		const position = yield* look(who, ends);
		if (position === null) return;
		const isBlock = who.result(SLOT_RESULT_3) === RECORD_LARGE;
		const block = who.result(SLOT_RESULT_4);
		note(ends.seen, yield ["release", who.me, ends.queue, position, take && isBlock ? 1 : 0]);
		if (take && isBlock) expect((yield ["free", who.me, block]) === OK, "what was taken is not its own");
	}
}

/** Sends several messages by one reservation, as many as there is room for. */
export function* sendMany(
	who: Participant,
	{ queue, bytes, seen }: Ends,
	values: readonly number[],
): Program {
	const payload = yield ["reserveMany", who.me, queue, bytes, values.length];
	if (payload === NO_ROOM) return;
	expect(payload >= STATUS_LIMIT, `reserving many gave ${payload}`);
	const sent = values.slice(0, who.result());
	for (const [index, value] of sent.entries()) {
		const at = payload + index * (RECORD_HEADER + bytes);
		yield ["write", at, value];
		yield ["write", at + bytes - 4, value];
	}
	note(seen, yield ["commitMany", who.me, queue, sent.length]);
	seen.sent.push(...sent);
}

/** Receives what is there by one call, at most this many messages, and releases all of them at once. */
export function* receiveMany(who: Participant, ends: Ends, most: number): Program {
	const { queue, bytes, seen } = ends;
	const out = who.lend(new Uint8Array(0));
	const status = yield ["peekMany", who.me, queue, most, out];
	if (status === EMPTY) return;
	expect(status === OK, `receiving many gave ${status}`);
	const words = new Uint32Array(who.world.memory.buffer, out, 3 * who.result()).slice();
	const held: number[] = [];
	for (let index = 0; index < words.length; index += 3) {
		const [position = 0, at = 0, length = 0] = words.subarray(index);
		expect(length === bytes, "a message has another length");
		const value = yield ["read", at];
		expect((yield ["read", at + bytes - 4]) === value, "half a message came");
		seen.received.push(value);
		held.push(position);
	}
	yield* releaseThrough(who, ends, held);
}

/** Receives what is there, at most this many messages, and releases all of them at once. */
export function* receiveAtOnce(who: Participant, ends: Ends, most: number): Program {
	const held: number[] = [];
	while (held.length < most) {
		const position = yield* look(who, ends);
		if (position === null) break;
		held.push(position);
	}
	yield* releaseThrough(who, ends, held);
}

export function* releaseThrough(who: Participant, { queue, seen }: Ends, held: readonly number[]): Program {
	const [first, last] = [held[0], held.at(-1)];
	if (first === undefined || last === undefined) return;
	note(seen, yield ["releaseThrough", who.me, queue, first, last]);
}

/** Waits for a message, up to the point where it would go to sleep. */
export function* awaitMessage(who: Participant, ends: Ends): Program {
	// The doorbell is read first: a ring after the announcement clears the announcement, and must be noticed.
	const doorbell = yield ["read", doorbellOf(who)];
	yield ["announceConsumer", who.me, ends.queue];
	const position = yield* look(who, ends);
	if (position !== null) note(ends.seen, yield ["release", who.me, ends.queue, position, 0]);
	else if (!ends.seen.ended && (yield ["read", ends.queue + QUEUE_PRODUCER]) !== 0)
		ends.seen.consumer.doorbell = doorbell;
}

/** Waits for room, up to the point where it would go to sleep. */
export function* awaitRoom(who: Participant, ends: Ends, value: number): Program {
	const doorbell = yield ["read", doorbellOf(who)];
	yield ["announceProducer", who.me, ends.queue];
	if (yield* send(who, ends, value)) return;
	if ((yield ["read", ends.queue + QUEUE_CONSUMER]) !== 0) ends.seen.producer.doorbell = doorbell;
}

/**
 * A queue between `a`, the producer, and `b`, the consumer. In the end everything that was sent was received, in
 * order, by whichever consumer, and nobody sleeps forever.
 */
export function queue(
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
				// What the previous consumer held is delivered again.
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
