/** Mutexes and conditions: locking, unlocking, and being woken. */
import {
	KIND_CONDITION,
	KIND_MUTEX,
	LOCK_ABANDONED,
	OK,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { doorbellOf, expect, ringsOf, type Scenario } from "./stage.js";

function tryLock({ core, me }: Participant, mutex: number): number {
	return core.tryLock(me, mutex) >>> 0;
}

function unlock({ core, me }: Participant, mutex: number): number {
	const status = core.unlock(me, mutex) >>> 0;
	expect(status === OK || status >= STATUS_LIMIT, `unlocking gave ${status}`);
	return status;
}

/** The next locker gets the mutex, and learns whether its holder has died with it. */
function expectFree(who: Participant, mutex: number, abandoned: boolean | undefined): void {
	const status = tryLock(who, mutex);
	expect(status === OK || status === LOCK_ABANDONED, `the next one gets ${status}`);
	if (abandoned !== undefined) {
		expect((status === LOCK_ABANDONED) === abandoned, `abandoned: ${abandoned}, but locking gave ${status}`);
	}
	unlock(who, mutex);
	expect(tryLock(who, mutex) === OK, "it is said twice that a mutex was abandoned");
	unlock(who, mutex);
}

/** `victim` does one thing with a lock that no other participant wants. */
function alone(name: string, kind: number, act: (who: Participant, lock: number) => void): Scenario {
	return {
		name,
		prepare: ({ victim, other }) => {
			const lock = other.construct("lock", kind);
			victim.open("lock");
			return {
				act: () => act(victim, lock),
				verify: () => {
					const { core } = other;
					expect(core.isAnnounced(victim.me, lock) === 0, "the dead waits");
					if (kind === KIND_MUTEX) expectFree(other, lock, undefined);
					expect(core.ringNext(other.me, lock) >>> 0 === OK, "the dead was rung");
					expect(other.remove("lock") === OK, "it could not be removed");
				},
			};
		},
	};
}

export const locks: Scenario[] = [
	alone("lock a mutex that another has opened", KIND_MUTEX, (who, mutex) => {
		expect(tryLock(who, mutex) === OK, "a free mutex was not to be had");
	}),
	alone("wait at a condition that another has opened", KIND_CONDITION, (who, condition) => {
		expect(who.core.announceLock(who.me, condition) >>> 0 === OK, "announcing failed");
	}),
	{
		name: "lock and unlock a mutex that others want",
		prepare: ({ victim, other, world }) => {
			const mutex = other.construct("mutex", KIND_MUTEX);
			victim.open("mutex");
			const third = world.participant(3);
			third.open("mutex");
			third.core.announceLock(third.me, mutex);
			let holds: boolean | undefined = false;
			return {
				reset: () => {
					holds = false;
				},
				act: () => {
					for (let turn = 0; turn < 2; turn++) {
						holds = undefined;
						expect(tryLock(victim, mutex) === OK, "a free mutex was not to be had");
						holds = true;
						expect(tryLock(victim, mutex) === TAKEN, "a mutex was given twice");
						holds = undefined;
						unlock(victim, mutex);
						holds = false;
					}
					expect(ringsOf(third) > 0, "who waits was not rung");
				},
				intrude: () => {
					const status = tryLock(other, mutex);
					expect(status === OK || status === TAKEN, `locking gave ${status}`);
					if (holds !== undefined) expect((status === TAKEN) === holds, "the mutex does not exclude");
					if (status === OK) unlock(other, mutex);
				},
				verify: () => {
					expectFree(other, mutex, holds);
					other.recover(third.slot);
					expect(other.remove("mutex") === OK, "it could not be removed");
				},
			};
		},
	},
	{
		name: "lock a mutex that another takes, and keeps",
		prepare: ({ victim, other }) => {
			const mutex = other.construct("mutex", KIND_MUTEX);
			victim.open("mutex");
			let isTaken = false;
			return {
				reset: () => {
					isTaken = false;
				},
				act: () => {
					const status = tryLock(victim, mutex);
					expect(status === (isTaken ? TAKEN : OK), "a mutex is given twice, or to nobody");
				},
				intrude: () => {
					isTaken = tryLock(other, mutex) === OK;
				},
				verify: () => {
					if (isTaken) unlock(other, mutex);
					expectFree(other, mutex, undefined);
					expect(other.remove("mutex") === OK, "it could not be removed");
				},
			};
		},
	},
	{
		name: "lock a mutex whose holder died",
		prepare: ({ victim, other, world }) => {
			const mutex = other.construct("mutex", KIND_MUTEX);
			victim.open("mutex");
			const third = world.participant(3);
			third.open("mutex");
			expect(tryLock(third, mutex) === OK, "a free mutex was not to be had");
			other.recover(third.slot);
			let told = false;
			let begun = false;
			return {
				reset: () => {
					told = false;
					begun = false;
				},
				act: () => {
					begun = true;
					const status = tryLock(victim, mutex);
					// A participant that looks while another locks and unlocks finds it taken.
					if (status === TAKEN && told) return;
					expect(told ? status === OK : status === LOCK_ABANDONED, `locking gave ${status}`);
					told = true;
					unlock(victim, mutex);
					begun = false;
				},
				intrude: () => {
					const status = tryLock(other, mutex);
					if (status === LOCK_ABANDONED) told = true;
					else expect(status === TAKEN || told, `locking gave ${status}`);
					if (status !== TAKEN) unlock(other, mutex);
				},
				verify: () => {
					// A participant that dies with it leaves it abandoned again.
					expectFree(other, mutex, begun ? undefined : !told);
					expect(other.remove("mutex") === OK, "it could not be removed");
				},
			};
		},
	},
	{
		name: "wait for a mutex",
		prepare: ({ victim, other }) => {
			const mutex = other.construct("mutex", KIND_MUTEX);
			victim.open("mutex");
			expect(tryLock(other, mutex) === OK, "a free mutex was not to be had");
			let given = false;
			return {
				reset: () => {
					given = false;
				},
				act: () => {
					const { core, me } = victim;
					expect(core.announceLock(me, mutex) >>> 0 === OK, "announcing failed");
					const rings = ringsOf(victim);
					const status = tryLock(victim, mutex);
					expect(status === TAKEN || (status === OK && given), `locking gave ${status}`);
					if (status === TAKEN) {
						// It would sleep now, unless it was woken.
						const isAnnounced = core.isAnnounced(me, mutex) !== 0;
						const isRung = ringsOf(victim) !== rings;
						expect(isRung === given, "who waits was not rung, or too early");
						expect(isAnnounced !== isRung, "rung, and waiting still");
						if (isRung) expect(tryLock(victim, mutex) === OK, "rung for nothing");
					}
					core.retractLock(me, mutex);
					expect(core.isAnnounced(me, mutex) === 0, "waiting still");
					if (status === OK || given) {
						const held = tryLock(victim, mutex);
						expect(held === TAKEN || held === OK, `locking gave ${held}`);
						unlock(victim, mutex);
					}
				},
				intrude: () => {
					unlock(other, mutex);
					given = true;
				},
				verify: () => {
					const { core, me } = other;
					if (!given) {
						expect(core.unlock(me, mutex) >>> 0 === OK, "the dead was rung");
					}
					expectFree(other, mutex, undefined);
					expect(other.remove("mutex") === OK, "it could not be removed");
				},
			};
		},
	},
	{
		name: "ring those who wait at a condition",
		prepare: ({ victim, other, world }) => {
			const condition = other.construct("condition", KIND_CONDITION);
			const third = world.participant(3);
			for (const who of [victim, third]) who.open("condition");
			for (const who of [other, third]) who.core.announceLock(who.me, condition);
			let rung = 0;
			return {
				reset: () => {
					rung = 0;
				},
				act: () => {
					for (let turn = 0; turn < 3; turn++) {
						const doorbell = victim.core.ringNext(victim.me, condition) >>> 0;
						if (doorbell === OK) continue;
						expect(
							[other, third].some((who) => doorbellOf(who) === doorbell),
							"somebody else was rung",
						);
						rung++;
					}
					expect(ringsOf(other) + ringsOf(third) === 2, "of two who wait not both were rung");
				},
				intrude: () => {
					if (other.core.ringNext(other.me, condition) >>> 0 !== OK) rung++;
				},
				verify: () => {
					const { core, me } = other;
					const waiting = [other, third].filter((who) => core.isAnnounced(who.me, condition) !== 0);
					// A waiter that was taken off the list and not woken looks by itself, one time slice later.
					expect(
						waiting.length + rung <= 2 && waiting.length + rung >= 1,
						`${waiting.length} wait, ${rung} rung`,
					);
					for (let i = 0; i < waiting.length; i++) {
						expect(core.ringNext(me, condition) >>> 0 !== OK, "one that waits was not rung");
					}
					expect(core.ringNext(me, condition) >>> 0 === OK, "nobody was rung");
					core.retractLock(me, condition);
					other.recover(third.slot);
					expect(other.remove("condition") === OK, "it could not be removed");
				},
			};
		},
	},
	{
		name: "wait at a condition, before another",
		prepare: ({ victim, other, world }) => {
			const condition = other.construct("condition", KIND_CONDITION);
			const third = world.participant(3);
			for (const who of [victim, third]) who.open("condition");
			third.core.announceLock(third.me, condition);
			return {
				act: () => {
					victim.core.announceLock(victim.me, condition);
				},
				verify: () => {
					const next = world.participant(victim.slot);
					const rung = other.core.ringNext(other.me, condition) >>> 0;
					expect(rung === doorbellOf(third), "the dead's successor is rung, who does not wait");
					other.recover(next.slot);
					other.recover(third.slot);
					expect(other.remove("condition") === OK, "it could not be removed");
				},
			};
		},
	},
];
