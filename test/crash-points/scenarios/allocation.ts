/** Blocks: allocating and freeing them. */
import {
	DESCRIPTOR_BYTES,
	DESCRIPTOR_STATE,
	DOUBLE_FREE,
	HEADER_BUSY,
	HEADER_DESCRIPTORS,
	INTENT_RUN,
	NEED_COMMIT,
	NOT_A_BLOCK,
	NOT_OWNER,
	OK,
	SLOT_BYTES,
	SLOT_INTENT,
	SLOTS_START,
	SPAN_BYTES,
	SPAN_FREE,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import {
	drop,
	expect,
	fillBut,
	grab,
	hold,
	own,
	PER_SPAN,
	release,
	type Scenario,
	SMALL,
	type Stage,
} from "./stage.js";

function allocating(name: string, bytes: number, prepare: (stage: Stage) => void): Scenario {
	return {
		name: `allocate ${bytes} bytes: ${name}`,
		prepare: (stage) => {
			prepare(stage);
			return {
				act: () => {
					const block = own(stage, bytes);
					// The next block must be another one.
					if (block !== 0) expect(own(stage, bytes) !== block, "a block was given out twice");
				},
				intrude: () => hold(stage, bytes),
			};
		},
	};
}

function freeing(name: string, bytes: number, prepare: (stage: Stage) => number, intruding = 1): Scenario {
	return {
		name: `free ${bytes} bytes: ${name}`,
		prepare: (stage) => {
			const block = prepare(stage);
			const others = stage.world.heap;
			expect(block >= others, "there is no block to free");
			return {
				act: () => release(stage, block, bytes),
				intrude: () => {
					for (let i = 0; i < intruding; i++) hold(stage, bytes);
				},
			};
		},
	};
}

/** The writes that note the intent, and the claim of the first span. */
const CLAIM = 6;
/** The same for giving a span back, up to the write that frees it. */
const GIVEN_BACK = 9;

/** A third participant, which is stopped while it claims the first span or gives it back. */
function stopped({ world }: Stage, what: "claiming" | "giving back"): Participant {
	const third = world.participant(3, "writes");
	const block = third.allocate(SPAN_BYTES);
	const claims = what === "claiming";
	if (claims) expect(third.free(block) === OK, "a span could not be freed");
	const act = () => void (claims ? third.allocate(SPAN_BYTES) : third.free(block));
	expect(third.crashesAt(1 + (claims ? CLAIM : GIVEN_BACK), act), "it takes fewer writes");
	return third;
}

/** The first span for blocks: whether it is free, and whether the bitmap says that it is busy. */
function firstSpan({ world }: Stage): { free: boolean; busy: boolean } {
	const word = (at: number) => world.words[at >> 2] as number;
	const { heap } = world;
	return {
		free: word(word(HEADER_DESCRIPTORS) + heap * DESCRIPTOR_BYTES + DESCRIPTOR_STATE) === SPAN_FREE,
		busy: (word(word(HEADER_BUSY) + (heap >> 5) * 4) & (1 << (heap & 31))) !== 0,
	};
}

/** Calls `body` once, from the next access of `victim` on, as soon as `isSeen` returns true. */
function asSoonAs({ victim }: Stage, isSeen: () => boolean, body: () => void): void {
	let isDone = false;
	victim.onAccess = () => {
		if (isDone || !isSeen()) return;
		isDone = true;
		body();
	};
}

export const allocation: Scenario[] = [
	{
		name: "allocate a span that a third one has claimed, and gives back when this one has noticed",
		prepare: (stage) => {
			const { victim, other, world } = stage;
			const third = stopped(stage, "claiming");
			const before = firstSpan(stage);
			expect(!before.free && !before.busy, "it is not in the midst of claiming the first span");
			const intent = (SLOTS_START + victim.slot * SLOT_BYTES + SLOT_INTENT) >> 2;
			return {
				act: () => {
					const block = own(stage, SPAN_BYTES);
					if (block !== 0) release(stage, block, SPAN_BYTES);
				},
				intrude: () => {
					let begun = false;
					const hasLost = () => {
						const isBegun = world.words[intent] === INTENT_RUN;
						const lost = begun && !isBegun;
						begun ||= isBegun;
						return lost;
					};
					asSoonAs(stage, hasLost, () => void other.recover(third.slot));
				},
				verify: () => void other.recover(third.slot),
			};
		},
	},
	{
		name: "give back every empty span, while a third one does with one, and another takes that at once",
		prepare: (stage) => {
			const { victim, other } = stage;
			const third = stopped(stage, "giving back");
			const before = firstSpan(stage);
			expect(before.free && before.busy, "it is not in the midst of giving the first span back");
			return {
				act: () => victim.core.reclaim(victim.me),
				intrude: () =>
					asSoonAs(
						stage,
						() => !firstSpan(stage).busy,
						() => {
							const block = hold(stage, SPAN_BYTES);
							expect(block === stage.world.heap * SPAN_BYTES, "it is not the first span");
						},
					),
				verify: () => void other.recover(third.slot),
			};
		},
	},
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
	allocating("from a span that it keeps empty", SMALL, (stage) => {
		stage.victim.free(own(stage, SMALL));
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
	freeing(
		"the last one of a span that was left, which another fills and leaves meanwhile",
		SMALL,
		(stage) => {
			const blocks = Array.from({ length: PER_SPAN + 1 }, () => own(stage, SMALL));
			for (const block of blocks.slice(1, PER_SPAN)) stage.victim.free(block);
			return blocks[0] as number;
		},
		PER_SPAN + 1,
	),
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
	{
		name: "claim a run, give up the claim, claim another",
		prepare: (stage) => {
			const { victim } = stage;
			own(stage, 1);
			return {
				act: () => {
					const { core, me } = victim;
					if (core.allocate(me, 2 * SPAN_BYTES) >>> 0 === NEED_COMMIT) core.cancel(me);
					if (core.allocate(me, 2 * SPAN_BYTES) >>> 0 !== NEED_COMMIT) return;
					const block = own(stage, 3 * SPAN_BYTES);
					if (block !== 0) release(stage, block, 3 * SPAN_BYTES);
				},
				intrude: () => hold(stage, 2 * SPAN_BYTES),
			};
		},
	},
	{
		name: "give back every empty span",
		prepare: (stage) => {
			const { victim } = stage;
			const blocks = [100, 1000, SMALL].map((bytes) => own(stage, bytes));
			for (const block of blocks) victim.free(block);
			drop(stage, hold(stage, 2000));
			return {
				act: () => {
					victim.core.reclaim(victim.me);
				},
				intrude: () => hold(stage, 1000),
			};
		},
	},
];
