/** Blocks in the bulk space, and giving back the free memory of both spaces. */
import {
	BULK_SPAN_BYTES,
	BULK_WINDOW,
	DESCRIPTOR_BYTES,
	DESCRIPTOR_PAGES,
	DESCRIPTOR_STATE,
	FULL,
	HEADER_DESCRIPTORS,
	KIND_ARRAY,
	KIND_QUEUE,
	KIND_VECTOR,
	NEED_COMMIT,
	NOT_FOUND,
	OBJECT_DATA,
	OK,
	SPAN_BYTES,
	SPAN_FREE,
	SPAN_READ_LATE,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant, World } from "../world.js";
import { attach } from "./messages.js";
import { drop, expect, hold, own, type Play, release, type Scenario, type Stage } from "./stage.js";

const MIB = 1024 * 1024;
const FEW = 6;

/** Allocates a bulk block for `who`; 0 if there is no room. Its spans have pages. */
function take({ world }: Stage, who: Participant, spans: number): number {
	const block = who.committing(() => who.core.allocateBulk(who.me, spans * BULK_SPAN_BYTES - MIB));
	if (block < STATUS_LIMIT) {
		expect(block === FULL, `allocating gave status ${block}`);
		return 0;
	}
	expect(who.core.capacityOf(block) >>> 0 === spans * BULK_SPAN_BYTES, "the bulk block has another size");
	expect(who.core.bytesOf(block) === 0, "the bytes of a bulk block are in the heap");
	const first = firstOf(who, block);
	const isInWindow = Math.floor(first / BULK_WINDOW) === Math.floor((first + spans - 1) / BULK_WINDOW);
	expect(isInWindow, `bulk spans ${first} to ${first + spans - 1} are not in one window`);
	for (let span = first; span < first + spans; span++)
		expect(world.backed[world.spans + span] === 1, `bulk span ${span} is handed out without pages`);
	return block;
}

/** The first bulk span of a block. */
function firstOf({ core, world }: Participant, block: number): number {
	const heap = Math.ceil((world.spans * SPAN_BYTES) / BULK_SPAN_BYTES);
	return core.fileOffsetOf(block) / BULK_SPAN_BYTES - heap;
}

/** Takes all bulk spans one by one, which must be `free` different ones, and frees them. */
function takeAll(stage: Stage, free: number): void {
	const { other } = stage;
	const blocks = [];
	for (let block = take(stage, other, 1); block !== 0; block = take(stage, other, 1)) blocks.push(block);
	const spans = new Set(blocks.map((block) => firstOf(other, block)));
	expect(spans.size === blocks.length, "a bulk span was given out twice");
	expect(blocks.length === free, `${free} bulk spans should be free, ${blocks.length} could be had`);
	for (const block of blocks) expect(other.free(block) === OK, "a bulk block could not be freed");
}

interface Space {
	bulk?: number;
	/** The lengths of the runs of spans that `other` has taken, from the first span on. */
	before?: readonly number[];
	/** How many of these, the first ones, are freed again. */
	freed?: number;
}

function bulkScenario(name: string, space: Space, prepare: (stage: Stage, held: number[]) => Play): Scenario {
	const { bulk = FEW, before = [], freed = 0 } = space;
	return {
		name: `bulk: ${name}`,
		bulk,
		prepare: (stage) => {
			const { other } = stage;
			// A new bulk block must not have anything of what was there before.
			const old = hold(stage, 4 * SPAN_BYTES);
			drop(stage, old);
			const held = before.map((spans) => take(stage, other, spans));
			expect(!held.includes(0), "there is no room for what was there before");
			for (const block of held.splice(0, freed)) other.free(block);
			const play = prepare(stage, held);
			const kept = [...held];
			return {
				...play,
				reset: () => {
					held.splice(0, held.length, ...kept);
					play.reset?.();
				},
				verify: () => {
					play.verify?.();
					for (const block of held) expect(other.free(block) === OK, "a held bulk block could not be freed");
					takeAll(stage, bulk);
				},
			};
		},
	};
}

