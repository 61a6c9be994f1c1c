/** Objects that are given up with all that was held of them, while others have them open or make new ones there. */
import {
	FENCED,
	KIND_MUTEX,
	KIND_QUEUE,
	LOCK_ABANDONED,
	LOCK_HOLDER,
	LOCK_WAITERS,
	OBJECT_COUNT,
	OK,
	QUEUE_PRODUCER,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import { headOf, type Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import {
	call,
	doorbellOf,
	expect,
	named,
	openTo,
	oversleeps,
	pair,
	type Scene,
	type Sleeper,
} from "../stage.js";
import type { Call, Program } from "../stepper.js";

const NAME = "a";

/** The doorbells that were rung, and the participant that would sleep. */
interface Seen {
	rung: number[];
	sleeper: Sleeper;
}

function seenBy(who: Participant): Seen {
	return { rung: [], sleeper: { who } };
}

function forget(seen: Seen): void {
	seen.rung = [];
	seen.sleeper.doorbell = undefined;
}

function note({ rung }: Seen, result: number): void {
	if (result >= STATUS_LIMIT) rung.push(result);
	else expect(result === OK, `it gave ${result}`);
}

/** Removes an object of which it holds something, as the binding does. */
function* removeHeld(who: Participant, seen: Seen): Generator<Call, void, number> {
	const object = yield* call(who, "remove", who.me, ...named(who, NAME));
	expect(object >= STATUS_LIMIT, `removing gave ${object}`);
	note(seen, yield* call(who, "unpin", who.me, object));
}

/** Locks a mutex whose holder gives it up as abandoned, or would go to sleep. */
function* lockAbandoned(who: Participant, mutex: number, seen: Seen): Program {
	let status = yield ["tryLock", who.me, mutex];
	if (status === TAKEN) {
		const doorbell = yield ["read", doorbellOf(who)];
		yield ["announceLock", who.me, mutex];
		status = yield ["tryLock", who.me, mutex];
		if (status === TAKEN) {
			seen.sleeper.doorbell = doorbell;
			return;
		}
	}
	expect(status === LOCK_ABANDONED, `it is not told that it was abandoned: ${status}`);
	yield ["unlock", who.me, mutex];
}

export const references: Pair[] = [
	pair("remove a mutex that one holds, while another waits for it", (stage): Scene => {
		const { a, b } = stage;
		const mutex = openTo(a.construct(NAME, KIND_MUTEX), b);
		a.core.tryLock(a.me, mutex);
		const seen = seenBy(b);
		return {
			a: () => removeHeld(a, seen),
			b: () => lockAbandoned(b, mutex, seen),
			reset: () => forget(seen),
			check: () => expect(!oversleeps(seen.sleeper, seen.rung), "it sleeps beside a mutex that was given up"),
		};
	}),
	pair("remove a queue as its producer, while its consumer waits", (stage): Scene => {
		const { a, b } = stage;
		const queue = openTo(a.construct(NAME, KIND_QUEUE, { capacity: 64 }), b);
		a.core.attachProducer(a.me, queue);
		b.core.attachConsumer(b.me, queue);
		const seen = seenBy(b);
		return {
			a: () => removeHeld(a, seen),
			*b() {
				const doorbell = yield ["read", doorbellOf(b)];
				yield ["announceConsumer", b.me, queue];
				if ((yield ["read", queue + QUEUE_PRODUCER]) !== 0) seen.sleeper.doorbell = doorbell;
			},
			reset: () => forget(seen),
			check: () => expect(!oversleeps(seen.sleeper, seen.rung), "it sleeps, and its producer has left"),
		};
	}),
	pair("pass an abandoned mutex on, while another waits for it", (stage): Scene => {
		const { a, b, observer, world } = stage;
		const dead = world.participant(3);
		const mutex = openTo(observer.construct(NAME, KIND_MUTEX), a, b, dead);
		dead.core.tryLock(dead.me, mutex);
		observer.recover(dead.slot);
		const seen = seenBy(b);
		let told = false;
		return {
			*a() {
				const status = yield ["tryLock", a.me, mutex];
				// The other one has it, or has given it back.
				if (status !== LOCK_ABANDONED) {
					if (status === OK) yield ["unlock", a.me, mutex];
					return;
				}
				told = true;
				note(seen, yield ["abandon", a.me, mutex]);
			},
			b: () => lockAbandoned(b, mutex, seen),
			reset: () => {
				forget(seen);
				told = false;
			},
			check: () => {
				expect(!oversleeps(seen.sleeper, seen.rung), "it sleeps beside a mutex that was passed on");
				if (seen.sleeper.doorbell === undefined) return;
				const holder = world.words[(mutex + LOCK_HOLDER) >> 2];
				expect(told && holder === LOCK_ABANDONED, "nobody will be told that it was abandoned");
			},
			tidy: () => expect(observer.remove(NAME) === OK, "the mutex is lost"),
		};
	}),
	pair("use what one has given up, while another puts another there", (stage): Scene => {
		const { a, b, observer, world } = stage;
		const old = openTo(b.construct(NAME, KIND_MUTEX), a);
		observer.remove(NAME);
		return {
			*a() {
				yield* call(a, "unpin", a.me, old);
				for (const name of [
					"announceLock",
					"tryLock",
					"retractLock",
					"ringNext",
					"attachProducer",
				] as const) {
					const status = yield [name, a.me, old];
					expect(status === FENCED, `${name} gave ${status}`);
				}
			},
			*b() {
				yield* call(b, "unpin", b.me, old);
				const object = yield* call(b, "allocateObject", b.me);
				const head = headOf(NAME, KIND_MUTEX, {}, 0, 0);
				expect((yield* call(b, "construct", b.me, object, b.lend(head))) === OK, "it could not be made");
			},
			check: () => {
				const object = observer.find(NAME);
				for (const field of [LOCK_HOLDER, LOCK_WAITERS, OBJECT_COUNT])
					expect(world.words[(object + field) >> 2] === 0, "somebody wrote into another's object");
			},
			tidy: () => expect(observer.remove(NAME) === OK, "what was made is lost"),
		};
	}),
];
