/** Two participants allocate and free at once. */
import { SPAN_BYTES, SPAN_SHIFT } from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { allocate, expect, free, pair, type Stage } from "../stage.js";
import type { Program } from "../stepper.js";

/** A size class with few blocks in a span: the fewer accesses, the more of their schedules can be tried. */
const LARGE = 30_000;

/** Allocates a block, holds it, and frees it. */
function* use(who: Participant, bytes: number, mark: number): Program {
	const block = yield* allocate(who, bytes, mark);
	yield* free(who, block, bytes, mark);
}

/** Allocates a block and keeps it. */
function* take(who: Participant, bytes: number, got: number[], mark: number): Program {
	const block = yield* allocate(who, bytes, mark);
	if (block !== 0) got.push(block);
}

/** Both allocate; they must get different blocks. */
function taking(name: string, sizes: [number, number], prepare: (stage: Stage) => void, atLeast = 2): Pair {
	return pair(name, (stage) => {
		prepare(stage);
		const { a, b, world, observer } = stage;
		const used = observer.core.used();
		const got: [number[], number[]] = [[], []];
		return {
			a: () => take(a, sizes[0], got[0], 1),
			b: () => take(b, sizes[1], got[1], 2),
			reset: () => {
				got[0].length = 0;
				got[1].length = 0;
			},
			check: () => {
				expect(got[0].length + got[1].length >= atLeast, "there was room for both");
				for (const side of [0, 1] as const) {
					for (const block of got[side]) {
						expect(world.isFilled(block, sizes[side], side + 1), "a block was given out twice");
					}
				}
			},
			used,
		};
	});
}

/** Leaves a span without a keeper, with one free block of a class with two. */
function leaveOneFree({ observer }: Stage): void {
	const [first] = [observer.allocate(LARGE), observer.allocate(LARGE)];
	observer.allocate(LARGE);
	observer.free(first as number);
}

export const allocator: Pair[] = [
	taking("allocate the first block of a class, both", [LARGE, LARGE], () => {}),
	taking("allocate a block of a span that nobody keeps, both", [LARGE, LARGE], leaveOneFree),
	taking(
		"allocate the last free block, both",
		[LARGE, LARGE],
		(stage) => {
			leaveOneFree(stage);
			while (stage.observer.allocate(SPAN_BYTES) >= SPAN_BYTES);
		},
		1,
	),
	taking("allocate runs, both", [2 * SPAN_BYTES, 2 * SPAN_BYTES], () => {}),
	taking(
		"allocate the last run, both",
		[2 * SPAN_BYTES, 2 * SPAN_BYTES],
		({ observer, world }) => {
			for (let spans = world.spans - world.heap - 2; spans > 0; spans--) observer.allocate(SPAN_BYTES);
		},
		0,
	),
	taking("allocate a run, and a block", [2 * SPAN_BYTES, LARGE], () => {}),
	pair("allocate and free of one class, both", ({ a, b }) => ({
		a: () => use(a, LARGE, 1),
		b: () => use(b, LARGE, 2),
	})),
	pair("free the last two blocks of a span that nobody keeps", ({ a, b }) => {
		const mine = a.allocate(LARGE);
		a.free(a.allocate(LARGE));
		// It turns to another span, and leaves this one to the others.
		const filler = [b.allocate(LARGE), b.allocate(LARGE), b.allocate(LARGE)];
		const theirs =
			filler.find((block) => block >> SPAN_SHIFT === mine >> SPAN_SHIFT) ?? (filler[0] as number);
		for (const block of filler) if (block !== theirs) b.free(block);
		return {
			a: () => free(a, mine),
			b: () => free(b, theirs),
		};
	}),
	pair("free the last block of a span, while another allocates of that class", ({ a, b }) => {
		const blocks = [a.allocate(LARGE), a.allocate(LARGE), a.allocate(LARGE)];
		a.free(blocks[1] as number);
		return {
			a: () => free(a, blocks[0] as number),
			b: () => use(b, LARGE, 2),
		};
	}),
	pair("take empty spans apart, while another allocates in one", ({ a, b }) => {
		a.free(a.allocate(LARGE));
		return {
			*a() {
				yield ["reclaim", a.me];
			},
			b: () => use(b, LARGE, 2),
		};
	}),
	pair(
		"take an empty span apart and cut it anew, while another allocates in it",
		({ a, b, observer, world }) => {
			const block = b.allocate(LARGE);
			// There is no other span.
			const rest: number[] = [];
			for (let spans = world.spans - world.heap - 1; spans > 0; spans--)
				rest.push(observer.allocate(SPAN_BYTES));
			b.free(block);
			return {
				a: () => use(a, 16_000, 1),
				b: () => use(b, LARGE, 2),
				tidy: () => {
					for (const each of rest) observer.free(each);
				},
			};
		},
	),
	pair("take empty spans apart, both", ({ a, b }) => {
		a.free(a.allocate(LARGE));
		b.free(b.allocate(LARGE));
		return {
			*a() {
				yield ["reclaim", a.me];
			},
			*b() {
				yield ["reclaim", b.me];
			},
		};
	}),
	pair("free a run, while another allocates one", ({ a, b }) => {
		const run = a.allocate(3 * SPAN_BYTES);
		return {
			a: () => free(a, run),
			b: () => use(b, 2 * SPAN_BYTES, 2),
		};
	}),
	pair("free a block that another tries to free too", ({ a, b }) => {
		const block = a.allocate(LARGE);
		return {
			a: () => free(a, block),
			*b() {
				const status = yield ["free", b.me, block];
				expect(status !== 0, "somebody else's block was freed");
			},
		};
	}),
];
