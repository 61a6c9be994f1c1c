/** Reserving room for several messages, and receiving several, each by one call. */
import { EMPTY, KIND_QUEUE, OK, STATUS_LIMIT } from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { attach, CAPACITY, moveTo, receive, receiveAll, sendBlock, tryOut } from "./messages.js";
import { expect, hold, type Scenario, SMALL, type Stage } from "./stage.js";

const RECORD_HEADER = 8;
/** The words that describe a message: position, offset of the payload, length. */
const WORDS = 3;

/**
 * Reserves room for all of `texts`, which have the same length, and publishes as many as fit, or `most`. Returns
 * the published ones.
 */
export function sendMany(
	who: Participant,
	queue: number,
	texts: readonly string[],
	most = texts.length,
): string[] {
	const { core, me, world } = who;
	const length = texts[0]?.length ?? 0;
	const payload = core.reserveMany(me, queue, length, texts.length) >>> 0;
	if (payload < STATUS_LIMIT) return [];
	const room = who.result();
	expect(room >= 1 && room <= texts.length, `there is room for ${room} messages`);
	const count = Math.min(room, most);
	const step = RECORD_HEADER + Math.ceil(length / 8) * 8;
	const sent = texts.slice(0, count);
	for (const [index, text] of sent.entries()) world.bytes.set(Buffer.from(text), payload + index * step);
	const status = core.commitMany(me, queue, count) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `publishing many gave ${status}`);
	return sent;
}

/** Receives up to `most` messages without blocks. Returns their texts and positions. */
export function receiveMany(
	who: Participant,
	queue: number,
	most: number,
): { text: string; position: number }[] {
	const { core, me, world } = who;
	const out = who.lend(new Uint8Array(0));
	const status = core.peekMany(me, queue, most, out) >>> 0;
	if (status === EMPTY) return [];
	expect(status === OK, `receiving many gave ${status}`);
	const words = new Uint32Array(world.memory.buffer, out, who.result() * WORDS);
	return Array.from({ length: who.result() }, (_, index) => {
		const [position = 0, at = 0, length = 0] = words.subarray(index * WORDS);
		return { position, text: Buffer.from(world.bytes.slice(at, at + length)).toString() };
	});
}

interface Sending {
	position: number;
	/** What is already in the queue. */
	before?: string[];
	/** What is sent, in batches, and how many of each are published at most. */
	batches: string[][];
	most?: number;
	/** The consumer has announced that it waits. */
	awaited?: boolean;
}

function sending(name: string, { position, before = [], batches, most, awaited = false }: Sending): Scenario {
	return {
		name: `send many: ${name}`,
		prepare: ({ victim, other, world }) => {
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			moveTo(world, queue, position);
			attach(other, queue, "consumer");
			attach(victim, queue, "producer");
			for (const text of before) victim.send(queue, text);
			if (awaited) other.core.announceConsumer(other.me, queue);
			let published = [...before];
			let begun: string[] = [];
			let received: string[] = [];
			return {
				reset: () => {
					published = [...before];
					begun = [];
					received = [];
				},
				act: () => {
					for (const batch of batches) {
						begun = batch.slice(0, most);
						published.push(...sendMany(victim, queue, batch, most));
						begun = [];
					}
				},
				intrude: () => {
					received.push(...receiveAll(other, queue, true));
				},
				verify: () => {
					received.push(...receiveAll(other, queue, true));
					const more = received.slice(published.length);
					const isWhole = received.slice(0, published.length).join() === published.join();
					// A batch is published by one write: everything that fits, or nothing.
					const isPrefix = more.join() === begun.slice(0, more.length).join();
					expect(isWhole && isPrefix, `published ${published}, received ${received}`);
					other.core.detachConsumer(other.me, queue);
					tryOut(other, queue);
				},
			};
		},
	};
}

interface Receiving {
	position?: number;
	/** What is sent: "end" is an end, and a text that ends with "+" is sent with a block. */
	texts: string[];
	/** How many messages each call asks for, and how many of those received are released at once. */
	most: number;
	release: number;
	/** Messages that were received one by one before, and are held. */
	held?: number;
	/** Messages that an earlier consumer released out of order. */
	gone?: number[];
	/** True if the consumer came before the messages. */
	early?: boolean;
}

