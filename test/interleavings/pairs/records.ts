/** The endpoints of a queue of numbers, with each other. */
import {
	EMPTY,
	ENDED,
	KIND_RECORDS,
	NO_ROOM,
	OBJECT_CAPACITY,
	OBJECT_DATA,
	OK,
	QUEUE_CONSUMER,
	QUEUE_HEAD,
	QUEUE_PRODUCER,
	QUEUE_TAIL,
	SLOT_RESULT,
	SLOT_RESULT_2,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { atOnce, doorbellOf, expect, openTo, oversleeps, pair, type Scene, type Sleeper } from "../stage.js";
import type { Call, Program } from "../stepper.js";

/** The number of records, of 4 bytes here, that the ring has room for. */
const CAPACITY = 4;
const NAME = "numbers";

interface Ends {
	queue: number;
	ring: number;
	pushed: number[];
	popped: number[];
	rung: number[];
	producer: Sleeper;
	consumer: Sleeper;
	/** The number of streams that ended, as the producer and as the consumer saw it. */
	ends: number;
	ended: number;
}

function note(ends: Ends, result: number): void {
	if (result >= STATUS_LIMIT) ends.rung.push(result);
	else expect(result === OK, `it gave ${result}`);
}

/** Pushes as many of the values as there is room for, and returns how many. */
function* push(who: Participant, ends: Ends, ...values: number[]): Generator<Call, number, number> {
	const status = yield ["recordsRoom", who.me, ends.queue];
	if (status === NO_ROOM) return 0;
	expect(status === OK, `looking for room gave ${status}`);
	const [room, position] = [who.result(SLOT_RESULT), who.result(SLOT_RESULT_2)];
	const count = Math.min(room, values.length);
	for (let i = 0; i < count; i++)
		yield ["write", ends.ring + (((position + i) >>> 0) % CAPACITY) * 4, values[i] as number];
	note(ends, yield ["recordsPublish", who.me, ends.queue, count]);
	ends.pushed.push(...values.slice(0, count));
	return count;
}

/** Pops what is there, and returns how many; null if the stream has ended. */
function* pop(who: Participant, ends: Ends, most = CAPACITY): Generator<Call, number | null, number> {
	const status = yield ["recordsAvailable", who.me, ends.queue];
	if (status === EMPTY) return 0;
	if (status === ENDED) {
		ends.ended++;
		note(ends, who.result(SLOT_RESULT));
		return null;
	}
	expect(status === OK, `looking for numbers gave ${status}`);
	const [available, position] = [who.result(SLOT_RESULT), who.result(SLOT_RESULT_2)];
	const count = Math.min(available, most);
	for (let i = 0; i < count; i++)
		ends.popped.push(yield ["read", ends.ring + (((position + i) >>> 0) % CAPACITY) * 4]);
	note(ends, yield ["recordsRelease", who.me, ends.queue, count]);
	return count;
}

function* awaitNumbers(who: Participant, ends: Ends): Program {
	const doorbell = yield ["read", doorbellOf(who)];
	yield ["announceConsumer", who.me, ends.queue];
	const count = yield* pop(who, ends);
	if (count === 0 && (yield ["read", ends.queue + QUEUE_PRODUCER]) !== 0) ends.consumer.doorbell = doorbell;
}

/** The order in which a waiter does its steps. */
export type Order = "reads its doorbell first" | "announces first" | "looks first";

function* awaitRoom(
	who: Participant,
	ends: Ends,
	value: number,
	order: Order = "reads its doorbell first",
): Program {
	if (order === "announces first") yield ["announceProducer", who.me, ends.queue];
	if (order === "looks first" && (yield* push(who, ends, value)) > 0) return;
	const doorbell = yield ["read", doorbellOf(who)];
	if (order !== "announces first") yield ["announceProducer", who.me, ends.queue];
	if (order !== "looks first" && (yield* push(who, ends, value)) > 0) return;
	if ((yield ["read", ends.queue + QUEUE_CONSUMER]) !== 0) ends.producer.doorbell = doorbell;
}

function* end(who: Participant, ends: Ends): Generator<Call, boolean, number> {
	const result = yield ["recordsEnd", who.me, ends.queue];
	if (result === NO_ROOM) return false;
	note(ends, result);
	ends.ends++;
	return true;
}

function numbers(
	name: string,
	before: { position?: number; pushed?: number[]; ended?: boolean },
	a: (who: Participant, ends: Ends) => Program,
	b: (who: Participant, ends: Ends) => Program,
	check: (ends: Ends) => void = () => {},
): Pair {
	return pair(name, (stage): Scene => {
		const { world, observer } = stage;
		const { position = 0, pushed = [] } = before;
		const made = observer.construct(NAME, KIND_RECORDS, { capacity: CAPACITY });
		const at = openTo(made, stage.a, stage.b);
		const word = (field: number) => world.words[(at + field) >> 2] as number;
		expect(word(OBJECT_CAPACITY) === CAPACITY, "another capacity");
		world.words[(at + QUEUE_TAIL) >> 2] = position;
		world.words[(at + QUEUE_HEAD) >> 2] = position;
		const ends: Ends = {
			queue: at,
			ring: word(OBJECT_DATA),
			pushed: [],
			popped: [],
			rung: [],
			producer: { who: stage.a },
			consumer: { who: stage.b },
			ends: 0,
			ended: 0,
		};
		stage.a.core.attachProducer(stage.a.me, at);
		stage.b.core.attachConsumer(stage.b.me, at);
		if (pushed.length > 0) atOnce(stage.a, push(stage.a, ends, ...pushed));
		if (before.ended) {
			atOnce(stage.a, end(stage.a, ends));
			stage.a.core.detachProducer(stage.a.me, at);
			stage.a.core.attachProducer(stage.a.me, at);
		}
		const streams = ends.ends;
		return {
			a: () => a(stage.a, ends),
			b: () => b(stage.b, ends),
			reset: () => {
				ends.pushed = [...pushed];
				ends.popped = [];
				ends.rung = [];
				ends.producer.doorbell = undefined;
				ends.consumer.doorbell = undefined;
				ends.ends = streams;
				ends.ended = 0;
			},
			check: () => {
				check(ends);
				const { consumer, producer, rung } = ends;
				if (ends.pushed.length > ends.popped.length || ends.ends > ends.ended)
					expect(!oversleeps(consumer, rung), "the consumer sleeps, and there is something");
				if (word(QUEUE_HEAD) !== position || ends.ended > 0)
					expect(!oversleeps(producer, rung), "the producer sleeps, and there is room");
				const holder = word(QUEUE_CONSUMER);
				const last = [stage.a, stage.b].find(({ me }) => me === holder) ?? observer;
				if (last === observer) expect(observer.core.attachConsumer(observer.me, at) >>> 0 !== TAKEN, "taken");
				while (atOnce(last, pop(last, ends)) !== 0);
				expect(ends.pushed.join() === ends.popped.join(), `pushed ${ends.pushed}, popped ${ends.popped}`);
				expect(ends.ends === ends.ended, `${ends.ends} streams ended, ${ends.ended} were seen to`);
			},
			tidy: () => expect(observer.remove(NAME) === OK, "the queue is lost"),
		};
	});
}

const pushing = (...values: number[]) =>
	function* (who: Participant, ends: Ends): Program {
		for (const value of values) yield* push(who, ends, value);
	};

const popping = (turns: number, most = CAPACITY) =>
	function* (who: Participant, ends: Ends): Program {
		for (let turn = 0; turn < turns; turn++) yield* pop(who, ends, most);
	};

export const records: Pair[] = [
	numbers("push a number, while another pops: empty", {}, pushing(1), popping(1)),
	numbers(
		"push numbers, while another pops them one by one",
		{ pushed: [1, 2, 3] },
		pushing(4, 5),
		popping(3, 1),
	),
	numbers("push numbers, while another pops: full", { pushed: [1, 2, 3, 4] }, pushing(5, 6), popping(2)),
	numbers(
		"push a batch over 2^32, while another pops",
		{ position: 2 ** 32 - 2, pushed: [1] },
		function* (who, ends) {
			yield* push(who, ends, 2, 3, 4, 5);
		},
		popping(2),
	),
	numbers(
		"push and end, while another pops",
		{},
		function* (who, ends) {
			yield* push(who, ends, 1);
			yield* end(who, ends);
		},
		popping(3),
	),
	numbers(
		"begin the next stream, while another comes to the end of the last",
		{ pushed: [1], ended: true },
		function* (who, ends) {
			yield* push(who, ends, 2);
			yield* end(who, ends);
		},
		popping(3),
	),
	numbers("push, while the consumer leaves", { pushed: [1, 2, 3] }, pushing(4, 5), function* (who, ends) {
		yield* pop(who, ends, 1);
		note(ends, yield ["detachConsumer", who.me, ends.queue]);
	}),
	numbers(
		"push and leave, while another pops",
		{},
		function* (who, ends) {
			yield* push(who, ends, 1);
			note(ends, yield ["detachProducer", who.me, ends.queue]);
		},
		popping(2),
	),
	numbers("wait for a number, while another pushes", {}, pushing(1), awaitNumbers),
	numbers(
		"wait for a number, while another ends",
		{},
		function* (who, ends) {
			yield* end(who, ends);
		},
		awaitNumbers,
	),
	numbers(
		"wait for a number, while the producer leaves",
		{},
		function* (who, ends) {
			note(ends, yield ["detachProducer", who.me, ends.queue]);
		},
		awaitNumbers,
		({ consumer, rung }) => expect(!oversleeps(consumer, rung), "it sleeps, and nobody will push"),
	),
	...waits("reads its doorbell first"),
];

/** In any other order it may sleep forever. */
export function waits(order: Order): Pair[] {
	return [
		numbers(
			"wait for room, while another pops",
			{ pushed: [1, 2, 3, 4] },
			(who, ends) => awaitRoom(who, ends, 5, order),
			popping(1, 1),
		),
		numbers(
			"wait for the end to be seen, while another comes to it",
			{ pushed: [1], ended: true },
			(who, ends) => awaitRoom(who, ends, 2, order),
			popping(2),
		),
	];
}
