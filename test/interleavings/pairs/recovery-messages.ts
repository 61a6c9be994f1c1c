/** Recovering from a participant that died allocating, sending or receiving, while another continues. */
import {
	KIND_QUEUE,
	NO_ROOM,
	NOT_FOUND,
	OK,
	REFERENCE_BYTES,
	SLOT_RESULT_4,
	SPAN_BYTES,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { doorbellOf, expect, free, openTo, type Stage } from "../stage.js";
import type { Program } from "../stepper.js";
import { dead, LARGE, use } from "./dying.js";

export const allocating: Pair[] = [
	...dead("allocating, while another allocates", [1, 2, 3, 4, 5, 6, 8, 10], (_, victim) => ({
		dying: () => void victim.allocate(LARGE),
		living: (who) => use(who, LARGE),
	})),
	...dead("allocating a run, while another allocates one", [1, 2, 3, 4, 5, 7], (_, victim) => ({
		dying: () => void victim.allocate(2 * SPAN_BYTES),
		living: (who) => use(who, 2 * SPAN_BYTES),
	})),
	...dead("freeing, while another allocates", [1, 2, 3, 4, 6, 8, 10], (_, victim) => {
		const block = victim.allocate(LARGE);
		victim.allocate(LARGE);
		victim.free(victim.allocate(LARGE));
		return {
			dying: () => void victim.free(block),
			living: (who) => use(who, LARGE),
		};
	}),
	...dead("freeing a run, while another allocates one", [1, 2, 3, 4], (_, victim) => {
		const run = victim.allocate(2 * SPAN_BYTES);
		return {
			dying: () => void victim.free(run),
			living: (who) => use(who, SPAN_BYTES),
		};
	}),
	...dead("allocating a block, while another frees the one beside it", [1, 2], ({ b }, victim) => {
		const mine = b.allocate(LARGE);
		return {
			dying: () => void victim.allocate(LARGE),
			living: (who) => free(who, mine),
		};
	}),
];

export function queueOf({ observer }: Stage, ...all: Participant[]): number {
	return openTo(observer.construct("queue", KIND_QUEUE, { capacity: 64 }), ...all);
}

export function sendBlock(who: Participant, queue: number, block: number): void {
	who.core.reserve(who.me, queue, REFERENCE_BYTES);
	who.core.commitBlock(who.me, queue, REFERENCE_BYTES, 1, block, LARGE);
}

/** Receives at most one message with a block, and releases it. */
function* receive(who: Participant, queue: number, marks: number[]): Program {
	const payload = yield ["peek", who.me, queue];
	if (payload < STATUS_LIMIT) return;
	const block = yield ["read", payload];
	const mark = who.world.bytes[block] as number;
	expect((yield ["filled", block, LARGE, mark]) === 1, "what came was freed");
	marks.push(mark);
	const result = yield ["release", who.me, queue, who.result(), 0];
	expect(result === OK || result >= STATUS_LIMIT, `releasing gave ${result}`);
}

export const messages: Pair[] = [
	...dead("sending a block, while another receives it", [0, 1, 2, 3, 4, 5, 6, 8], (stage, victim) => {
		const { world, b, observer } = stage;
		const queue = queueOf(stage, stage.b, victim);
		victim.core.attachProducer(victim.me, queue);
		b.core.attachConsumer(b.me, queue);
		const block = victim.allocate(LARGE);
		world.fill(block, LARGE, 5);
		const marks: number[] = [];
		return {
			dying: () => sendBlock(victim, queue, block),
			living: (who) => receive(who, queue, marks),
			reset: () => {
				marks.length = 0;
			},
			tidy: () => {
				expect(marks.length <= 1, "it came twice");
				expect(observer.remove("queue") === OK, "the queue is lost");
			},
		};
	}),
	...dead("receiving a block, while another sends one", [0, 1, 2, 3, 4, 5, 6, 7, 8], (stage, victim) => {
		const { world, b, observer } = stage;
		const queue = queueOf(stage, stage.b, victim);
		b.core.attachProducer(b.me, queue);
		victim.core.attachConsumer(victim.me, queue);
		const [first, second] = [b.allocate(LARGE), b.allocate(LARGE)];
		world.fill(first, LARGE, 5);
		world.fill(second, LARGE, 6);
		sendBlock(b, queue, first);
		return {
			dying: () => {
				victim.core.peek(victim.me, queue);
				victim.core.release(victim.me, queue, victim.result(), 0);
			},
			*living(who) {
				const payload = yield ["reserve", who.me, queue, REFERENCE_BYTES];
				expect(payload !== NO_ROOM, "there is no room");
				const result = yield ["commitBlock", who.me, queue, REFERENCE_BYTES, 1, second, LARGE];
				expect(result === OK || result >= STATUS_LIMIT, `sending gave ${result}`);
			},
			check: () => {
				const marks: number[] = [];
				expect(observer.core.attachConsumer(observer.me, queue) >>> 0 !== TAKEN, "its end is taken");
				for (;;) {
					if (observer.core.peek(observer.me, queue) >>> 0 < STATUS_LIMIT) break;
					const block = observer.result(SLOT_RESULT_4);
					marks.push(world.bytes[block] as number);
					expect(world.isFilled(block, LARGE, marks.at(-1) as number), "what comes was freed");
					observer.core.release(observer.me, queue, observer.result(), 0);
				}
				expect(["5,6", "6"].includes(marks.join()), `${marks} came to the next consumer`);
			},
			tidy: () => expect(observer.remove("queue") === OK, "the queue is lost"),
		};
	}),
	...dead("having an end, while another takes it over", [0, 1], (stage, victim) => {
		const { observer } = stage;
		const queue = queueOf(stage, stage.b, victim);
		const got: number[] = [];
		return {
			dying: () => void victim.core.attachProducer(victim.me, queue),
			*living(who) {
				const result = yield ["attachProducer", who.me, queue];
				if (result === TAKEN) return;
				got.push(result);
				const payload = yield ["reserve", who.me, queue, 8];
				expect(payload >= STATUS_LIMIT, "it has the end, and can't send");
				expect((yield ["commit", who.me, queue, 8]) === OK, "it has the end, and can't commit");
			},
			reset: () => {
				got.length = 0;
			},
			tidy: () => expect(observer.remove("queue") === OK, "the queue is lost"),
		};
	}),
	...dead("having the other end, while one waits for it", [0], (stage, victim) => {
		const { b, observer } = stage;
		const queue = queueOf(stage, stage.b, victim);
		victim.core.attachProducer(victim.me, queue);
		b.core.attachConsumer(b.me, queue);
		let sleepsOn: number | undefined;
		return {
			dying: () => {},
			*living(who) {
				const doorbell = yield ["read", doorbellOf(who)];
				yield ["announceConsumer", who.me, queue];
				yield ["peek", who.me, queue];
				sleepsOn = doorbell;
			},
			reset: () => {
				sleepsOn = undefined;
			},
			check: () => {
				const { slot } = victim;
				// One that looks before it sleeps sees the slot empty; one that slept before was rung.
				const isGone = observer.recover(slot).status === NOT_FOUND;
				expect(isGone && sleepsOn !== undefined, "it did not get that far");
			},
			tidy: () => expect(observer.remove("queue") === OK, "the queue is lost"),
		};
	}),
];
