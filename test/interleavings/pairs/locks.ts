/** Mutexes and conditions: exactly one participant gets them, and no waiter misses what it waits for. */
import {
	KIND_CONDITION,
	KIND_MUTEX,
	LOCK_HOLDER,
	OBJECT_COUNT,
	OK,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import {
	doorbellOf,
	expect,
	openTo,
	oversleeps,
	pair,
	type Scene,
	type Sleeper,
	type Stage,
} from "../stage.js";
import type { Call, Program } from "../stepper.js";

interface Seen {
	got: Participant[];
	rung: number[];
	/** The sleeper of `a`, and that of `b`. */
	sleepers: [Sleeper, Sleeper];
}

interface Locks {
	mutex: number;
	condition: number;
	/** A word that the mutex guards. */
	guarded: number;
	seen: Seen;
	stage: Stage;
}

function sleeperOf({ seen }: Locks, who: Participant): Sleeper {
	return seen.sleepers.find((each) => each.who === who) as Sleeper;
}

function note(seen: Seen, result: number): void {
	if (result >= STATUS_LIMIT) seen.rung.push(result);
	else expect(result === OK, `it gave ${result}`);
}

/** Locks the mutex, or would go to sleep, as the binding does. Returns whether it has the mutex. */
function* lock(who: Participant, locks: Locks): Generator<Call, boolean, number> {
	const { mutex } = locks;
	let status = yield ["tryLock", who.me, mutex];
	if (status === TAKEN) {
		// The doorbell is read first: a ring after the announcement clears the announcement, and must be noticed.
		const doorbell = yield ["read", doorbellOf(who)];
		yield ["announceLock", who.me, mutex];
		status = yield ["tryLock", who.me, mutex];
		if (status === TAKEN) {
			sleeperOf(locks, who).doorbell = doorbell;
			return false;
		}
		yield ["retractLock", who.me, mutex];
	}
	expect(status === OK, `locking gave ${status}`);
	locks.seen.got.push(who);
	return true;
}

function* unlock(who: Participant, { mutex, seen }: Locks): Program {
	note(seen, yield ["unlock", who.me, mutex]);
}

/** Adds 1 to the word that the mutex guards, by two plain accesses. */
function* increment(who: Participant, locks: Locks): Program {
	if (!(yield* lock(who, locks))) return;
	const before = yield ["read", locks.guarded];
	yield ["write", locks.guarded, before + 1];
	yield* unlock(who, locks);
}

/** Waits until the word that the mutex guards is 1. */
function* waitFor(who: Participant, locks: Locks): Program {
	const { condition, guarded } = locks;
	if (!(yield* lock(who, locks))) return;
	if ((yield ["read", guarded]) === 1) return yield* unlock(who, locks);
	const doorbell = yield ["read", doorbellOf(who)];
	// While the mutex is held, so a participant that changes the word later also notifies later.
	yield ["announceLock", who.me, condition];
	yield* unlock(who, locks);
	if ((yield ["isAnnounced", who.me, condition]) !== 0) {
		sleeperOf(locks, who).doorbell = doorbell;
		return;
	}
	if (!(yield* lock(who, locks))) return;
	expect((yield ["read", guarded]) === 1, "it was notified, and nothing has changed");
	yield* unlock(who, locks);
}

function* notify(who: Participant, locks: Locks): Program {
	if (!(yield* lock(who, locks))) return;
	yield ["write", locks.guarded, 1];
	yield* unlock(who, locks);
	note(locks.seen, yield ["ringNext", who.me, locks.condition]);
}

function locking(
	name: string,
	prepare: (locks: Locks) => void,
	a: (who: Participant, locks: Locks) => Program,
	b: (who: Participant, locks: Locks) => Program,
	check: (locks: Locks) => void = () => {},
): Pair {
	return pair(name, (stage): Scene => {
		const { observer, world } = stage;
		const mutex = openTo(observer.construct("mutex", KIND_MUTEX), stage.a, stage.b);
		const condition = openTo(observer.construct("condition", KIND_CONDITION), stage.a, stage.b);
		const seen: Seen = { got: [], rung: [], sleepers: [{ who: stage.a }, { who: stage.b }] };
		const locks = { mutex, condition, guarded: mutex + OBJECT_COUNT, seen, stage };
		prepare(locks);
		return {
			a: () => a(stage.a, locks),
			b: () => b(stage.b, locks),
			reset: () => {
				seen.got = [];
				seen.rung = [];
				for (const each of seen.sleepers) each.doorbell = undefined;
			},
			check: () => {
				check(locks);
				const holder = world.words[(mutex + LOCK_HOLDER) >> 2];
				expect(holder === 0, `${holder} holds the mutex for ever`);
			},
			tidy: () => {
				for (const each of ["mutex", "condition"]) expect(observer.remove(each) === OK, "it is lost");
			},
		};
	});
}

/** The mutex is free, so a participant that sleeps must have been rung. */
function nobodyOversleeps({ seen }: Locks): void {
	for (const each of seen.sleepers) expect(!oversleeps(each, seen.rung), "one sleeps beside a free mutex");
}

function guardedBy(locks: Locks): number {
	return locks.stage.world.words[locks.guarded >> 2] as number;
}

function* keep(who: Participant, { mutex, seen }: Locks): Program {
	if ((yield ["tryLock", who.me, mutex]) === OK) seen.got.push(who);
}

function* ring(who: Participant, { condition, seen }: Locks): Program {
	void who;
	note(seen, yield ["ringNext", who.me, condition]);
}

export const locks: Pair[] = [
	locking(
		"lock a free mutex, both, and keep it",
		() => {},
		keep,
		keep,
		({ seen, mutex, stage }) => {
			expect(seen.got.length === 1, `${seen.got.length} of the two got it`);
			const [winner] = seen.got as [Participant];
			expect(stage.world.words[(mutex + LOCK_HOLDER) >> 2] === winner.me, "it is another's");
			winner.core.unlock(winner.me, mutex);
		},
	),
	locking(
		"count under a mutex, both",
		() => {},
		increment,
		increment,
		(locks) => {
			nobodyOversleeps(locks);
			expect(guardedBy(locks) === locks.seen.got.length, "one has overwritten what the other wrote");
		},
	),
	locking(
		"unlock, while another waits for it",
		({ stage, mutex }) => void stage.a.core.tryLock(stage.a.me, mutex),
		unlock,
		increment,
		nobodyOversleeps,
	),
	locking(
		"unlock, while another waits, and a third that waits longer",
		({ stage, mutex }) => {
			stage.a.core.tryLock(stage.a.me, mutex);
			stage.observer.core.announceLock(stage.observer.me, mutex);
		},
		unlock,
		increment,
		({ seen, stage }) => {
			// One was notified; when it gets the mutex, it notifies the next.
			const bells = [stage.b, stage.observer].map(doorbellOf);
			expect(
				bells.some((bell) => seen.rung.includes(bell)),
				"nobody was told that the mutex is free",
			);
		},
	),
	locking(
		"unlock, and lock again, while another waits for it",
		({ stage, mutex }) => void stage.a.core.tryLock(stage.a.me, mutex),
		function* (who, locks) {
			yield* unlock(who, locks);
			yield* increment(who, locks);
		},
		increment,
		(locks) => {
			nobodyOversleeps(locks);
			expect(guardedBy(locks) === locks.seen.got.length, "one has overwritten what the other wrote");
		},
	),
	locking(
		"take an abandoned mutex, both",
		({ stage, mutex, guarded }) => {
			const dead = stage.world.participant(3);
			dead.use(mutex);
			dead.core.tryLock(dead.me, mutex);
			stage.observer.recover(3);
			stage.world.words[guarded >> 2] = 0;
		},
		takeAbandoned,
		takeAbandoned,
		({ seen }) => {
			expect(seen.got.length > 0, "nobody got it");
		},
	),
	locking(
		"ring one of two, both",
		({ stage, condition }) => {
			for (const who of [stage.observer, stage.world.participant(40)]) {
				who.use(condition);
				who.core.announceLock(who.me, condition);
			}
		},
		ring,
		ring,
		({ seen, stage }) => {
			expect(new Set(seen.rung).size === 2, "two rang, and not both were rung");
			expect(stage.observer.recover(40).status === OK, "it could not leave");
		},
	),
	locking(
		"ring the only one, both",
		({ stage, condition }) => void stage.observer.core.announceLock(stage.observer.me, condition),
		ring,
		ring,
		({ seen }) => expect(seen.rung.length === 1, `it was rung ${seen.rung.length} times`),
	),
	locking(
		"ring one, while another comes to wait and goes",
		({ stage, condition }) => void stage.observer.core.announceLock(stage.observer.me, condition),
		ring,
		function* (who, { condition }) {
			yield ["announceLock", who.me, condition];
			yield ["retractLock", who.me, condition];
		},
		({ seen }) => expect(seen.rung.length === 1, "nobody was rung"),
	),
	locking(
		"wait for a condition, while another notifies",
		() => {},
		waitFor,
		notify,
		(locks) => {
			const [waiter, notifier] = locks.seen.sleepers;
			const { rung } = locks.seen;
			expect(!oversleeps(notifier, rung), "the notifier sleeps beside a free mutex");
			if (guardedBy(locks) === 1)
				expect(!oversleeps(waiter, rung), "it sleeps, and what it waits for is there");
		},
	),
];

function* takeAbandoned(who: Participant, { mutex, seen }: Locks): Program {
	const status = yield ["tryLock", who.me, mutex];
	if (status === TAKEN) return;
	// The first is notified; the second may get the mutex only after the first.
	seen.got.push(who);
	expect((status === OK) === seen.got.length > 1, "the wrong one was told that it was abandoned");
	yield ["unlock", who.me, mutex];
}
