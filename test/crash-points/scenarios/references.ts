/**
 * References to objects: a participant that gives one up gives up all that it held there, and can't write through it any
 * more. No participant can write into an object as if it were of another kind.
 */
import {
	FENCED,
	KIND_CONDITION,
	KIND_MAILBOX,
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_RECORDS,
	KIND_STRUCT,
	KIND_VECTOR,
	LOCK_ABANDONED,
	LOCK_HOLDER,
	NOT_FOUND,
	NOT_OWNER,
	OBJECT_BYTES,
	OBJECT_KIND,
	OK,
	QUEUE_CONSUMER,
	QUEUE_PRODUCER,
	REFERENCE_BYTES,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Made, Participant } from "../world.js";
import { doorbellOf, expect, ringsOf, type Scenario, type Stage } from "./stage.js";

const KINDS = {
	queue: KIND_QUEUE,
	records: KIND_RECORDS,
	mailbox: KIND_MAILBOX,
	mutex: KIND_MUTEX,
	condition: KIND_CONDITION,
	vector: KIND_VECTOR,
	map: KIND_MAP,
	struct: KIND_STRUCT,
};
type Kind = keyof typeof KINDS;

const QUEUES: readonly Kind[] = ["queue", "records", "mailbox"];
const LOCKS: readonly Kind[] = ["mutex", "condition", "vector", "map"];

function madeAs(kind: Kind): Made {
	if (kind === "mailbox") return { capacity: 8, requested: 4, bytes: 64 };
	return QUEUES.includes(kind) || kind === "struct" ? { capacity: 256 } : {};
}

/** Every operation that writes into an object, and the kinds that it is for. `block` belongs to the caller. */
function operations(who: Participant, at: number, block: number) {
	const { core, me } = who;
	const key = who.lend(Buffer.from("a"));
	const all: [readonly Kind[], Record<string, () => number | boolean>][] = [
		[
			QUEUES,
			{
				attachProducer: () => core.attachProducer(me, at),
				attachConsumer: () => core.attachConsumer(me, at),
				announceProducer: () => core.announceProducer(me, at),
				announceConsumer: () => core.announceConsumer(me, at),
				detachProducer: () => core.detachProducer(me, at),
				detachConsumer: () => core.detachConsumer(me, at),
			},
		],
		[
			["queue"],
			{
				reserve: () => core.reserve(me, at, REFERENCE_BYTES),
				stage: () => core.stage(me, at, 0),
				commitBlock: () => core.commitBlock(me, at, REFERENCE_BYTES, 1, block, 1),
				publish: () => core.publish(me, at, 0),
				commit: () => core.commit(me, at, 0),
				abort: () => core.abort(me, at),
				end: () => core.end(me, at),
				peek: () => core.peek(me, at),
				peekMany: () => core.peekMany(me, at, 1, key),
				reserveMany: () => core.reserveMany(me, at, 0, 1),
				commitMany: () => core.commitMany(me, at, 0),
				release: () => core.release(me, at, 0, 0),
				releaseThrough: () => core.releaseThrough(me, at, 0, 0),
			},
		],
		[
			["records"],
			{
				recordsRoom: () => core.recordsRoom(me, at),
				recordsPublish: () => core.recordsPublish(me, at, 0),
				recordsEnd: () => core.recordsEnd(me, at),
				recordsAvailable: () => core.recordsAvailable(me, at),
				recordsRelease: () => core.recordsRelease(me, at, 0),
			},
		],
		[
			["mailbox"],
			{
				mailboxPut: () => core.mailboxPut(me, at, block, 0, 0, 0),
				mailboxDrop: () => core.mailboxDrop(me, at),
				mailboxEnd: () => core.mailboxEnd(me, at),
				mailboxTake: () => core.mailboxTake(me, at),
			},
		],
		[
			LOCKS,
			{
				unlock: () => core.unlock(me, at),
				abandon: () => core.abandon(me, at),
				tryLock: () => core.tryLock(me, at),
				announceLock: () => core.announceLock(me, at),
				retractLock: () => core.retractLock(me, at),
				ringNext: () => core.ringNext(me, at),
			},
		],
		[
			["vector"],
			{
				setVectorLength: () => core.setVectorLength(me, at, 0),
				moveVector: () => core.moveVector(me, at, block, 0),
			},
		],
		[
			["map"],
			{
				mapDelete: () => core.mapDelete(me, at, key, 1),
				mapGrow: () => core.mapGrow(me, at, block),
				mapSet: () => core.mapSet(me, at, block),
			},
		],
	];
	return all;
}

/** Notes `who` as the holder where another kind of object would have it. Returns a function that undoes this. */
function pretend({ world, me }: Participant, at: number, kind: Kind): () => void {
	const fields = LOCKS.includes(kind) ? [QUEUE_PRODUCER, QUEUE_CONSUMER] : [LOCK_HOLDER];
	if (kind === "struct") fields.push(QUEUE_PRODUCER, QUEUE_CONSUMER);
	const before = fields.map((field) => world.words[(at + field) >> 2] as number);
	for (const field of fields) world.words[(at + field) >> 2] = me;
	return () => {
		for (const [index, field] of fields.entries()) world.words[(at + field) >> 2] = before[index] as number;
	};
}

