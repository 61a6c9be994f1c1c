/** A third one has died in the middle of something: one recovers from it, while another goes on. */
import {
	BAD_HANDLE,
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_STRUCT,
	LOCK_ABANDONED,
	LOCK_HOLDER,
	MORE,
	NO_ROOM,
	NOT_FOUND,
	OK,
	REFERENCE_BYTES,
	SHARE_BYTES,
	SLOT_RESULT_4,
	SPAN_BYTES,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Participant } from "../../allocator/world.js";
import type { Pair } from "../explore.js";
import { allocate, doorbellOf, expect, free, give, openTo, pair, type Scene, type Stage } from "../stage.js";
import type { Call, Program } from "../stepper.js";
import { findOrConstruct, isWhole, remove } from "./objects.js";

/** A class with few blocks to a span. */
const LARGE = 30_000;
const NAME = "n0";
const NONCE = [11, 12] as const;

// ------------------------------------------------------------------------------------------------ deaths

/** Has `who` die so many writes before the end of `body`; with 0 it has done all of it. */
function kill(who: Participant, before: number, body: () => void): void {
	const { world } = who;
	const pristine = world.snapshot();
	who.crashesAt(0, body);
	const writes = who.accesses;
	world.restore(pristine);
	who.crashesAt(Math.max(writes - before, 0) + 1, body);
}

/** Recovers from whoever was in a slot, as the host does it. */
function* recover(slot: number): Program {
	let status: number;
	do status = yield ["recover", slot];
	while (status === MORE);
	expect(status === OK, `recovering gave ${status}`);
}

/** What the two do besides, and what is there in the end. */
interface Plot {
	/** What the dead one did last. */
	dying(): void;
	living(who: Participant): Program;
	reset?(): void;
	check?(): void;
	tidy?(): void;
}

/** `a` recovers from one that died so many writes before it had done something, while `b` does something. */
export function dead(
	name: string,
	points: readonly number[],
	plot: (stage: Stage, dead: Participant) => Plot,
): Pair[] {
	return points.map((before) =>
		pair(`recover from one that died ${before} writes before the end of ${name}`, (stage): Scene => {
			const victim = stage.world.participant(3, "writes");
			const { dying, living, reset, check, tidy } = plot(stage, victim);
			kill(victim, before, dying);
			return {
				a: () => recover(victim.slot),
				b: () => living(stage.b),
				...(reset && { reset }),
				check: () => {
					check?.();
					expect(stage.observer.recover(victim.slot).status === NOT_FOUND, "the dead one is there still");
					expect(!stage.world.owns(victim.slot + 1), "the dead one owns blocks still");
				},
				...(tidy && { tidy }),
			};
		}),
	);
}

function* use(who: Participant, bytes: number): Program {
	yield* free(who, yield* allocate(who, bytes, 2), bytes, 2);
}

const allocating: Pair[] = [
	...dead("allocating, while another allocates", [1, 2, 3, 4, 5, 6, 8, 10], (_, victim) => ({
		dying: () => void victim.allocate(LARGE),
		living: (who) => use(who, LARGE),
	})),
	...dead("allocating a run, while another allocates one", [1, 2, 3, 4, 5, 7], (_, victim) => ({
		dying: () => void victim.allocate(2 * SPAN_BYTES),
		living: (who) => use(who, 2 * SPAN_BYTES),
	})),
	...dead("freeing, while another allocates", [1, 2, 3, 4, 6, 8, 10], (_, victim) => {
		const block = victim.allocate(LARGE);
		victim.allocate(LARGE);
		victim.free(victim.allocate(LARGE));
		return {
			dying: () => void victim.free(block),
			living: (who) => use(who, LARGE),
		};
	}),
	...dead("freeing a run, while another allocates one", [1, 2, 3, 4], (_, victim) => {
		const run = victim.allocate(2 * SPAN_BYTES);
		return {
			dying: () => void victim.free(run),
			living: (who) => use(who, SPAN_BYTES),
		};
	}),
	...dead("allocating a block, while another frees the one beside it", [1, 2], ({ b }, victim) => {
		const mine = b.allocate(LARGE);
		return {
			dying: () => void victim.allocate(LARGE),
			living: (who) => free(who, mine),
		};
	}),
];

