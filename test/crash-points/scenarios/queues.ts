/** Queues of messages and of records. */
import { EMPTY, ENDED, KIND_QUEUE, KIND_RECORDS, OK, STATUS_LIMIT, TAKEN } from "../../../assembly/layout.js";
import { attach, CAPACITY, moveTo, receive, receiveAll, sendBlock, tryOut } from "./messages.js";
import { expect, hold, type Scenario, SMALL, type Stage } from "./stage.js";

/** `victim` sends in steps, each published at once; `other` receives. `begin` runs first, when "one" was sent. */
function sending(
	name: string,
	position: number,
	steps: ((stage: Stage, queue: number) => string[])[],
	begin = (_stage: Stage, _queue: number) => ["one"],
): Scenario {
	return {
		name: `send ${name}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			moveTo(world, queue, position);
			attach(other, queue, "consumer");
			attach(victim, queue, "producer");
			victim.send(queue, "one");
			const unread = begin(stage, queue);
			let published = [...unread];
			let begun: string[] = [];
			let received: string[] = [];
			return {
				reset: () => {
					published = [...unread];
					received = [];
					begun = [];
				},
				act: () => {
					for (const step of steps) {
						// A step may not return, and only its result says what it sends. The texts are the same each time.
						begun = [name];
						published.push(...step(stage, queue));
						begun = [];
					}
				},
				intrude: () => {
					received.push(...receiveAll(other, queue, true));
				},
				verify: () => {
					received.push(...receiveAll(other, queue, true));
					const got = received.join();
					const sent = published.join();
					const isPrefix = got.startsWith(sent === "" ? "" : `${sent},`);
					const ok = got === sent || (begun.length > 0 && isPrefix);
					expect(ok, `published ${sent}, received ${got}`);
					other.core.detachConsumer(other.me, queue);
					tryOut(other, queue);
				},
			};
		},
	};
}

function sendText(text: string): (stage: Stage, queue: number) => string[] {
	return ({ victim }, queue) => (victim.send(queue, text) ? [text] : []);
}

function sendBatch({ victim, world }: Stage, queue: number): string[] {
	const { core, me } = victim;
	const staged = [];
	for (const text of ["b1", "b2", "b3"]) {
		const payload = core.reserve(me, queue, 2) >>> 0;
		if (payload < STATUS_LIMIT) break;
		world.bytes.set(Buffer.from(text), payload);
		core.stage(me, queue, 2);
		staged.push(text);
	}
	core.publish(me, queue, staged.length);
	return staged;
}

function abortOne({ victim }: Stage, queue: number): string[] {
	if (victim.core.reserve(victim.me, queue, 9) >>> 0 >= STATUS_LIMIT) victim.core.abort(victim.me, queue);
	return [];
}

function sendEnd({ victim }: Stage, queue: number): string[] {
	const status = victim.core.end(victim.me, queue) >>> 0;
	return status === OK || status >= STATUS_LIMIT ? ["end"] : [];
}

/** Fills the ring with ends, which `other` reads; the producer has not noticed yet. */
function endOften(stage: Stage, queue: number): string[] {
	while (sendEnd(stage, queue).length > 0);
	receiveAll(stage.other, queue, true);
	return [];
}

/**
 * `other` sends three messages, and `victim` receives them. The parameters say in which order it releases them, and
 * whether it takes the blocks.
 */
function receiving(
	name: string,
	block: boolean,
	order: number[],
	take: 0 | 1 = 0,
	position = 0xffff_ffc0,
): Scenario {
	return {
		name: `receive ${name}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			moveTo(world, queue, position);
			attach(other, queue, "producer");
			attach(victim, queue, "consumer");
			const texts = ["one", "two", "three"];
			for (const text of texts) {
				if (!block) other.send(queue, text);
				else sendBlock({ ...stage, victim: other }, queue);
			}
			const expected = block ? texts.map(() => `B+${SMALL}`) : texts;
			let released: number[] = [];
			let begun = -1;
			return {
				reset: () => {
					released = [];
					begun = -1;
				},
				act: () => {
					const messages = texts.map(() => receive(victim, queue));
					for (const index of order) {
						const message = messages[index];
						expect(typeof message === "object", `receiving gave ${message}`);
						expect(message.text === expected[index], `received ${message.text}`);
						begun = index;
						const status = victim.core.release(victim.me, queue, message.position, take) >>> 0;
						expect(status === OK || status >= STATUS_LIMIT, `releasing gave ${status}`);
						const again = victim.core.release(victim.me, queue, message.position, take) >>> 0;
						expect(again !== OK && again < STATUS_LIMIT, "a message was released twice");
						released.push(index);
						begun = -1;
					}
				},
				intrude: () => {
					hold(stage, SMALL);
				},
				verify: () => {
					const left = receiveAll(other, queue);
					const certain = [0, 1, 2].filter((index) => !released.includes(index));
					const possible = [certain, certain.filter((index) => index !== begun)].map((indices) =>
						indices.map((index) => expected[index]).join(),
					);
					expect(
						possible.includes(left.join()),
						`released ${released}, and ${begun} half, but then came ${left.join()}`,
					);
					other.core.detachProducer(other.me, queue);
					tryOut(other, queue);
				},
			};
		},
	};
}