/** Tries all operations that are not for objects of `kind`: each is refused, and changes nothing at `at`. */
function expectRefused(stage: Stage, at: number, kind?: Kind): void {
	const { victim, world } = stage;
	const block = victim.allocate(128);
	const before = world.bytes.slice(at, at + OBJECT_BYTES);
	for (const [kinds, all] of operations(victim, at, block)) {
		if (kind !== undefined && kinds.includes(kind)) continue;
		for (const [name, act] of Object.entries(all)) {
			const status = Number(act()) >>> 0;
			expect(status === FENCED || status === NOT_OWNER, `${name} gave ${status}`);
			const isSame = Buffer.compare(before, world.bytes.slice(at, at + OBJECT_BYTES)) === 0;
			expect(isSame, `${name} has written where another object is`);
		}
	}
	if (block >= STATUS_LIMIT) expect(victim.free(block) === OK, "its own block could not be freed");
}

/** Takes everything that can be held of the object. */
function takeAllOf({ core, me }: Participant, at: number, kind: Kind): void {
	if (QUEUES.includes(kind)) {
		core.attachProducer(me, at);
		core.attachConsumer(me, at);
	}
	if (LOCKS.includes(kind)) core.tryLock(me, at);
	if (LOCKS.includes(kind)) core.announceLock(me, at);
}

/** Makes an object of `kind` at this place, where there is none. False if there is no room. */
function putAt(who: Participant, place: number, name: string, kind: Kind): boolean {
	const blocks: number[] = [];
	while (blocks.at(-1) !== place && blocks.length < 200) {
		const block = who.committing(() => who.core.allocateObject(who.me));
		if (block < STATUS_LIMIT) break;
		blocks.push(block);
	}
	const isFree = blocks.at(-1) === place;
	if (isFree) blocks.pop();
	for (const block of blocks) who.core.freeInternal(who.me, block);
	if (!isFree) return false;
	if (who.place(place, name, KINDS[kind], madeAs(kind)) === OK) return true;
	who.core.freeInternal(who.me, place);
	return false;
}

/** `victim` gives up a removed object with everything that it held of it. Then another object comes to its place. */
function givenUp(old: Kind, next: Kind): Scenario {
	return {
		name: `give up a ${old}, and use it where there is a ${next} now`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const place = other.construct("old", KINDS[old], madeAs(old));
			victim.use(place);
			takeAllOf(victim, place, old);
			expect(other.remove("old") === OK, "it could not be removed");
			return {
				spoils: true,
				act: () => {
					expect(victim.core.unpin(victim.me, place) >>> 0 === OK, "somebody was to be woken");
					expectRefused(stage, place);
					if (!putAt(other, place, "next", next)) return;
					const restore = pretend(victim, place, next);
					expectRefused(stage, place);
					restore();
				},
				verify: () => {
					const status = other.remove("next");
					expect(status === OK || status === NOT_FOUND, `removing gave ${status}`);
				},
			};
		},
	};
}

/** `victim` has an object open, holds everything of it, and uses it as one of another kind. */
function mistaken(kind: Kind): Scenario {
	return {
		name: `use a ${kind} as what it is not`,
		prepare: (stage) => {
			const { victim, other } = stage;
			const object = other.construct("object", KINDS[kind], madeAs(kind));
			victim.use(object);
			return {
				spoils: true,
				act: () => {
					takeAllOf(victim, object, kind);
					const restore = pretend(victim, object, kind);
					expectRefused(stage, object, kind);
					restore();
				},
				verify: () => expect(other.remove("object") === OK, "it could not be removed"),
			};
		},
	};
}

const noObject: Scenario = {
	name: "use a block as an object",
	prepare: (stage) => {
		const { victim, world } = stage;
		const block = victim.allocate(OBJECT_BYTES);
		const words = world.words.subarray(block >> 2, (block + OBJECT_BYTES) >> 2);
		return {
			act: () => {
				for (const kind of [KIND_MUTEX, KIND_QUEUE]) {
					// As if every slot had it open.
					words.fill(0xffff_ffff);
					words[OBJECT_KIND >> 2] = kind;
					expectRefused(stage, block);
				}
			},
		};
	},
};