// ------------------------------------------------------------------------------------------------ queues

function queueOf({ observer }: Stage, ...all: Participant[]): number {
	return openTo(observer.construct("queue", KIND_QUEUE, { capacity: 64 }), ...all);
}

function sendBlock(who: Participant, queue: number, block: number): void {
	who.core.reserve(who.me, queue, REFERENCE_BYTES);
	who.core.commitBlock(who.me, queue, REFERENCE_BYTES, 1, block, LARGE);
}

/** Receives at most one message with a block, and releases it. */
function* receive(who: Participant, queue: number, marks: number[]): Program {
	const payload = yield ["peek", who.me, queue];
	if (payload < STATUS_LIMIT) return;
	const block = yield ["read", payload];
	const mark = who.world.bytes[block] as number;
	expect((yield ["filled", block, LARGE, mark]) === 1, "what came was freed");
	marks.push(mark);
	const result = yield ["release", who.me, queue, who.result(), 0];
	expect(result === OK || result >= STATUS_LIMIT, `releasing gave ${result}`);
}

const messages: Pair[] = [
	...dead("sending a block, while another receives it", [0, 1, 2, 3, 4, 5, 6, 8], (stage, victim) => {
		const { world, b, observer } = stage;
		const queue = queueOf(stage, stage.b, victim);
		victim.core.attachProducer(victim.me, queue);
		b.core.attachConsumer(b.me, queue);
		const block = victim.allocate(LARGE);
		world.fill(block, LARGE, 5);
		const marks: number[] = [];
		return {
			dying: () => sendBlock(victim, queue, block),
			living: (who) => receive(who, queue, marks),
			reset: () => {
				marks.length = 0;
			},
			tidy: () => {
				expect(marks.length <= 1, "it came twice");
				expect(observer.remove("queue") === OK, "the queue is lost");
			},
		};
	}),
	...dead("receiving a block, while another sends one", [0, 1, 2, 3, 4, 5, 6, 7, 8], (stage, victim) => {
		const { world, b, observer } = stage;
		const queue = queueOf(stage, stage.b, victim);
		b.core.attachProducer(b.me, queue);
		victim.core.attachConsumer(victim.me, queue);
		const [first, second] = [b.allocate(LARGE), b.allocate(LARGE)];
		world.fill(first, LARGE, 5);
		world.fill(second, LARGE, 6);
		sendBlock(b, queue, first);
		return {
			dying: () => {
				victim.core.peek(victim.me, queue);
				victim.core.release(victim.me, queue, victim.result(), 0);
			},
			*living(who) {
				const payload = yield ["reserve", who.me, queue, REFERENCE_BYTES];
				expect(payload !== NO_ROOM, "there is no room");
				const result = yield ["commitBlock", who.me, queue, REFERENCE_BYTES, 1, second, LARGE];
				expect(result === OK || result >= STATUS_LIMIT, `sending gave ${result}`);
			},
			check: () => {
				const marks: number[] = [];
				expect(observer.core.attachConsumer(observer.me, queue) >>> 0 !== TAKEN, "its end is taken");
				for (;;) {
					if (observer.core.peek(observer.me, queue) >>> 0 < STATUS_LIMIT) break;
					const block = observer.result(SLOT_RESULT_4);
					marks.push(world.bytes[block] as number);
					expect(world.isFilled(block, LARGE, marks.at(-1) as number), "what comes was freed");
					observer.core.release(observer.me, queue, observer.result(), 0);
				}
				expect(["5,6", "6"].includes(marks.join()), `${marks} came to the next consumer`);
			},
			tidy: () => expect(observer.remove("queue") === OK, "the queue is lost"),
		};
	}),
	...dead("having an end, while another takes it over", [0, 1], (stage, victim) => {
		const { observer } = stage;
		const queue = queueOf(stage, stage.b, victim);
		const got: number[] = [];
		return {
			dying: () => void victim.core.attachProducer(victim.me, queue),
			*living(who) {
				const result = yield ["attachProducer", who.me, queue];
				if (result === TAKEN) return;
				got.push(result);
				const payload = yield ["reserve", who.me, queue, 8];
				expect(payload >= STATUS_LIMIT, "it has the end, and can't send");
				expect((yield ["commit", who.me, queue, 8]) === OK, "it has the end, and can't commit");
			},
			reset: () => {
				got.length = 0;
			},
			tidy: () => expect(observer.remove("queue") === OK, "the queue is lost"),
		};
	}),
	...dead("having the other end, while one waits for it", [0], (stage, victim) => {
		const { b, observer } = stage;
		const queue = queueOf(stage, stage.b, victim);
		victim.core.attachProducer(victim.me, queue);
		b.core.attachConsumer(b.me, queue);
		let sleepsOn: number | undefined;
		return {
			dying: () => {},
			*living(who) {
				const doorbell = yield ["read", doorbellOf(who)];
				yield ["announceConsumer", who.me, queue];
				yield ["peek", who.me, queue];
				sleepsOn = doorbell;
			},
			reset: () => {
				sleepsOn = undefined;
			},
			check: () => {
				const { slot } = victim;
				// Who looks before it sleeps sees the slot empty; whoever slept before was rung.
				const isGone = observer.recover(slot).status === NOT_FOUND;
				expect(isGone && sleepsOn !== undefined, "it did not get that far");
			},
			tidy: () => expect(observer.remove("queue") === OK, "the queue is lost"),
		};
	}),
];

