/** Recovering from a participant that died at a mutex, at an object, or while it saved, while another continues. */
import {
	BAD_HANDLE,
	KIND_MAP,
	KIND_MUTEX,
	KIND_STRUCT,
	LOCK_ABANDONED,
	LOCK_HOLDER,
	NOT_FOUND,
	OK,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { doorbellOf, expect, give, openTo, type Stage } from "../stage.js";
import type { Program } from "../stepper.js";
import { dead, LARGE, NAME, NONCE } from "./dying.js";
import { findOrConstruct, isWhole, remove } from "./objects.js";

/** What trying to lock gave, and the value of the doorbell on which the waiter would sleep. */
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

export const mutexes: Pair[] = [
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
			// The dead participant may have been rung; recovery rings every doorbell, so the next one looks.
			check: () => expect(world.words[doorbellOf(observer) >> 2] !== bell, "nobody told the one who waits"),
			tidy: () => expect(observer.remove("mutex") === OK, "the mutex is lost"),
		};
	}),
];

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

export const objects: Pair[] = [
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

export const saved: Pair[] = [
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