/** `victim` removes something that it holds, and another participant waits for it. */
function removingHeld(kind: Kind): Scenario {
	return {
		name: `remove a ${kind} that is held, and that another waits for`,
		prepare: ({ victim, other }) => {
			const lock = other.construct("lock", KINDS[kind]);
			victim.use(lock);
			expect(victim.core.tryLock(victim.me, lock) >>> 0 === OK, "a free lock was not to be had");
			other.core.announceLock(other.me, lock);
			const rings = ringsOf(other);
			let told = false;
			const look = () => {
				const status = other.core.tryLock(other.me, lock) >>> 0;
				if (status === TAKEN) return false;
				expect(told ? status === OK : status === LOCK_ABANDONED, `locking gave ${status}`);
				told = true;
				const rung = other.core.unlock(other.me, lock) >>> 0;
				expect(rung === OK || rung === doorbellOf(other), "one who does not wait was rung");
				return true;
			};
			return {
				reset: () => {
					told = false;
				},
				act: () => {
					const name = Buffer.from("lock");
					const { core, me } = victim;
					expect(core.remove(me, victim.lend(name), name.length) >>> 0 === lock, "it was not there");
					const doorbell = core.unpin(me, lock) >>> 0;
					// If another participant got it meanwhile and gave it up, it has rung the next one.
					expect(told || doorbell === doorbellOf(other), `who waits is not to be woken: ${doorbell}`);
					expect(ringsOf(other) > rings, "who waits was not rung");
				},
				intrude: () => void look(),
				verify: () => {
					expect(look(), "nobody gives it up any more");
					if (other.remove("lock") === NOT_FOUND) other.core.unpin(other.me, lock);
				},
			};
		},
	};
}

/** `victim` removes a queue of which it holds one endpoint, and another participant waits at the other. */
function removingEnd(kind: Kind, side: "producer" | "consumer"): Scenario {
	return {
		name: `remove a ${kind} as its ${side}, while its peer waits`,
		prepare: ({ victim, other, world }) => {
			const queue = other.construct("queue", KINDS[kind], madeAs(kind));
			victim.use(queue);
			for (const [who, isProducer] of [
				[victim, side === "producer"],
				[other, side !== "producer"],
			] as const) {
				if (isProducer) who.core.attachProducer(who.me, queue);
				else who.core.attachConsumer(who.me, queue);
			}
			other.core.announceProducer(other.me, queue);
			other.core.announceConsumer(other.me, queue);
			const rings = ringsOf(other);
			const holder = () =>
				world.words[(queue + (side === "producer" ? QUEUE_PRODUCER : QUEUE_CONSUMER)) >> 2];
			return {
				act: () => {
					const name = Buffer.from("queue");
					const { core, me } = victim;
					expect(core.remove(me, victim.lend(name), name.length) >>> 0 === queue, "it was not there");
					const doorbell = core.unpin(me, queue) >>> 0;
					expect(doorbell === doorbellOf(other), `who waits is not to be woken: ${doorbell}`);
					expect(holder() === 0, "it has the end still");
				},
				verify: () => {
					expect(holder() === 0, "it has the end still");
					expect(ringsOf(other) > rings, "who waits was not rung");
					if (other.remove("queue") === NOT_FOUND) other.core.unpin(other.me, queue);
				},
			};
		},
	};
}

const passingOn: Scenario = {
	name: "take an abandoned mutex, and pass it on",
	prepare: ({ victim, other, world }) => {
		const mutex = other.construct("mutex", KIND_MUTEX);
		const third = world.participant(3);
		for (const who of [victim, third]) who.open("mutex");
		third.core.tryLock(third.me, mutex);
		other.recover(third.slot);
		other.core.announceLock(other.me, mutex);
		let told = false;
		return {
			reset: () => {
				told = false;
			},
			act: () => {
				const { core, me } = victim;
				const status = core.tryLock(me, mutex) >>> 0;
				if (status === TAKEN && told) return;
				expect(status === (told ? OK : LOCK_ABANDONED), `locking gave ${status}`);
				if (told) return void core.unlock(me, mutex);
				const doorbell = core.abandon(me, mutex) >>> 0;
				expect(told || doorbell === doorbellOf(other), "who waits is not to be woken");
				expect(core.abandon(me, mutex) >>> 0 === NOT_OWNER, "it was given up twice");
			},
			intrude: () => {
				const status = other.core.tryLock(other.me, mutex) >>> 0;
				expect(status === TAKEN || status === LOCK_ABANDONED, `locking gave ${status}`);
				if (status === TAKEN) return;
				told = true;
				other.core.unlock(other.me, mutex);
			},
			verify: () => {
				const status = other.core.tryLock(other.me, mutex) >>> 0;
				expect(told || status === LOCK_ABANDONED, `the next one gets ${status}`);
				expect(status === OK || status === LOCK_ABANDONED, `the next one gets ${status}`);
				other.core.unlock(other.me, mutex);
				expect(other.remove("mutex") === OK, "it could not be removed");
			},
		};
	},
};

export const references: Scenario[] = [
	givenUp("queue", "vector"),
	givenUp("mailbox", "map"),
	givenUp("mutex", "queue"),
	givenUp("condition", "records"),
	givenUp("map", "mailbox"),
	givenUp("vector", "mutex"),
	...(Object.keys(KINDS) as Kind[]).map(mistaken),
	noObject,
	...(["mutex", "vector", "map"] as const).map(removingHeld),
	removingEnd("queue", "producer"),
	removingEnd("records", "consumer"),
	removingEnd("mailbox", "producer"),
	passingOn,
];
