/** Releasing many messages at once. */
import {
	KIND_QUEUE,
	OK,
	OWNER_IN_FLIGHT,
	QUEUE_RECEIVED,
	SLOT_RESULT_4,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import { attach, CAPACITY, moveTo, receive, receiveAll, sendBlock, tryOut } from "./messages.js";
import { expect, hold, type Scenario, SMALL } from "./stage.js";

interface Run {
	/** The messages, all received before any of them is released; one that ends with "+" has a block. */
	texts: string[];
	/** The messages released at once, by their numbers: from the first to the last. */
	run: [number, number];
	/** The messages that were released one by one before, and those of them whose block was taken. */
	before?: number[];
	taken?: number[];
	/** The messages that are released one by one afterwards. */
	after?: number[];
	position?: number;
}

/** 32 bytes before the end of the ring and before 2^32: a message of 32 does not fit behind one of 16. */
const BEFORE_WRAP = 2 ** 32 - 32;
const LONG = "l".repeat(24);

function releasing(
	name: string,
	{ texts, run, before = [], taken = [], after = [], position = 0 }: Run,
): Scenario {
	const [first, last] = run;
	return {
		name: `release at once: ${name}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const queue = other.construct("queue", KIND_QUEUE, { capacity: CAPACITY });
			moveTo(world, queue, position);
			attach(other, queue, "producer");
			attach(victim, queue, "consumer");
			const sender = { ...stage, victim: other };
			const sent = texts.map((text) => {
				const went = text.endsWith("+")
					? sendBlock(sender, queue, text.slice(0, -1))
					: other.send(queue, text) && [text];
				expect(went !== false && went[0] !== undefined, "no room for what is to be released");
				return went[0];
			});
			/** The messages that are certainly released, and those that may be. */
			let released = new Set<number>();
			let begun = new Set<number>();
			const finish = () => {
				for (const each of begun) released.add(each);
				begun = new Set();
			};
			return {
				reset: () => {
					released = new Set();
					begun = new Set();
				},
				act: () => {
					const { core, me } = victim;
					const held = sent.map((text) => {
						const message = receive(victim, queue);
						expect(typeof message === "object" && message.text === text, `${text} did not come`);
						return { ...message, block: victim.result(SLOT_RESULT_4) };
					});
					const releaseOne = (index: number) => {
						const { position: at, block } = held[index] as (typeof held)[number];
						const keep = taken.includes(index);
						begun.add(index);
						const status = core.release(me, queue, at, keep ? 1 : 0) >>> 0;
						expect(status === OK || status >= STATUS_LIMIT, `releasing gave ${status}`);
						finish();
						if (keep) expect(victim.free(block) === OK, "what was taken is not its own");
					};
					const [from, to] = [held[first]?.position ?? 0, held[last]?.position ?? 0];
					for (const index of before) releaseOne(index);
					for (let index = first; index <= last; index++) if (!released.has(index)) begun.add(index);
					for (let turn = 0; turn < 2; turn++) {
						const status = core.releaseThrough(me, queue, from, to) >>> 0;
						expect(status === OK || status >= STATUS_LIMIT, `releasing at once gave ${status}`);
						finish();
					}
					for (let index = first; index <= last; index++) {
						const again = core.release(me, queue, held[index]?.position ?? 0, 0) >>> 0;
						expect(again !== OK && again < STATUS_LIMIT, "a message was released twice");
					}
					for (const index of after) releaseOne(index);
					expect(!world.owns(victim.slot + 1), "what was released is its own");
					const count = world.words[(queue + QUEUE_RECEIVED) >> 2];
					expect(count === released.size, `${released.size} were released, and ${count} are counted`);
				},
				intrude: () => {
					hold(stage, SMALL);
				},
				verify: () => {
					const left = receiveAll(other, queue);
					const possible = sent.filter((_, index) => !released.has(index));
					const certain = possible.filter((text) => !begun.has(sent.indexOf(text)));
					const inOrder = possible.filter((text) => left.includes(text)).join() === left.join();
					expect(
						inOrder && certain.every((text) => left.includes(text)),
						`released ${[...released]}, and ${[...begun]} half, but then came ${left}`,
					);
					expect(!world.owns(OWNER_IN_FLIGHT), "a block is in flight for ever");
					other.core.detachProducer(other.me, queue);
					tryOut(other, queue);
				},
			};
		},
	};
}

export const releases: Scenario[] = [
	releasing("all", { texts: ["one", "two", "three"], run: [0, 2] }),
	releasing("all but the last", { texts: ["one", "two+", "three"], run: [0, 1] }),
	releasing("with blocks", { texts: ["one", "two+", "three+", "four"], run: [0, 3] }),
	releasing("some released before", {
		texts: ["one", "two", "three+", "four+"],
		run: [0, 3],
		before: [1, 2],
	}),
	releasing("some taken before", { texts: ["one+", "two+", "three+"], run: [0, 2], before: [1], taken: [1] }),
	releasing("the first released before", { texts: ["one+", "two", "three+"], run: [0, 2], before: [0, 1] }),
	releasing("all released before", {
		texts: ["one", "two+", "three"],
		run: [0, 1],
		before: [1, 0],
		after: [2],
	}),
	releasing("behind one that is held", {
		texts: ["one", "two", "three+", "four"],
		run: [1, 3],
		after: [0],
	}),
	releasing("behind a block that is held, some released before", {
		texts: ["one+", "two+", "three", "four+", "five"],
		run: [1, 4],
		before: [3],
		after: [0],
	}),
	releasing("over padding and 2^32", { texts: ["one", LONG, "three+"], run: [0, 2], position: BEFORE_WRAP }),
	releasing("over padding and 2^32, behind one that is held", {
		texts: ["", "two", LONG, "four+"],
		run: [1, 3],
		after: [0],
		position: BEFORE_WRAP,
	}),
];
