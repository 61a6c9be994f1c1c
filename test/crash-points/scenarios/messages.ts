/** Sending and receiving, for every scenario with a queue. */
import {
	EMPTY,
	ENDED,
	NO_ROOM,
	OK,
	QUEUE_CLAIMED,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_TAIL,
	RECORD_BLOCK,
	REFERENCE_BYTES,
	SLOT_RESULT_2,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	SLOT_RESULT_5,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant, World } from "../world.js";
import { expect, isFilled, own, SMALL, type Stage } from "./stage.js";

export const CAPACITY = 256;

export function attach(who: Participant, queue: number, side: "producer" | "consumer"): void {
	const { core, me } = who;
	who.use(queue);
	const status =
		(side === "producer" ? core.attachProducer(me, queue) : core.attachConsumer(me, queue)) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `the ${side} could not attach: ${status}`);
}

/** Receives the next message and holds it. Returns its text and its position. */
export function receive(who: Participant, queue: number): { text: string; position: number } | number {
	const { core, me, world } = who;
	const at = core.peek(me, queue) >>> 0;
	if (at < STATUS_LIMIT) return at;
	let text = Buffer.from(world.bytes.slice(at, at + who.result(SLOT_RESULT_2))).toString();
	if (who.result(SLOT_RESULT_3) === RECORD_BLOCK) {
		const block = who.result(SLOT_RESULT_4);
		const length = who.result(SLOT_RESULT_5);
		const filled = isFilled(world, core.bytesOf(block) >>> 0, length, 0xee);
		text = `${text.slice(REFERENCE_BYTES)}+${filled ? length : "torn"}`;
	}
	return { text, position: who.result() };
}

/** Receives and releases everything in the queue; attaches and detaches if `who` is not the consumer. */
export function receiveAll(who: Participant, queue: number, attached = false): string[] {
	const { core, me } = who;
	if (!attached) attach(who, queue, "consumer");
	const texts = [];
	for (let turn = 0; ; turn++) {
		expect(turn < 1000, "a queue without an end");
		const message = receive(who, queue);
		if (typeof message === "number") {
			expect(message === EMPTY || message === ENDED, `receiving gave ${message}`);
			if (message === EMPTY) break;
			texts.push("end");
			continue;
		}
		texts.push(message.text);
		const status = core.release(me, queue, message.position, 0) >>> 0;
		expect(status === OK || status >= STATUS_LIMIT, `releasing gave ${status}`);
	}
	if (!attached) core.detachConsumer(me, queue);
	return texts;
}

/** Checks that the queue still works. */
export function tryOut(who: Participant, queue: number): void {
	attach(who, queue, "producer");
	for (const text of ["x", "y".repeat(60), "z".repeat(100)]) {
		expect(who.send(queue, text), "no room in an empty queue");
		const got = receiveAll(who, queue);
		expect(got.length === 1 && got[0] === text, `sent ${text}, received ${got}`);
	}
	who.core.detachProducer(who.me, queue);
}

/** Sets the positions of an empty queue to `position`. */
export function moveTo({ words }: World, queue: number, position: number): void {
	for (const field of [QUEUE_TAIL, QUEUE_CLAIMED, QUEUE_HEAD, QUEUE_NEXT])
		words[(queue + field) >> 2] = position;
}

/** Sends a block with `text`. Returns what the receiver reads in it, or nothing if there was no room. */
export function sendBlock(stage: Stage, queue: number, text = "B"): string[] {
	const { victim, world } = stage;
	const { core, me } = victim;
	const bytes = REFERENCE_BYTES + text.length;
	const payload = core.reserve(me, queue, bytes) >>> 0;
	if (payload < STATUS_LIMIT) {
		expect(payload === NO_ROOM, `reserving gave ${payload}`);
		return [];
	}
	const block = own(stage, SMALL);
	if (block === 0) {
		core.abort(me, queue);
		return [];
	}
	world.bytes.set(Buffer.from(text), payload + REFERENCE_BYTES);
	const status = core.commitBlock(me, queue, bytes, 0, block, SMALL) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `sending a block gave ${status}`);
	expect(victim.free(block) !== OK, "a block that was sent could be freed");
	return [`${text}+${SMALL}`];
}