// ------------------------------------------------------------------------------------------------- locks

/** Gets the mutex, or would sleep on what its doorbell said. */
interface Waiting {
	status: number;
	doorbell: number;
}

function* lock(who: Participant, mutex: number, waiting: Waiting): Program {
	waiting.status = yield ["tryLock", who.me, mutex];
	if (waiting.status !== TAKEN) return;
	waiting.doorbell = yield ["read", doorbellOf(who)];
	yield ["announceLock", who.me, mutex];
	waiting.status = yield ["tryLock", who.me, mutex];
}

function abandoned(
	name: string,
	prepare: (stage: Stage, victim: Participant, mutex: number) => () => void,
): Pair[] {
	return dead(name, [0], (stage, victim) => {
		const { observer, world, b } = stage;
		const mutex = openTo(observer.construct("mutex", KIND_MUTEX), b, victim);
		const waiting: Waiting = { status: 0, doorbell: 0 };
		return {
			dying: prepare(stage, victim, mutex),
			living: (who) => lock(who, mutex, waiting),
			check: () => {
				const holder = world.words[(mutex + LOCK_HOLDER) >> 2] as number;
				if (waiting.status === TAKEN) {
					expect(holder === LOCK_ABANDONED || holder === 0, "the dead one has the mutex still");
					expect(world.words[doorbellOf(b) >> 2] !== waiting.doorbell, "it sleeps beside a free mutex");
				} else expect(holder === b.me, "it has the mutex, and has it not");
			},
			tidy: () => expect(observer.remove("mutex") === OK, "the mutex is lost"),
		};
	});
}

const mutexes: Pair[] = [
	...abandoned("holding a mutex, while another wants it", (_, victim, mutex) => () => {
		victim.core.tryLock(victim.me, mutex);
	}),
	...dead("waiting for a mutex, while its holder gives it up", [0], (stage, victim) => {
		const { observer, b, world } = stage;
		const mutex = openTo(observer.construct("mutex", KIND_MUTEX), b, victim);
		b.core.tryLock(b.me, mutex);
		observer.core.announceLock(observer.me, mutex);
		const bell = world.words[doorbellOf(observer) >> 2] as number;
		return {
			dying: () => void victim.core.announceLock(victim.me, mutex),
			*living(who) {
				const result = yield ["unlock", who.me, mutex];
				expect(result === OK || result >= STATUS_LIMIT, `unlocking gave ${result}`);
			},
			// The ring may go to the dead one; recovery rings all, so that the next looks.
			check: () => expect(world.words[doorbellOf(observer) >> 2] !== bell, "nobody told the one who waits"),
			tidy: () => expect(observer.remove("mutex") === OK, "the mutex is lost"),
		};
	}),
];