function allocating(name: string, spans: number, space: Space): Scenario {
	return bulkScenario(`allocate ${spans} spans ${name}`, space, (stage, held) => ({
		act: () => {
			const block = take(stage, stage.victim, spans);
			stage.victim.core.largestFreeBulk();
			if (block !== 0) expect(take(stage, stage.victim, spans) !== block, "a block was given out twice");
		},
		intrude: () => {
			const block = take(stage, stage.other, 1);
			if (block !== 0) held.push(block);
		},
	}));
}

function freeing(spans: number, space: Space): Scenario {
	return bulkScenario(`free ${spans} spans`, space, (stage, held) => {
		const block = take(stage, stage.victim, spans);
		return {
			act: () => void expect(stage.victim.free(block) === OK, "it could not be freed"),
			intrude: () => {
				const next = take(stage, stage.other, 1);
				if (next !== 0) held.push(next);
			},
		};
	});
}

const queue = bulkScenario("send a block and receive it", { before: [2] }, ({ other, victim }, held) => {
	const queue = other.construct("queue", KIND_QUEUE, { capacity: 256 });
	attach(other, queue, "producer");
	attach(victim, queue, "consumer");
	const block = held.pop() as number;
	const reserved = () => other.core.reserve(other.me, queue, 32) >>> 0;
	expect(reserved() >= STATUS_LIMIT, "there is no room to reserve");
	const { core, me } = other;
	expect(core.commitBlock(me, queue, 32, 0, block, 3 * MIB) >>> 0 !== FULL, "it could not be sent");
	let isReceived = false;
	return {
		reset: () => {
			isReceived = false;
		},
		act: () => {
			const position = victim.core.peek(victim.me, queue) >>> 0;
			expect(position >= STATUS_LIMIT, `receiving gave ${position}`);
			const status = victim.core.release(victim.me, queue, victim.result(), 0) >>> 0;
			expect(status === OK || status >= STATUS_LIMIT, `releasing gave ${status}`);
			isReceived = true;
		},
		verify: () => {
			attach(other, queue, "consumer");
			const again = core.peek(me, queue) >>> 0;
			if (isReceived) expect(again < STATUS_LIMIT, "a released message comes again");
			if (again >= STATUS_LIMIT) core.release(me, queue, other.result(), 0);
			other.core.detachConsumer(other.me, queue);
			other.core.detachProducer(other.me, queue);
		},
	};
});

/** The state of a span of the heap, and whether somebody may still read it after it was freed. */
function descriptorAt(world: World, span: number): { state: number; isLate: boolean } {
	const at = ((world.words[HEADER_DESCRIPTORS >> 2] as number) + span * DESCRIPTOR_BYTES) >> 2;
	const state = world.words[at + (DESCRIPTOR_STATE >> 2)] as number;
	const pages = world.words[at + (DESCRIPTOR_PAGES >> 2)] as number;
	return { state, isLate: (pages & SPAN_READ_LATE) !== 0 };
}

/** All pages of free memory are given back, unless a participant was stopped in between. */
function expectTrimmed({ world, other }: Stage): void {
	other.trim();
	const left = world.backed.subarray(world.spans).indexOf(1);
	expect(left === -1, `bulk span ${left} is free and keeps its pages`);
	for (let span = world.heap; span < world.spans; span++) {
		const { state, isLate } = descriptorAt(world, span);
		const mayHavePages = state !== SPAN_FREE || isLate;
		expect(mayHavePages || world.backed[span] === 0, `span ${span} is free and keeps its pages`);
	}
}

