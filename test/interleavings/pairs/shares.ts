/** References to one block: two participants make them, hand them over and give them up at once. */
import { KIND_QUEUE, OK, REFERENCE_BYTES, STATUS_LIMIT } from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { allocate, call, expect, free, give, openTo, pair, type Scene, type Stage } from "../stage.js";
import type { Call, Program } from "../stepper.js";

/** A size class with few blocks in a span. */
const LARGE = 30_000;
const MARK = 7;

interface Shared {
	block: number;
	/** The reference of `a`, and that of `b`. */
	references: [number, number];
	/** The references that were made since. */
	got: number[];
}

/** A block with a reference of `a` and one of `b`. Each participant has a slab of shares of its own. */
function shared({ a, b, world }: Stage, bytes: number): Shared {
	b.core.freeInternal(
		b.me,
		b.committing(() => b.core.allocateShare(b.me)),
	);
	const block = a.allocate(bytes);
	const share = a.committing(() => a.core.allocateShare(a.me));
	const mine = a.core.share(a.me, block, share) >>> 0;
	const theirs = a.core.addReference(a.me, mine) >>> 0;
	expect(mine >= STATUS_LIMIT && theirs >= STATUS_LIMIT, "it could not be shared");
	give(a, b, theirs);
	world.fill(block, bytes, MARK);
	return { block, references: [mine, theirs], got: [] };
}

/** Checks, through a reference, that the block has its contents. */
function* look({ block }: Shared, reference: number): Program {
	expect((yield ["bytesOf", reference]) === block, "the reference is to another block");
	expect((yield ["filled", block, LARGE, MARK]) === 1, "the block was freed, and there is a reference");
}

function* giveUp(who: Participant, reference: number): Program {
	const status = yield ["free", who.me, reference];
	expect(status === OK, `freeing gave ${status}`);
}

/** Takes free memory and overwrites it. */
function* spoil(who: Participant): Program {
	yield* free(who, yield* allocate(who, LARGE, 9));
}

function sharing(
	name: string,
	a: (who: Participant, shared: Shared) => Program,
	b: (who: Participant, shared: Shared) => Program,
	more: {
		prepare?(stage: Stage, all: Shared): void;
		check?(all: Shared, stage: Stage): void;
		tidy?(stage: Stage): void;
	} = {},
): Pair {
	return pair(name, (stage): Scene => {
		const all = shared(stage, LARGE);
		more.prepare?.(stage, all);
		return {
			a: () => a(stage.a, all),
			b: () => b(stage.b, all),
			reset: () => {
				all.got = [];
			},
			check: () => {
				more.check?.(all, stage);
				// A participant that still has a reference can read through it.
				for (const each of all.got) {
					expect(
						stage.world.isFilled(all.block, LARGE, MARK),
						"the block was freed, and there is a reference",
					);
					expect(stage.observer.core.bytesOf(each) >>> 0 === all.block, "a reference is to another block");
				}
			},
			tidy: () => more.tidy?.(stage),
		};
	});
}

/** Shares a block of its own, and gives it up again. */
function* shareAnother(who: Participant): Program {
	const block = yield* allocate(who, LARGE, 9);
	const share = yield* call(who, "allocateShare", who.me);
	const reference = yield ["share", who.me, block, share];
	expect(reference >= STATUS_LIMIT, `sharing gave ${reference}`);
	expect((yield ["filled", block, LARGE, 9]) === 1, "a shared block was freed");
	expect((yield ["bytesOf", reference]) === block, "the reference is to another block");
	yield* giveUp(who, reference);
}

/** A queue from `a` to the observer. */
function toObserver({ a, observer }: Stage): number {
	const queue = openTo(observer.construct("queue", KIND_QUEUE, { capacity: 64 }), a);
	a.core.attachProducer(a.me, queue);
	observer.core.attachConsumer(observer.me, queue);
	return queue;
}

function sendAndFree(): Pair {
	let queue = 0;
	return sharing(
		"send a reference, while another gives up the other",
		function* (who, { references }) {
			yield ["reserve", who.me, queue, REFERENCE_BYTES];
			const result = yield ["commitBlock", who.me, queue, REFERENCE_BYTES, 1, references[0], LARGE];
			expect(result === OK, `sending gave ${result}`);
		},
		function* (who, { references }) {
			yield* giveUp(who, references[1]);
			yield* spoil(who);
		},
		{
			prepare: (stage) => {
				queue = toObserver(stage);
			},
			check: ({ block }, { observer, world }) => {
				expect(observer.core.peek(observer.me, queue) >>> 0 >= STATUS_LIMIT, "it was not sent");
				expect(world.isFilled(block, LARGE, MARK), "what was sent is freed");
			},
			tidy: ({ observer }) => expect(observer.remove("queue") === OK, "the queue is lost"),
		},
	);
}

