/** Vectors and maps: changing them under their mutex. */
import { KIND_MAP, KIND_VECTOR, LOCK_ABANDONED, OK, STATUS_LIMIT, TAKEN } from "../../../assembly/layout.js";
import type { Participant } from "../world.js";
import { locked } from "./specimens.js";
import { expect, type Scenario } from "./stage.js";
import { colliding, countOf, elementsOf, entriesOf, lookUp, push, put, shorten, takeOut } from "./tables.js";

/** A change of a collection, which is done completely or not at all. */
interface Step {
	/** Makes the change; false if there is no room. */
	make(who: Participant, object: number): boolean;
	/** The contents after the change, if they were `before`. */
	after(before: string[]): string[];
}

interface Collection {
	what: string;
	kind: number;
	/** The contents. */
	read(who: Participant, object: number): string[];
	/** A change that must always be possible. */
	another: Step;
}

function pushing(...values: number[]): Step {
	return {
		make: (who, vector) => push(who, vector, values),
		after: (before) => [...before, ...values.map(String)],
	};
}

function shortening(length: number): Step {
	return {
		make: (who, vector) => shorten(who, vector, length),
		after: (before) => before.slice(0, length),
	};
}

function without(entries: string[], key: string): string[] {
	return entries.filter((entry) => !entry.startsWith(`${key}=`));
}

function putting(key: string, value: string): Step {
	return {
		make: (who, map) => put(who, map, key, value),
		after: (before) => [...without(before, key), `${key}=${value}`].sort(),
	};
}

function deleting(key: string): Step {
	return {
		make: (who, map) => {
			expect(takeOut(who, map, key), `${key} could not be deleted`);
			expect(lookUp(who, map, key) === undefined, `${key} is found after it was deleted`);
			return true;
		},
		after: (before) => without(before, key),
	};
}

const vector: Collection = {
	what: "vector",
	kind: KIND_VECTOR,
	read: (who, object) => elementsOf(who, object).map(String),
	another: pushing(4711),
};

const map: Collection = {
	what: "map",
	kind: KIND_MAP,
	read: (who, object) =>
		entriesOf(who, object)
			.map(([key, value]) => `${key}=${value}`)
			.sort(),
	another: putting("another", "value"),
};

/** `victim` makes changes. Each leaves the collection as before or after it, and the mutex to the next locker. */
function changing(collection: Collection, name: string, earlier: Step[], steps: Step[]): Scenario {
	const { what, kind, read, another } = collection;
	return {
		name: `change a ${what}: ${name}`,
		prepare: ({ victim, other }) => {
			const object = other.construct("it", kind);
			victim.open("it");
			let initial: string[] = [];
			for (const step of earlier) {
				locked(other, object, () => expect(step.make(other, object), "no room"));
				initial = step.after(initial);
			}
			let state = initial;
			let next = initial;
			/** True while `victim` holds the mutex; undefined while it locks or unlocks it. */
			let holds: boolean | undefined = false;
			const expectWhole = () => {
				const found = read(other, object).join();
				expect(
					found === state.join() || found === next.join(),
					`of ${state}, to be ${next}, there is ${found}`,
				);
			};
			return {
				reset: () => {
					state = initial;
					next = initial;
					holds = false;
				},
				act: () => {
					for (const step of steps) {
						holds = undefined;
						expect(victim.core.tryLock(victim.me, object) >>> 0 === OK, "the mutex is not free");
						holds = true;
						next = step.after(state);
						if (step.make(victim, object)) state = next;
						else next = state;
						holds = undefined;
						const status = victim.core.unlock(victim.me, object) >>> 0;
						expect(status === OK || status >= STATUS_LIMIT, `unlocking gave ${status}`);
						holds = false;
					}
				},
				intrude: () => {
					expectWhole();
					const status = other.core.tryLock(other.me, object) >>> 0;
					expect(status === OK || status === TAKEN, `locking gave ${status}`);
					if (holds !== undefined) expect((status === TAKEN) === holds, "the mutex does not exclude");
					if (status === OK) other.core.unlock(other.me, object);
				},
				verify: () => {
					const { core, me } = other;
					const status = core.tryLock(me, object) >>> 0;
					expect(status === OK || status === LOCK_ABANDONED, `locking gave ${status}`);
					if (holds !== undefined)
						expect((status === LOCK_ABANDONED) === holds, "abandoned, or not, and not said");
					expectWhole();
					const count = countOf(other, object);
					const found = read(other, object);
					expect(count === found.length, `it counts ${count} of ${found.length}`);
					if (another.make(other, object)) {
						const now = read(other, object).join();
						expect(now === another.after(found).join(), `of one more came ${now}`);
					}
					core.unlock(me, object);
					expect(other.remove("it") === OK, "it could not be removed");
				},
			};
		},
	};
}

const range = (length: number) => Array.from({ length }, (_, i) => i + 1);
const [first, second, third] = colliding as [string, string, string];
const twelve = range(12).map((i) => putting(`n${i}`, "x"));

export const collections: Scenario[] = [
	changing(vector, "the first elements", [], [pushing(1, 2, 3)]),
	changing(vector, "within its room", [pushing(1)], [pushing(2), shortening(1), pushing(3)]),
	changing(vector, "beyond its room", [pushing(...range(16))], [pushing(17)]),
	changing(vector, "to more than a span", [pushing(...range(8192))], [pushing(8193)]),
	changing(vector, "from one run to the next", [pushing(...range(16384))], [pushing(16385)]),
	changing(map, "the first entry", [], [putting("a", "1")]),
	changing(map, "another value", [putting("a", "1")], [putting("a", "2".repeat(100))]),
	changing(
		map,
		"another value of a key that collides",
		[putting(first, "1"), putting(second, "2")],
		[putting(second, "3")],
	),
	changing(map, "deleting", [putting("a", "1"), putting("b", "2")], [deleting("a")]),
	changing(
		map,
		"deleting the first of those that collide",
		[putting(first, "1"), putting(second, "2"), putting(third, "3")],
		[deleting(first), deleting(third)],
	),
	changing(
		map,
		"where another was",
		[putting(first, "1"), putting(second, "2"), deleting(first)],
		[putting(third, "3"), putting(first, "4")],
	),
	changing(map, "growing", twelve, [putting("n13", "y")]),
	changing(
		map,
		"growing, with some that are gone",
		[...twelve, deleting("n3"), deleting("n5")],
		[putting("n13", "y"), putting("n3", "z")],
	),
];
