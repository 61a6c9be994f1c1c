/** Recovering from two dead participants. */
import {
	KIND_MUTEX,
	KIND_STRUCT,
	MORE,
	OK,
	SHARE_BYTES,
	SPAN_BYTES,
	STATUS_LIMIT,
} from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { allocate, expect, give, openTo, pair, type Scene, type Stage } from "../stage.js";
import type { Call } from "../stepper.js";
import { kill, LARGE, NAME, recover } from "./dying.js";
import { queueOf, sendBlock } from "./recovery-messages.js";

/** Two have died; `a` recovers from one of them, and `b` from the other. */
function bothDied(
	name: string,
	prepare: (stage: Stage, first: Participant, second: Participant) => { tidy?(): void },
): Pair {
	return pair(`recover from two that had ${name}, both`, (stage): Scene => {
		const [first, second] = [stage.world.participant(3, "writes"), stage.world.participant(4, "writes")];
		const { tidy } = prepare(stage, first, second);
		return {
			a: () => recover(first.slot),
			b: () => recover(second.slot),
			...(tidy && { tidy }),
		};
	});
}

/** A block to which each has a reference. */
function blockOfBoth(first: Participant, second: Participant): [number, number] {
	const block = first.allocate(LARGE);
	const share = first.committing(() => first.core.allocateShare(first.me));
	const mine = first.core.share(first.me, block, share) >>> 0;
	const theirs = first.core.addReference(first.me, mine) >>> 0;
	give(first, second, theirs);
	return [mine, theirs];
}

/**
 * `second` dies with a share that it took because the share had ended. Meanwhile `first` has used the share for
 * another block.
 */
function takeForEnded({ observer, world }: Stage, first: Participant, second: Participant): void {
	const third = world.participant(5, "writes");
	const [mine, theirs] = blockOfBoth(third, second);
	const share = theirs - (theirs % SHARE_BYTES);
	// It has given up its reference, but not checked yet whether that was the last one.
	kill(third, 1, () => void third.core.free(third.me, mine));
	const pristine = world.snapshot();
	/** True if that happens when `second` is at access `point` while the share changes. */
	const comesToIt = (point: number) => {
		world.restore(pristine);
		let again = 0;
		const dies = second.crashesWhen(
			(access) => {
				if (access === point) {
					observer.recover(third.slot);
					const block = first.allocate(LARGE);
					again = first.committing(() => first.core.allocateShare(first.me));
					first.core.share(first.me, block, again);
				}
				return again === share && world.owns(second.slot + 1);
			},
			() => void second.core.free(second.me, theirs),
		);
		return dies;
	};
	let point = 1;
	while (!comesToIt(point)) expect(++point < 1000, "it never took what was another's");
}

