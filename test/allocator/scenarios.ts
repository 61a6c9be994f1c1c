/** What a participant may be in the middle of when it dies or is stopped, and what must hold afterwards. */
import {
	BAD_HANDLE,
	DOUBLE_FREE,
	EMPTY,
	ENDED,
	FULL,
	HANDLE_REFERENCE,
	KIND_QUEUE,
	KIND_RECORDS,
	NO_ROOM,
	NOT_A_BLOCK,
	NOT_FOUND,
	NOT_OWNER,
	OK,
	QUEUE_CLAIMED,
	QUEUE_HEAD,
	QUEUE_NEXT,
	QUEUE_TAIL,
	RECORD_BLOCK,
	REFERENCE_BYTES,
	REFERENCE_LENGTH,
	SLOT_RESULT_2,
	SLOT_RESULT_3,
	SLOT_RESULT_4,
	SLOT_RESULT_5,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../assembly/layout.js";
import type { Participant, World } from "./world.js";

export function expect(condition: boolean, what: string): asserts condition {
	if (!condition) throw new Error(what);
}

/** Who plays: `victim` dies or is stopped, `other` survives and goes on. */
export interface Stage {
	world: World;
	victim: Participant;
	other: Participant;
	/** Blocks that `other` holds, with what they are filled with. */
	held: Map<number, { bytes: number; mark: number }>;
}

export interface Play {
	/** What `victim` does. */
	act(): void;
	/** What `other` does in the midst of it. */
	intrude?(): void;
	/** Forgets what was noted of an earlier `act`. */
	reset?(): void;
	/** Once `victim` is gone, by `other`, who must leave nothing of what the scenario made but named objects. */
	verify?(): void;
}

export interface Scenario {
	name: string;
	/** Prepares the region. */
	prepare(stage: Stage): Play;
}

const SMALL = 4000;
const PER_SPAN = 16;

/** A block for `other` to hold. */
export function hold({ other, held, world }: Stage, bytes: number): number {
	const block = other.allocate(bytes);
	if (block < STATUS_LIMIT) {
		expect(block === FULL, `allocating gave status ${block}`);
		return 0;
	}
	for (const [at, { bytes: length }] of held) {
		expect(block >= at + length || at >= block + bytes, `a block of ${bytes} was given out twice`);
	}
	const mark = (held.size % 250) + 1;
	held.set(block, { bytes, mark });
	world.bytes.fill(mark, block, block + bytes);
	return block;
}

function drop({ other, held, world }: Stage, block: number): void {
	const { bytes, mark } = held.get(block) as { bytes: number; mark: number };
	expect(isFilled(world, block, bytes, mark), "somebody else wrote into a held block");
	held.delete(block);
	const status = other.free(block);
	expect(status === OK, `freeing a held block gave ${status}`);
}

export function dropAll(stage: Stage): void {
	for (const block of [...stage.held.keys()]) drop(stage, block);
}

function isFilled(world: World, block: number, bytes: number, mark: number): boolean {
	const view = Buffer.from(world.memory.buffer, block, bytes);
	return view[0] === mark && view.subarray(1).equals(view.subarray(0, -1));
}

/** All that can be had in blocks of so many bytes; held. */
export function grab(stage: Stage, bytes: number): number {
	let blocks = 0;
	while (hold(stage, bytes) !== 0) blocks++;
	return blocks;
}

/** Has `other` hold all spans but so many. */
function fillBut(stage: Stage, spans: number): void {
	for (let span = stage.world.heap + spans; span < stage.world.spans; span++) hold(stage, SPAN_BYTES);
}

/** A block for `victim`, filled, or 0. */
function own({ victim, world }: Stage, bytes: number): number {
	const block = victim.allocate(bytes);
	if (block < STATUS_LIMIT) {
		expect(block === FULL, `allocating gave status ${block}`);
		return 0;
	}
	world.bytes.fill(0xee, block, block + bytes);
	return block;
}

function release({ victim, world }: Stage, block: number, bytes: number): void {
	expect(isFilled(world, block, bytes, 0xee), "somebody else wrote into the victim's block");
	const status = victim.free(block);
	expect(status === OK, `freeing gave ${status}`);
}

function allocating(name: string, bytes: number, prepare: (stage: Stage) => void): Scenario {
	return {
		name: `allocate ${bytes} bytes: ${name}`,
		prepare: (stage) => {
			prepare(stage);
			return {
				act: () => {
					const block = own(stage, bytes);
					// What is allocated next must not be the same.
					if (block !== 0) expect(own(stage, bytes) !== block, "a block was given out twice");
				},
				intrude: () => hold(stage, bytes),
			};
		},
	};
}

function freeing(name: string, bytes: number, prepare: (stage: Stage) => number): Scenario {
	return {
		name: `free ${bytes} bytes: ${name}`,
		prepare: (stage) => {
			const block = prepare(stage);
			const others = stage.world.heap;
			expect(block >= others, "there is no block to free");
			return {
				act: () => release(stage, block, bytes),
				intrude: () => hold(stage, bytes),
			};
		},
	};
}

const allocation: Scenario[] = [
	allocating("first of its class", SMALL, () => {}),
	allocating("next of its span", SMALL, (stage) => own(stage, SMALL)),
	allocating("the smallest", 1, () => {}),
	allocating("when the span is full", SMALL, (stage) => {
		for (let i = 0; i < PER_SPAN; i++) own(stage, SMALL);
	}),
	allocating("from a span that another left", SMALL, (stage) => {
		const blocks = Array.from({ length: PER_SPAN + 1 }, () => hold(stage, SMALL));
		drop(stage, blocks[3] as number);
	}),
	allocating("from a span that another keeps, the region being full", SMALL, (stage) => {
		for (let i = 0; i < 5; i++) hold(stage, SMALL);
		grab(stage, SPAN_BYTES);
	}),
	allocating("from a span that another keeps empty, the region being full", 2000, (stage) => {
		drop(stage, hold(stage, SMALL));
		fillBut(stage, 1);
	}),
	allocating("a span", SPAN_BYTES, () => {}),
	allocating("a run", 3 * SPAN_BYTES - 100, () => {}),
	allocating("a run behind another", 2 * SPAN_BYTES, (stage) => own(stage, 3 * SPAN_BYTES)),
	allocating("a run where only spans are left that are kept empty", 2 * SPAN_BYTES, (stage) => {
		drop(stage, hold(stage, SMALL));
		drop(stage, hold(stage, 2000));
		stage.victim.free(own(stage, 1000));
		fillBut(stage, 3);
	}),
	allocating("from a span that was another's meanwhile", SMALL, (stage) => {
		stage.victim.free(own(stage, SMALL));
		grab(stage, SPAN_BYTES);
		const first = stage.world.heap * SPAN_BYTES;
		drop(stage, first);
		stage.victim.free(own(stage, SPAN_BYTES));
		const block = hold(stage, SMALL);
		expect(block === first, "it is not where it was");
	}),
	freeing("of several", SMALL, (stage) => {
		own(stage, SMALL);
		return own(stage, SMALL);
	}),
	freeing("the only one of a kept span", SMALL, (stage) => own(stage, SMALL)),
	freeing("one of a span that was left", SMALL, (stage) => {
		const blocks = Array.from({ length: PER_SPAN + 1 }, () => own(stage, SMALL));
		return blocks[5] as number;
	}),
	freeing("the last one of a span that was left", SMALL, (stage) => {
		const blocks = Array.from({ length: PER_SPAN + 1 }, () => own(stage, SMALL));
		for (const block of blocks.slice(1, PER_SPAN)) stage.victim.free(block);
		return blocks[0] as number;
	}),
	freeing("the last one of a span of the smallest", 64, (stage) => {
		const blocks = Array.from({ length: 1025 }, () => own(stage, 64));
		for (const block of blocks.slice(1, 1024)) stage.victim.free(block);
		return blocks[0] as number;
	}),
	freeing("one of another's span", SMALL, (stage) => {
		const blocks = Array.from({ length: PER_SPAN + 1 }, () => hold(stage, SMALL));
		drop(stage, blocks[3] as number);
		const block = own(stage, SMALL);
		for (let i = 0; i < PER_SPAN; i++) own(stage, SMALL);
		return block;
	}),
	freeing("a span", SPAN_BYTES, (stage) => own(stage, SPAN_BYTES)),
	freeing("a run", 3 * SPAN_BYTES, (stage) => own(stage, 3 * SPAN_BYTES)),
	{
		name: "freeing twice",
		prepare: (stage) => {
			const block = own(stage, SMALL);
			return {
				act: () => {
					stage.victim.free(block);
					const status = stage.victim.free(block);
					expect([DOUBLE_FREE, NOT_OWNER, NOT_A_BLOCK].includes(status), `freeing twice gave ${status}`);
				},
			};
		},
	},
	{
		name: "allocate while another makes room, then free a run",
		prepare: (stage) => {
			const blocks = Array.from({ length: PER_SPAN + 1 }, () => hold(stage, SMALL));
			const run = own(stage, 2 * SPAN_BYTES);
			return {
				act: () => {
					own(stage, SMALL);
					release(stage, run, 2 * SPAN_BYTES);
				},
				intrude: () => drop(stage, blocks[3] as number),
			};
		},
	},
	{
		name: "a mixture of allocating and freeing",
		prepare: (stage) => ({
			act: () => {
				const blocks: [number, number][] = [];
				for (let turn = 0; turn < 40; turn++) {
					const bytes = [100, 5000, 30_000, 70_000, 200_000][turn % 5] as number;
					const block = own(stage, bytes);
					if (block !== 0) blocks.push([block, bytes]);
					const oldest = turn % 3 === 2 ? blocks.shift() : undefined;
					if (oldest !== undefined) release(stage, ...oldest);
				}
				for (const block of blocks) release(stage, ...block);
			},
			intrude: () => {
				hold(stage, 100);
				hold(stage, 70_000);
			},
		}),
	},
];

// ------------------------------------------------------------------------------------------- directory

function bucketOf(name: string): number {
	let hash = 2166136261;
	for (const byte of Buffer.from(name)) hash = Math.imul(hash ^ byte, 16777619);
	return hash & 63;
}

/** Names that share a bucket with "a". */
const sharing = Array.from({ length: 5000 }, (_, i) => `n${i}`).filter(
	(name) => bucketOf(name) === bucketOf("a"),
);

function constructing(name: string, present: string[]): Scenario {
	return {
		name: `construct ${name}`,
		prepare: ({ victim, other, world }) => {
			for (const each of present) other.construct(each, KIND_QUEUE, 1024);
			const intruder = sharing[40] as string;
			return {
				act: () => {
					const object = victim.construct("a", KIND_QUEUE, 1024);
					if (object === FULL) return;
					expect(victim.find("a") === object, "what was made is not found");
				},
				intrude: () => {
					// Somebody uses it at once, and dies.
					const third = world.participant(3);
					const early = third.open("a");
					if (early >= STATUS_LIMIT) {
						attach(third, early, "producer");
						attach(third, early, "consumer");
					}
					other.recover(third.slot);
					other.construct("a", KIND_QUEUE, 1024);
					other.construct(intruder, KIND_QUEUE, 1024);
				},
				verify: () => {
					const { core, me } = other;
					for (const each of present) expect(other.find(each) >= STATUS_LIMIT, `${each} was lost`);
					expect(other.find("absent") === NOT_FOUND, "a name from nowhere");
					// Whoever made it, it is whole, and both ends are free.
					for (const each of ["a", intruder]) {
						const object = other.construct(each, KIND_QUEUE, 1024);
						expect(core.capacityOf(object) > 0, "an object that is no block");
						expect(receiveAll(other, object).length === 0, "a queue that is not empty");
						attach(other, object, "producer");
						expect(other.send(object, "hello"), "no room in a new queue");
						core.detachProducer(me, object);
						expect(receiveAll(other, object)[0] === "hello", "a new queue that loses messages");
					}
				},
			};
		},
	};
}

const directory: Scenario[] = [
	constructing("the first of its bucket", []),
	constructing("the second of its bucket", sharing.slice(0, 1)),
	constructing("the seventeenth of its bucket", sharing.slice(0, 16)),
];

// ---------------------------------------------------------------------------------------------- queues

const CAPACITY = 256;

function attach({ core, me }: Participant, queue: number, side: "producer" | "consumer"): void {
	const status =
		(side === "producer" ? core.attachProducer(me, queue) : core.attachConsumer(me, queue)) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `the ${side} could not attach: ${status}`);
}