const trimming: Scenario[] = [
	bulkScenario("give back what is free", { before: [1, 2, 1, 1], freed: 2 }, (stage, held) => ({
		act: () => stage.victim.trim(),
		intrude: () => {
			const block = take(stage, stage.other, 2);
			if (block !== 0) held.push(block);
		},
	})),
	bulkScenario("a claim of many is undone, and its pages given back", { before: [1] }, (stage) => ({
		act: () => {
			const { core, me } = stage.victim;
			const bytes = 4 * BULK_SPAN_BYTES;
			if (core.allocateBulk(me, bytes) >>> 0 === NEED_COMMIT) stage.victim.commit();
			if (core.allocateBulk(me, bytes) >>> 0 === NEED_COMMIT) {
				core.cancel(me);
				expect(!stage.world.owns(stage.victim.slot + 1), "a claim that was undone leaves a block");
			}
			stage.victim.trim();
		},
		intrude: () => stage.other.trim(),
	})),
	{
		name: "give back what is free in the heap",
		prepare: (stage) => {
			const { victim } = stage;
			const block = own(stage, 3 * SPAN_BYTES);
			const kept = own(stage, SPAN_BYTES);
			release(stage, block, 3 * SPAN_BYTES);
			return {
				act: () => {
					victim.trim();
					release(stage, kept, SPAN_BYTES);
					victim.trim();
				},
				intrude: () => hold(stage, 2 * SPAN_BYTES),
				verify: () => expectTrimmed(stage),
			};
		},
	},
];

/** Memory that was replaced in a vector may still be read. */
const replaced: Scenario = {
	name: "give back: what a vector has left keeps its pages",
	prepare: (stage) => {
		const { victim, other, world } = stage;
		const vector = other.construct("vector", KIND_VECTOR, { bytes: 2 * SPAN_BYTES });
		victim.use(vector);
		const old = world.words[(vector + OBJECT_DATA) >> 2] as number;
		return {
			act: () => {
				expect(victim.core.tryLock(victim.me, vector) === OK, "the vector is locked");
				const fresh = own(stage, 3 * SPAN_BYTES);
				if (fresh === 0) return;
				const status = victim.core.moveVector(victim.me, vector, fresh, 100) >>> 0;
				expect(status === OK, `moving gave ${status}`);
				victim.core.unlock(victim.me, vector);
				other.trim();
				const first = old / SPAN_BYTES;
				expect(world.backed[first] === 1 && world.backed[first + 1] === 1, "a late reader finds no pages");
			},
			verify: () => void expect(other.remove("vector") === OK, "the vector could not be removed"),
		};
	},
};

/** What a struct or array had is read by nobody once it is removed. */
const removed: Scenario = {
	name: "give back: what an array has left is given back",
	prepare: (stage) => {
		const { victim, other, world } = stage;
		const array = victim.construct("array", KIND_ARRAY, { bytes: 2 * SPAN_BYTES });
		const first = (world.words[(array + OBJECT_DATA) >> 2] as number) / SPAN_BYTES;
		return {
			act: () => {
				expect(victim.remove("array") === OK, "the array could not be removed");
				victim.trim();
				for (const span of [first, first + 1])
					expect(!descriptorAt(world, span).isLate, `what the array had keeps its pages: span ${span}`);
			},
			verify: () => {
				const status = other.remove("array");
				expect(status === OK || status === NOT_FOUND, `removing again gave ${status}`);
			},
		};
	},
};

export const bulk: Scenario[] = [
	allocating("of a fresh space", 2, {}),
	allocating("behind others", 1, { before: [1, 1], freed: 0 }),
	allocating("into a hole that has pages", 2, { before: [2, 1], freed: 1 }),
	allocating("partly with pages", 3, { before: [1, 1], freed: 2 }),
	allocating("that are too many", 4, { before: [3] }),
	allocating("that would cross a window", 2, { bulk: BULK_WINDOW + 4, before: [BULK_WINDOW - 1] }),
	freeing(1, {}),
	freeing(3, { before: [1] }),
	queue,
	bulkScenario("nothing is left without pages", { before: [1, 2], freed: 2 }, (stage) => ({
		act: () => stage.victim.trim(),
		verify: () => expectTrimmed(stage),
	})),
	...trimming,
	replaced,
	removed,
];