export const several: Pair[] = [
	bothDied("blocks of one span", (_, first, second) => {
		first.allocate(LARGE);
		first.allocate(LARGE);
		first.free(first.allocate(LARGE));
		second.allocate(LARGE);
		return {};
	}),
	bothDied("half allocated", (_, first, second) => {
		kill(first, 4, () => void first.allocate(LARGE));
		kill(second, 2, () => void second.allocate(SPAN_BYTES));
		return {};
	}),
	bothDied("a removed object open", ({ observer }, first, second) => {
		observer.construct(NAME, KIND_STRUCT, { capacity: LARGE });
		first.open(NAME);
		second.open(NAME);
		observer.remove(NAME);
		return {};
	}),
	bothDied("the last references to a block", (_, first, second) => {
		blockOfBoth(first, second);
		return {};
	}),
	bothDied("the last references to a block half given up", (_, first, second) => {
		const [mine, theirs] = blockOfBoth(first, second);
		kill(first, 1, () => void first.core.free(first.me, mine));
		kill(second, 2, () => void second.core.free(second.me, theirs));
		return {};
	}),
	bothDied("the ends of a queue", (stage, first, second) => {
		const queue = queueOf(stage, first, second);
		first.core.attachProducer(first.me, queue);
		second.core.attachConsumer(second.me, queue);
		sendBlock(first, queue, first.allocate(LARGE));
		const block = first.allocate(LARGE);
		kill(first, 3, () => sendBlock(first, queue, block));
		second.core.peek(second.me, queue);
		kill(second, 3, () => void second.core.release(second.me, queue, second.result(), 0));
		return { tidy: () => expect(stage.observer.remove("queue") === OK, "the queue is lost") };
	}),
	bothDied("a mutex, and waited for it", ({ observer }, first, second) => {
		const mutex = openTo(observer.construct("mutex", KIND_MUTEX), first, second);
		first.core.tryLock(first.me, mutex);
		second.core.announceLock(second.me, mutex);
		return { tidy: () => expect(observer.remove("mutex") === OK, "the mutex is lost") };
	}),
	pair("leave, both, of a removed object", (stage): Scene => {
		const { a, b, observer } = stage;
		observer.construct(NAME, KIND_STRUCT, { capacity: LARGE });
		a.open(NAME);
		b.open(NAME);
		observer.remove(NAME);
		return { a: () => recover(a.slot), b: () => recover(b.slot) };
	}),
	pair("leave, while another recovers from a third", (stage): Scene => {
		const { b, world } = stage;
		const victim = world.participant(3, "writes");
		blockOfBoth(victim, b);
		return { a: () => recover(victim.slot), b: () => recover(b.slot) };
	}),
	pair("join, while another recovers from a third", (stage): Scene => {
		const { world, observer } = stage;
		const victim = world.participant(3, "writes");
		kill(victim, 3, () => void victim.allocate(LARGE));
		return {
			a: () => recover(victim.slot),
			*b() {
				const me: number = yield ["join", 4];
				expect(me >>> 8 === 1, "it could not join");
				const block = yield ["allocate", me, 64];
				expect(block === 1 || block >= STATUS_LIMIT, `allocating gave ${block}`);
			},
			check: () => expect(observer.recover(4).status === OK, "it could not leave"),
		};
	}),
	pair("join in a dead one's place, while another recovers from it", (stage): Scene => {
		const { world, observer } = stage;
		const victim = world.participant(3, "writes");
		victim.allocate(LARGE);
		/** The participant that has joined, and its block. */
		const got: [number, number][] = [];
		return {
			a: () => recover(victim.slot),
			*b() {
				const me: number = yield ["join", victim.slot];
				if (me === MORE) return;
				expect(me !== victim.me, "it has the dead one's number");
				expect((yield ["free", victim.me, 0]) !== OK, "the dead one may free");
				const block = yield ["allocate", me, LARGE];
				if (block >= STATUS_LIMIT) got.push([me, block]);
			},
			reset: () => {
				got.length = 0;
			},
			check: () => {
				for (const [me, block] of got)
					expect(observer.core.checkOwned(me, block) === OK, "its block was taken for the dead one's");
				observer.recover(victim.slot);
			},
		};
	}),
	pair(
		"recover from one that had half ended a share and make another of it, while another ends it",
		(stage): Scene => {
			const { a, b, observer, world } = stage;
			const victim = world.participant(3, "writes");
			const [mine, theirs] = blockOfBoth(victim, b);
			kill(victim, 1, () => void victim.core.free(victim.me, mine));
			/** Another block, and a reference to it. */
			const got: [number, number][] = [];
			return {
				*a() {
					yield* recover(victim.slot);
					const block = yield* allocate(a, LARGE);
					let share: number;
					do share = yield ["allocateShare", a.me];
					while (share < STATUS_LIMIT);
					got.push([block, yield ["share", a.me, block, share]]);
				},
				*b() {
					expect((yield ["free", b.me, theirs]) === OK, "it could not be given up");
				},
				reset: () => {
					got.length = 0;
				},
				check: () => {
					for (const [block, reference] of got)
						expect(observer.core.bytesOf(reference) >>> 0 === block, "a share ended, and has a reference");
				},
			};
		},
	),
	pair("recover from one that has a share, and from another that took it for ended, both", (stage): Scene => {
		const [first, second] = [stage.world.participant(3), stage.world.participant(4, "accesses")];
		takeForEnded(stage, first, second);
		return { a: () => recover(first.slot), b: () => recover(second.slot) };
	}),
	pair(
		"recover from one that had half ended a share, share another and leave, while another ends it",
		(stage) => {
			const { a, b, world } = stage;
			const victim = world.participant(3, "writes");
			const [mine, theirs] = blockOfBoth(victim, b);
			// It has given up its reference, but not checked yet whether that was the last one.
			kill(victim, 1, () => void victim.core.free(victim.me, mine));
			return {
				*a() {
					yield* recover(victim.slot);
					const block = yield* allocate(a, LARGE);
					let share: number;
					do share = yield ["allocateShare", a.me];
					while (share < STATUS_LIMIT);
					expect((yield ["share", a.me, block, share]) >= STATUS_LIMIT, "it could not be shared");
					yield* recover(a.slot);
				},
				*b(): Generator<Call, void, number> {
					expect((yield ["free", b.me, theirs]) === OK, "it could not be given up");
				},
			};
		},
	),
];