/** What the next message says, and its position, held. */
function receive(who: Participant, queue: number): { text: string; position: number } | number {
	const { core, me, world } = who;
	const at = core.peek(me, queue) >>> 0;
	if (at < STATUS_LIMIT) return at;
	let text = Buffer.from(world.bytes.slice(at, at + who.result(SLOT_RESULT_2))).toString();
	if (who.result(SLOT_RESULT_3) === RECORD_BLOCK) {
		const block = who.result(SLOT_RESULT_4);
		const length = who.result(SLOT_RESULT_5);
		const filled = isFilled(world, block, length, 0xee);
		text = `${text.slice(REFERENCE_BYTES)}+${filled ? length : "torn"}`;
	}
	return { text, position: who.result() };
}

/** All that is in the queue, released; attaches and detaches if `who` is not the consumer. */
function receiveAll(who: Participant, queue: number, attached = false): string[] {
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

/** The queue still works. */
function tryOut(who: Participant, queue: number): void {
	attach(who, queue, "producer");
	for (const text of ["x", "y".repeat(60), "z".repeat(100)]) {
		expect(who.send(queue, text), "no room in an empty queue");
		const got = receiveAll(who, queue);
		expect(got.length === 1 && got[0] === text, `sent ${text}, received ${got}`);
	}
	who.core.detachProducer(who.me, queue);
}

/** Puts the positions of an empty queue to `position`. */
function moveTo({ words }: World, queue: number, position: number): void {
	for (const field of [QUEUE_TAIL, QUEUE_CLAIMED, QUEUE_HEAD, QUEUE_NEXT])
		words[(queue + field) >> 2] = position;
}

/** What is sent, in steps that are each published at once; `other` receives. */
function sending(
	name: string,
	position: number,
	steps: ((stage: Stage, queue: number) => string[])[],
): Scenario {
	return {
		name: `send ${name}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const queue = other.construct("queue", KIND_QUEUE, CAPACITY);
			moveTo(world, queue, position);
			attach(other, queue, "consumer");
			attach(victim, queue, "producer");
			victim.send(queue, "one");
			let published = ["one"];
			let begun: string[] = [];
			let received: string[] = [];
			return {
				reset: () => {
					published = ["one"];
					received = [];
					begun = [];
				},
				act: () => {
					for (const step of steps) {
						// It may not return, and what it sends is known only then; texts are the same each time.
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
					const ok = got === sent || (begun.length > 0 && got.startsWith(`${sent},`));
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
	core.publish(me, queue);
	return staged;
}

function sendBlock(stage: Stage, queue: number): string[] {
	const { victim, world } = stage;
	const { core, me } = victim;
	const payload = core.reserve(me, queue, REFERENCE_BYTES + 1) >>> 0;
	if (payload < STATUS_LIMIT) {
		expect(payload === NO_ROOM, `reserving gave ${payload}`);
		return [];
	}
	const block = own(stage, SMALL);
	if (block === 0) {
		core.abort(me, queue);
		return [];
	}
	world.bytes.set(Buffer.from("B"), payload + REFERENCE_BYTES);
	const status = core.commitBlock(me, queue, REFERENCE_BYTES + 1, 0, block, SMALL) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `sending a block gave ${status}`);
	expect(victim.free(block) !== OK, "a block that was sent could be freed");
	return [`B+${SMALL}`];
}

function abortOne({ victim }: Stage, queue: number): string[] {
	if (victim.core.reserve(victim.me, queue, 9) >>> 0 >= STATUS_LIMIT) victim.core.abort(victim.me, queue);
	return [];
}

function sendEnd({ victim }: Stage, queue: number): string[] {
	const status = victim.core.end(victim.me, queue) >>> 0;
	return status === OK || status >= STATUS_LIMIT ? ["end"] : [];
}

/**
 * `other` sends three messages, `victim` receives; in which order it releases them, and whether it takes the
 * blocks.
 */
function receiving(name: string, block: boolean, order: number[], take = 0): Scenario {
	return {
		name: `receive ${name}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const queue = other.construct("queue", KIND_QUEUE, CAPACITY);
			moveTo(world, queue, 0xffff_ffc0);
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

const queues: Scenario[] = [
	sending("text", 0, [sendText("two")]),
	sending("text behind padding", 200, [sendText("t".repeat(40)), sendText("three")]),
	sending("text where positions wrap", 0xffff_ff80, ["two", "t".repeat(50), "three", "four"].map(sendText)),
	sending("a batch", 0, [sendBatch]),
	sending("a block", 0, [sendBlock]),
	sending("a block where positions wrap", 0xffff_ffe0, [sendBlock, sendText("three")]),
	sending("after giving up", 240, [abortOne, sendText("two")]),
	sending("the end, and the next stream", 0, [sendEnd, sendText("three"), sendEnd]),
	receiving("in order", false, [0, 1, 2]),
	receiving("backwards", false, [2, 1, 0]),
	receiving("one of three", false, [1]),
	receiving("blocks in order", true, [0, 1, 2]),
	receiving("blocks backwards", true, [2, 1, 0]),
	receiving("a block and keep it", true, [0], 1),
	receiving("a later block and keep it", true, [1, 0], 1),
	{
		name: "attach and detach both ends",
		prepare: ({ victim, other }) => {
			const queue = other.construct("queue", KIND_QUEUE, CAPACITY);
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
		name: "send records, and end",
		prepare: ({ victim, other, world }) => {
			const queue = other.construct("records", KIND_RECORDS, 64);
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
		name: "receive records",
		prepare: ({ victim, other }) => {
			const queue = other.construct("records", KIND_RECORDS, 64);
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

// --------------------------------------------------------------------------------------------- handles

const NONCE = [12345, 67890] as const;

/** Whether the block saved under `handle` is there and whole. */
function isSaved({ other, world }: Stage, handle: number): boolean {
	const block = other.core.lookUp(handle, ...NONCE) >>> 0;
	expect(block >= STATUS_LIMIT || block === BAD_HANDLE, `looking up gave ${block}`);
	if (block === BAD_HANDLE) return false;
	const length = world.words[(handle + HANDLE_REFERENCE + REFERENCE_LENGTH) >> 2] as number;
	expect(isFilled(world, block, length, 0xee), "what was saved is not whole");
	return true;
}

function saveBlock(
	stage: Stage,
	who: Participant,
	bytes: number,
	onHandle = (_handle: number) => {},
): number {
	const block = own({ ...stage, victim: who }, bytes);
	if (block === 0) return 0;
	const handle = who.committing(() => who.core.allocateHandle(who.me));
	if (handle < STATUS_LIMIT) return 0;
	onHandle(handle);
	expect(who.core.save(who.me, handle, ...NONCE, block, bytes) === OK, "a block could not be saved");
	return handle;
}

const handles: Scenario[] = [SMALL, 2 * SPAN_BYTES].flatMap((bytes) => [
	{
		name: `save ${bytes} bytes`,
		prepare: (stage): Play => {
			const { victim, other } = stage;
			let saved = 0;
			return {
				reset: () => {
					saved = 0;
				},
				act: () => {
					saved = saveBlock(stage, victim, bytes);
				},
				intrude: () => hold(stage, bytes),
				verify: () => {
					if (saved === 0) return;
					expect(isSaved(stage, saved), "what was saved is gone");
					const status = other.core.freeSaved(other.me, saved, ...NONCE);
					expect(status === OK, `what was saved could not be freed: ${status}`);
				},
			};
		},
	},
	{
		name: `free ${bytes} saved bytes`,
		prepare: (stage): Play => {
			const { victim, other } = stage;
			const handle = saveBlock(stage, other, bytes);
			let freed = false;
			return {
				reset: () => {
					freed = false;
				},
				act: () => {
					expect(victim.core.freeSaved(victim.me, handle, ...NONCE) === OK, "it could not be freed");
					freed = true;
					expect(victim.core.freeSaved(victim.me, handle, ...NONCE) === BAD_HANDLE, "it was freed twice");
				},
				verify: () => {
					expect(!freed || !isSaved(stage, handle), "a handle outlived its block");
					if (isSaved(stage, handle)) other.core.freeSaved(other.me, handle, ...NONCE);
					expect(!isSaved(stage, handle), "a handle outlived its block");
				},
			};
		},
	},
]);

// ---------------------------------------------------------------------------------------- participants

/** `victim` recovers from a third one, who died so many writes before the end of `body`. */
function recovering(name: string, before: number, bytes: number): Scenario {
	return {
		name: `recover from one that died ${before} writes before it had ${name}`,
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const third = world.participant(3, "writes");
			const snapshot = world.snapshot();
			third.crashesAt(0, () => void third.allocate(bytes));
			const writes = third.accesses;
			world.restore(snapshot);
			expect(
				third.crashesAt(writes - before, () => void third.allocate(bytes)),
				"it lives",
			);
			return {
				act: () => void victim.recover(third.slot),
				verify: () => void other.recover(third.slot),
			};
		},
	};
}

const participants: Scenario[] = [
	...[0, 1, 2, 3, 4, 5].map((before) => recovering("a block of a new span", before, SMALL)),
	...[0, 1, 2].map((before) => recovering("a run", before, 3 * SPAN_BYTES)),
	{
		name: "join",
		prepare: ({ victim, other }) => {
			other.recover(victim.slot);
			return {
				act: () => {
					victim.core.join(victim.slot);
				},
			};
		},
	},
	{
		name: "leave, owning some of everything",
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const queue = other.construct("queue", KIND_QUEUE, CAPACITY);
			for (const bytes of [1, 1, 100, SMALL, SMALL, 30_000, SPAN_BYTES, 2 * SPAN_BYTES]) own(stage, bytes);
			attach(victim, queue, "producer");
			attach(other, queue, "consumer");
			sendBlock(stage, queue);
			let received: string[] = [];
			return {
				reset: () => {
					received = [];
				},
				act: () => {
					expect(victim.recover(victim.slot).status === OK, "leaving failed");
				},
				intrude: () => {
					received.push(...receiveAll(other, queue, true));
				},
				verify: () => {
					expect(world.words.length > 0, "the world is gone");
					received.push(...receiveAll(other, queue, true));
					expect(received.join() === `B+${SMALL}`, `received ${received}`);
					other.core.detachConsumer(other.me, queue);
					tryOut(other, queue);
				},
			};
		},
	},
];

export const scenarios: readonly Scenario[] = [
	...allocation,
	...directory,
	...queues,
	...handles,
	...participants,
];