export const shares: Pair[] = [
	sharing(
		"give up the last two references, both",
		(who, { references }) => giveUp(who, references[0]),
		(who, { references }) => giveUp(who, references[1]),
		{ check: (_, { observer }) => expect(observer.core.used() === 0, "the block is not free") },
	),
	sharing(
		"give up a reference, while another adds one",
		function* (who, { references }) {
			yield* giveUp(who, references[0]);
			yield* spoil(who);
		},
		function* (who, all) {
			const reference = yield ["addReference", who.me, all.references[1]];
			expect(reference >= STATUS_LIMIT, `adding gave ${reference}`);
			all.got.push(reference);
			yield* giveUp(who, all.references[1]);
			yield* look(all, reference);
		},
	),
	sharing(
		"add a reference, both",
		function* (who, all) {
			all.got.push(yield ["addReference", who.me, all.references[0]]);
		},
		function* (who, all) {
			all.got.push(yield ["addReference", who.me, all.references[1]]);
		},
		{ check: ({ got }) => expect(got[0] !== got[1], "both got one reference") },
	),
	sharing(
		"give up a reference, while another gives up the last and shares another block",
		function* (who, { references }) {
			yield* giveUp(who, references[0]);
			yield* shareAnother(who);
		},
		(who, { references }) => giveUp(who, references[1]),
		{ check: (_, { observer }) => expect(observer.core.used() === 0, "a block is not free") },
	),
	sharing(
		"give up a reference twice over, while another gives up the last and shares another block",
		function* (who, { references }) {
			yield* giveUp(who, references[0]);
			const block = yield* allocate(who, LARGE, 9);
			const share = yield* call(who, "allocateShare", who.me);
			const reference = yield ["share", who.me, block, share];
			const other = yield ["addReference", who.me, reference];
			yield* giveUp(who, reference);
			expect((yield ["bytesOf", other]) === block, "the reference is to another block");
			expect((yield ["filled", block, LARGE, 9]) === 1, "a shared block was freed");
		},
		function* (who, { references }) {
			yield* giveUp(who, references[1]);
			yield* spoil(who);
		},
	),
	sharing(
		"give up a reference, share another block and leave, while another gives up the last",
		function* (who, { references }) {
			yield* giveUp(who, references[0]);
			const block = yield* allocate(who, LARGE, 9);
			const share = yield* call(who, "allocateShare", who.me);
			yield ["share", who.me, block, share];
			expect((yield ["recover", who.slot]) === OK, "it could not leave");
		},
		(who, { references }) => giveUp(who, references[1]),
	),
	sharing(
		"share a block, while another gives up references to another",
		(who) => shareAnother(who),
		(who, { references }) => giveUp(who, references[1]),
	),
	sendAndFree(),
	pair("give up what was sent, while another gives up the other reference", (stage): Scene => {
		const all = shared(stage, LARGE);
		const { a, b, observer } = stage;
		const queue = openTo(observer.construct("queue", KIND_QUEUE, { capacity: 64 }), a, b);
		b.core.attachProducer(b.me, queue);
		a.core.attachConsumer(a.me, queue);
		b.core.reserve(b.me, queue, REFERENCE_BYTES);
		b.core.commitBlock(b.me, queue, REFERENCE_BYTES, 1, all.references[1], LARGE);
		return {
			*a() {
				const payload: number = yield ["peek", a.me, queue];
				expect(payload >= STATUS_LIMIT, "nothing came");
				yield* releaseOne(a, queue);
				yield* giveUp(a, all.references[0]);
			},
			*b() {
				yield* shareAnother(b);
			},
			check: () => expect(observer.core.used() > 0, "the queue is gone"),
			tidy: () => expect(observer.remove("queue") === OK, "the queue is lost"),
		};
	}),
];

function* releaseOne(who: Participant, queue: number): Generator<Call, void, number> {
	const result = yield ["release", who.me, queue, who.result(), 0];
	expect(result === OK, `releasing gave ${result}`);
}