// ----------------------------------------------------------------------------------------------- objects

const tidyObject =
	({ observer }: Stage) =>
	() => {
		observer.remove(NAME);
		expect(observer.find(NAME) === NOT_FOUND, "it is there still");
	};

function* open(who: Participant): Program {
	const bytes = Buffer.from(NAME);
	const object = yield ["open", who.me, who.lend(bytes), bytes.length];
	if (object < STATUS_LIMIT) return expect(object === NOT_FOUND, `opening gave ${object}`);
	expect(yield* isWhole(object), "what was opened is not whole");
	yield ["unpin", who.me, object];
}

const objects: Pair[] = [
	...dead(
		"constructing an object, while another constructs it",
		[0, 1, 2, 3, 4, 5, 6, 7],
		(stage, victim) => ({
			dying: () => void victim.construct(NAME, KIND_STRUCT, { capacity: LARGE }),
			*living(who) {
				expect(yield* isWhole(yield* findOrConstruct(who, NAME)), "what was found is not whole");
			},
			tidy: tidyObject(stage),
		}),
	),
	...dead("constructing an object, while another removes it", [0, 1, 2, 3, 4, 5, 6, 7], (stage, victim) => ({
		dying: () => void victim.construct(NAME, KIND_STRUCT, { capacity: LARGE }),
		*living(who) {
			yield* remove(who, NAME);
		},
		tidy: tidyObject(stage),
	})),
	...dead(
		"removing an object, while another opens it",
		[1, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20],
		(stage, victim) => {
			const { observer } = stage;
			observer.construct(NAME, KIND_STRUCT, { capacity: LARGE });
			observer.core.unpin(observer.me, observer.find(NAME));
			return {
				dying: () => void victim.remove(NAME),
				living: open,
				tidy: tidyObject(stage),
			};
		},
	),
	...dead("removing an object, while another lets go of it", [1, 3, 5, 7, 9, 12, 15, 18], (stage, victim) => {
		const { b } = stage;
		const object = b.construct(NAME, KIND_STRUCT, { capacity: LARGE });
		return {
			dying: () => void victim.remove(NAME),
			*living(who) {
				yield ["unpin", who.me, object];
			},
			tidy: tidyObject(stage),
		};
	}),
	...dead("removing an object, while another constructs it", [1, 3, 5, 8, 11, 14, 17], (stage, victim) => {
		const { observer } = stage;
		observer.construct(NAME, KIND_STRUCT, { capacity: LARGE });
		observer.core.unpin(observer.me, observer.find(NAME));
		return {
			dying: () => void victim.remove(NAME),
			*living(who) {
				expect(yield* isWhole(yield* findOrConstruct(who, NAME)), "what was found is not whole");
			},
			tidy: tidyObject(stage),
		};
	}),
];

// --------------------------------------------------------------------------- saved, shared, and a map's