function receiving(
	name: string,
	{ position = 0, texts, most, release, held = 0, gone = [], early = false }: Receiving,
): Scenario {
	return {
		name: `receive many: ${name}`,
		prepare: (stage: Stage) => {
			const { victim, other, world } = stage;
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			moveTo(world, queue, position);
			attach(other, queue, "producer");
			if (early) attach(victim, queue, "consumer");
			const sent = texts.map((text) => {
				if (text === "end") other.core.end(other.me, queue);
				else if (!text.endsWith("+")) expect(other.send(queue, text), "no room for what is to be received");
				else return sendBlock({ ...stage, victim: other }, queue, text.slice(0, -1))[0] ?? "";
				return text;
			});
			if (gone.length > 0) {
				attach(other, queue, "consumer");
				const messages = sent.map(() => receive(other, queue));
				for (const index of gone) {
					const message = messages[index];
					expect(typeof message === "object", `receiving gave ${message}`);
					other.core.release(other.me, queue, message.position, 0);
				}
				other.core.detachConsumer(other.me, queue);
			}
			if (!early) attach(victim, queue, "consumer");
			const there = sent.filter((_, index) => !gone.includes(index));
			let released = 0;
			let begun = 0;
			return {
				reset: () => {
					released = 0;
					begun = 0;
				},
				act: () => {
					const { core, me } = victim;
					for (let count = 0; count < held; count++) receive(victim, queue);
					const messages = receiveMany(victim, queue, most);
					const expected = there.slice(held, held + messages.length);
					const got = messages.map(({ text }) => text);
					expect(got.join() === expected.join(), `received ${got} instead of ${expected}`);
					const plain = there.slice(held).findIndex((text) => text === "end" || text.includes("+"));
					const possible = plain < 0 ? there.length - held : plain;
					expect(messages.length === Math.min(most, possible), `${messages.length} came at once`);
					const [first, last] = [messages[0], messages[release - 1]];
					if (first === undefined || last === undefined) return;
					begun = release;
					const status = core.releaseThrough(me, queue, first.position, last.position) >>> 0;
					expect(status === OK || status >= STATUS_LIMIT, `releasing gave ${status}`);
					released = release;
					begun = 0;
				},
				intrude: () => {
					hold(stage, SMALL);
				},
				verify: () => {
					const left = receiveAll(other, queue);
					// A participant that died in the middle may have marked some of them.
					const kept = (count: number) => [...there.slice(0, held), ...there.slice(held + count)].join();
					const most = Math.max(released, begun);
					const isKnown = Array.from({ length: most - released + 1 }, (_, more) => released + more);
					expect(
						isKnown.some((count) => kept(count) === left.join()),
						`released ${released}, and ${begun} half, but then came ${left}`,
					);
					other.core.detachProducer(other.me, queue);
					tryOut(other, queue);
				},
			};
		},
	};
}

const FOUR = ["one", "two", "six", "ten"];
/** 40 bytes before the end of the ring and before 2^32. */
const BEFORE_WRAP = 2 ** 32 - 40;

export const batches: Scenario[] = [
	sending("all", { position: 0, batches: [FOUR] }),
	sending("to one that waits", { position: 0, batches: [FOUR], awaited: true }),
	sending("two batches", { position: 64, batches: [FOUR, ["a", "b"]] }),
	sending("fewer than were reserved", { position: 0, batches: [FOUR], most: 2 }),
	sending("none of those that were reserved", { position: 0, batches: [FOUR], most: 0 }),
	sending("more than fit in line", { position: BEFORE_WRAP, batches: [FOUR, FOUR] }),
	sending("behind padding", { position: BEFORE_WRAP, batches: [["x".repeat(40), "y".repeat(40)], FOUR] }),
	sending("more than there is room for", {
		position: 200,
		before: ["b".repeat(120)],
		batches: [Array.from({ length: 9 }, (_, index) => `message ${index}`)],
	}),
	receiving("all", { texts: FOUR, most: 8, release: 4 }),
	receiving("what came after it was there", { texts: FOUR, most: 8, release: 4, early: true }),
	receiving("padding first", { texts: ["l".repeat(24), "two"], most: 8, release: 2, position: 2 ** 32 - 16 }),
	receiving("some, and release fewer", { texts: FOUR, most: 3, release: 2 }),
	receiving("none of them released", { texts: FOUR, most: 8, release: 0 }),
	receiving("behind one that is held", { texts: FOUR, most: 8, release: 3, held: 1 }),
	receiving("over padding and 2^32", {
		texts: ["one", "l".repeat(24), "two"],
		most: 8,
		release: 3,
		position: 2 ** 32 - 32,
	}),
	receiving("up to a block", { texts: ["one", "two", "B+", "six"], most: 8, release: 2 }),
	receiving("a block first", { texts: ["B+", "one"], most: 8, release: 0 }),
	receiving("up to an end", { texts: ["one", "two", "end"], most: 8, release: 2 }),
	receiving("what an earlier consumer left", { texts: FOUR, most: 8, release: 3, gone: [1] }),
];
