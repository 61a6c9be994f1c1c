/** Two participants at the endpoints of a queue. */
import { QUEUE_HEAD, TAKEN } from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { atOnce, expect, oversleeps } from "../stage.js";
import type { Program } from "../stepper.js";
import {
	awaitMessage,
	awaitRoom,
	CAPACITY,
	type Ends,
	look,
	note,
	queue,
	receive,
	receiveAtOnce,
	receiveMany,
	releaseThrough,
	send,
	sendBlock,
	sendMany,
} from "./queue-stage.js";

/** Positions where a message of 16 bytes needs padding; at the second, positions also pass 2^32. */
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
		"send two at once, while another receives",
		{},
		(who, ends) => sendMany(who, ends, [1, 2]),
		receiving(2),
		({ seen }) => expect(seen.received.length !== 1, "half of a batch came"),
	),
	queue(
		"send more at once than there is room for, while another receives",
		{ messages: [1, 2] },
		function* (who, ends) {
			yield* sendMany(who, ends, [3, 4]);
			yield* sendMany(who, ends, [5, 6]);
		},
		receiving(3),
	),
	queue(
		"send two at once with padding over 2^32, while another receives several at once",
		{ position: NEAR_WRAP, bytes: 16 },
		(who, ends) => sendMany(who, ends, [1, 2]),
		(who, ends) => receiveMany(who, ends, 4),
	),
	queue(
		"send, while another receives several at once",
		{ messages: [1] },
		sending(2, 3),
		function* (who, ends) {
			yield* receiveMany(who, ends, 4);
			yield* receiveMany(who, ends, 4);
		},
	),
	queue(
		"send into a full ring, while another receives several at once",
		{ position: 2 ** 32 - 32, messages: [1, 2, 3] },
		sending(4, 5),
		function* (who, ends) {
			yield* receiveMany(who, ends, 2);
			yield* receiveMany(who, ends, 4);
		},
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

/** Both want the same endpoint: exactly one gets it. */
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