const saved: Pair[] = [
	...dead("saving, while another loads it", [0, 1, 2, 3, 4, 5], (stage, victim) => {
		const { observer } = stage;
		const block = victim.allocate(LARGE);
		const handle = victim.committing(() => victim.core.allocateHandle(victim.me));
		return {
			dying: () => void victim.core.save(victim.me, handle, ...NONCE, block, LARGE),
			*living(who) {
				void who;
				const found = yield ["lookUp", handle, ...NONCE];
				expect(found === BAD_HANDLE || found === block, "another block was found");
			},
			tidy: () => void observer.core.freeSaved(observer.me, handle, ...NONCE),
		};
	}),
	...dead("freeing what is saved, while another frees it", [0, 1, 2, 3, 4, 5, 6, 7, 8], (stage, victim) => {
		const { observer } = stage;
		const block = observer.allocate(LARGE);
		const handle = observer.committing(() => observer.core.allocateHandle(observer.me));
		observer.core.save(observer.me, handle, ...NONCE, block, LARGE);
		return {
			dying: () => void victim.core.freeSaved(victim.me, handle, ...NONCE),
			*living(who) {
				const status = yield ["freeSaved", who.me, handle, ...NONCE];
				expect(status === OK || status === BAD_HANDLE, `freeing gave ${status}`);
			},
			tidy: () => void observer.core.freeSaved(observer.me, handle, ...NONCE),
		};
	}),
	...dead(
		"giving up a reference, while another gives up the last",
		[0, 1, 2, 3, 4, 5, 6, 8],
		(stage, victim) => {
			const { b } = stage;
			const block = victim.allocate(LARGE);
			const share = victim.committing(() => victim.core.allocateShare(victim.me));
			const mine = victim.core.share(victim.me, block, share) >>> 0;
			const theirs = victim.core.addReference(victim.me, mine) >>> 0;
			give(victim, b, theirs);
			return {
				dying: () => void victim.core.free(victim.me, mine),
				*living(who) {
					expect((yield ["free", who.me, theirs]) === OK, "its reference could not be given up");
				},
			};
		},
	),
	...dead("changing a map, while another reads it", [0, 1, 2, 3, 4, 5, 6], (stage, victim) => {
		const { observer } = stage;
		const map = openTo(observer.construct("map", KIND_MAP), victim);
		const key = (who: Participant) => who.lend(new Uint8Array(8).fill(1));
		const set = (who: Participant, mark: number) => {
			const needed = who.core.mapNeeds(map) >>> 0;
			if (needed > 0) who.core.mapGrow(who.me, map, who.allocate(needed));
			const entry = who.allocate(32);
			who.world.words.set([0, 8, 8, 0], entry >> 2);
			who.world.bytes.fill(1, entry + 16, entry + 24);
			who.world.bytes.fill(mark, entry + 24, entry + 32);
			who.core.mapSet(who.me, map, entry);
		};
		observer.core.tryLock(observer.me, map);
		set(observer, 5);
		observer.core.unlock(observer.me, map);
		return {
			dying: () => {
				victim.core.tryLock(victim.me, map);
				set(victim, 6);
			},
			*living(who) {
				const entry = yield ["mapFind", map, key(who), 8];
				expect(entry >= STATUS_LIMIT, "the key is lost");
				const value = yield ["read", entry + 24];
				expect([0x05050505, 0x06060606].includes(value), `${value} was read, which was never there`);
			},
			tidy: () => expect(observer.remove("map") === OK, "the map is lost"),
		};
	}),
];

// --------------------------------------------------------------------------------------- several recover

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

/** A block with a reference of each. */
function blockOfBoth(first: Participant, second: Participant): [number, number] {
	const block = first.allocate(LARGE);
	const share = first.committing(() => first.core.allocateShare(first.me));
	const mine = first.core.share(first.me, block, share) >>> 0;
	const theirs = first.core.addReference(first.me, mine) >>> 0;
	give(first, second, theirs);
	return [mine, theirs];
}

/**
 * `second` dies while it has a share that it took because it had ended, and that is `first`'s by now, for another
 * block.
 */
function takeForEnded({ observer, world }: Stage, first: Participant, second: Participant): void {
	const third = world.participant(5, "writes");
	const [mine, theirs] = blockOfBoth(third, second);
	const share = theirs - (theirs % SHARE_BYTES);
	// Its reference is gone, and whether that was the last it has not looked.
	kill(third, 1, () => void third.core.free(third.me, mine));
	const pristine = world.snapshot();
	/** Whether it comes to that when `second` is at its access number `point` while the share changes. */
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

const several: Pair[] = [
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
		/** The number of who has joined, and its block. */
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
			// Its reference is gone, and whether that was the last it has not looked.
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

export const recoveries: Pair[] = [...allocating, ...messages, ...mutexes, ...objects, ...saved, ...several];