export const queues: Scenario[] = [
	sending("text", 0, [sendText("two")]),
	sending("text behind padding", 200, [sendText("t".repeat(40)), sendText("three")]),
	sending("text where positions wrap", 0xffff_ff80, ["two", "t".repeat(50), "three", "four"].map(sendText)),
	sending("a batch", 0, [sendBatch]),
	sending("a block", 0, [sendBlock]),
	sending("a block where positions wrap", 0xffff_ffe0, [sendBlock, sendText("three")]),
	sending(
		"until the ring is full",
		64,
		["two", "t".repeat(60), "u".repeat(60), "v".repeat(60)].map(sendText),
	),
	sending("after giving up", 240, [abortOne, sendText("two")]),
	sending("the end, and the next stream", 0, [sendEnd, sendText("three"), sendEnd]),
	sending("the end, when others have been read", 0, [sendEnd, sendText("two")], endOften),
	receiving("what comes behind the rest of the ring", false, [0, 1, 2], 0, 0xffff_fff8),
	receiving("in order", false, [0, 1, 2]),
	receiving("backwards", false, [2, 1, 0]),
	receiving("one of three", false, [1]),
	receiving("blocks in order", true, [0, 1, 2]),
	receiving("blocks backwards", true, [2, 1, 0]),
	receiving("a block and keep it", true, [0], 1),
	receiving("a later block and keep it", true, [1, 0], 1),
	{
		name: "receive what an earlier consumer left, who had released what is behind it",
		prepare: (stage) => {
			const { victim, other } = stage;
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			attach(other, queue, "producer");
			attach(other, queue, "consumer");
			for (const text of ["one", "two", "three", "four"]) other.send(queue, text);
			const [, second, third] = [1, 2, 3].map(() => receive(other, queue));
			for (const message of [second, third]) {
				expect(typeof message === "object", `receiving gave ${message}`);
				other.core.release(other.me, queue, message.position, 0);
			}
			other.core.detachConsumer(other.me, queue);
			attach(victim, queue, "consumer");
			let released = 0;
			let begun = 0;
			return {
				reset: () => {
					released = 0;
					begun = 0;
				},
				act: () => {
					for (const text of ["one", "four"]) {
						const message = receive(victim, queue);
						expect(
							typeof message === "object" && message.text === text,
							`received ${JSON.stringify(message)}`,
						);
						begun++;
						victim.core.release(victim.me, queue, message.position, 0);
						released++;
					}
				},
				intrude: () => void other.send(queue, "five"),
				verify: () => {
					const left = receiveAll(other, queue).filter((text) => text !== "five");
					const possible = [released, begun].map((count) => ["one", "four"].slice(count).join());
					expect(possible.includes(left.join()), `released ${released}, and then came ${left.join()}`);
					other.core.detachProducer(other.me, queue);
					tryOut(other, queue);
				},
			};
		},
	},
	{
		name: "attach and detach both ends",
		prepare: ({ victim, other }) => {
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			return {
				act: () => {
					attach(victim, queue, "producer");
					attach(victim, queue, "consumer");
					victim.core.announceConsumer(victim.me, queue);
					victim.core.announceProducer(victim.me, queue);
					victim.core.detachProducer(victim.me, queue);
					victim.core.detachConsumer(victim.me, queue);
				},
				verify: () => tryOut(other, queue),
			};
		},
	},
	{
		name: "attach to ends that others have",
		prepare: ({ victim, other, world }) => {
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			const third = world.participant(3);
			victim.use(queue);
			attach(third, queue, "producer");
			attach(other, queue, "consumer");
			let left = false;
			return {
				reset: () => {
					left = false;
				},
				act: () => {
					const { core, me } = victim;
					for (const attachTo of [core.attachProducer, core.attachConsumer]) {
						const status = attachTo(me, queue) >>> 0;
						if (status === TAKEN)
							expect([third.me, other.me].includes(victim.result()), "who has it is not said");
						else expect(left && (status === OK || status >= STATUS_LIMIT), `attaching gave ${status}`);
					}
				},
				intrude: () => {
					other.core.detachConsumer(other.me, queue);
					third.core.detachProducer(third.me, queue);
					left = true;
				},
				verify: () => {
					if (!left) {
						other.core.detachConsumer(other.me, queue);
						third.core.detachProducer(third.me, queue);
					}
					other.recover(third.slot);
					tryOut(other, queue);
				},
			};
		},
	},
	{
		name: "send records, and end",
		prepare: ({ victim, other, world }) => {
			const queue = other.construct("records", KIND_RECORDS, { capacity: 64 });
			moveTo(world, queue, 0xffff_fff8);
			attach(victim, queue, "producer");
			attach(other, queue, "consumer");
			let sent = 0;
			let sending = 0;
			return {
				reset: () => {
					sent = 0;
					sending = 0;
				},
				act: () => {
					for (const count of [3, 5]) {
						sending = count;
						expect(victim.core.recordsRoom(victim.me, queue) === OK, "no room");
						victim.core.recordsPublish(victim.me, queue, count);
						sent += count;
						sending = 0;
					}
					victim.core.recordsEnd(victim.me, queue);
				},
				verify: () => {
					const { core, me } = other;
					const status = core.recordsAvailable(me, queue);
					const got = status === OK ? other.result() : 0;
					expect(got === sent || got === sent + sending, `sent ${sent}, received ${got}`);
					core.recordsRelease(me, queue, got);
					if (core.recordsAvailable(me, queue) === ENDED) core.recordsAvailable(me, queue);
					expect(core.recordsAvailable(me, queue) === EMPTY, "records out of nothing");
					attach(other, queue, "producer");
					core.recordsRoom(me, queue);
					core.recordsPublish(me, queue, 64);
					expect(core.recordsAvailable(me, queue) === OK && other.result() === 64, "no more records");
					core.recordsRelease(me, queue, 64);
					core.detachProducer(me, queue);
					core.detachConsumer(me, queue);
				},
			};
		},
	},
	{
		name: "receive the end of the records",
		prepare: ({ victim, other }) => {
			const queue = other.construct("records", KIND_RECORDS, { capacity: 64 });
			attach(victim, queue, "consumer");
			attach(other, queue, "producer");
			const { core, me } = other;
			core.announceProducer(me, queue);
			core.recordsEnd(me, queue);
			let ended = false;
			return {
				reset: () => {
					ended = false;
				},
				act: () => {
					expect(victim.core.recordsAvailable(victim.me, queue) === ENDED, "no end");
					ended = true;
					expect(victim.core.recordsAvailable(victim.me, queue) === EMPTY, "two ends");
				},
				intrude: () => {
					const status = core.recordsRoom(me, queue);
					expect(status === OK || !ended, "no room for the next stream");
				},
				verify: () => {
					attach(other, queue, "consumer");
					const status = core.recordsAvailable(me, queue);
					expect(status === EMPTY || (status === ENDED && !ended), `receiving gave ${status}`);
					expect(core.recordsRoom(me, queue) === OK, "no room for the next stream");
					core.detachConsumer(me, queue);
					core.detachProducer(me, queue);
				},
			};
		},
	},
	{
		name: "receive records",
		prepare: ({ victim, other }) => {
			const queue = other.construct("records", KIND_RECORDS, { capacity: 64 });
			attach(victim, queue, "consumer");
			attach(other, queue, "producer");
			other.core.recordsRoom(other.me, queue);
			other.core.recordsPublish(other.me, queue, 10);
			let left = 10;
			let leaving = 0;
			return {
				reset: () => {
					left = 10;
					leaving = 0;
				},
				act: () => {
					for (const count of [4, 6]) {
						leaving = count;
						victim.core.recordsAvailable(victim.me, queue);
						expect(victim.core.recordsRelease(victim.me, queue, count) === OK, "records were not there");
						left -= count;
						leaving = 0;
					}
				},
				verify: () => {
					const { core, me } = other;
					attach(other, queue, "consumer");
					const got = core.recordsAvailable(me, queue) === OK ? other.result() : 0;
					expect(got === left || got === left - leaving, `${left} were left, and ${got} came`);
					core.recordsRelease(me, queue, got);
					core.detachConsumer(me, queue);
					core.detachProducer(me, queue);
				},
			};
		},
	},
];
