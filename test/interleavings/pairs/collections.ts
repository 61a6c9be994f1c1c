/** Maps and vectors: one participant changes them under their mutex, another reads without it, or changes them too. */
import {
	ENTRY_KEY,
	ENTRY_KEY_LENGTH,
	ENTRY_VALUE_LENGTH,
	KIND_MAP,
	KIND_VECTOR,
	NOT_FOUND,
	OBJECT_COUNT,
	OBJECT_DATA,
	OBJECT_VERSION,
	OK,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import type { Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { allocate, atOnce, expect, openTo, pair, type Scene } from "../stage.js";
import type { Call, Program } from "../stepper.js";

/** Whether a reader checks afterwards if what it read has changed. */
export type Care = "checks the version" | "checks nothing";

const NAME = "collection";
/** What is written over memory that was freed. */
const GARBAGE = 0xee;
/** How many times a reader tries again: more often than there are changes. */
const TURNS = 10;

/** Returns what a reader finds if nobody changes the object meanwhile, like `readConsistently` in the binding. */
function* readConsistently<Result>(
	object: number,
	care: Care,
	look: () => Generator<Call, Result, number>,
): Generator<Call, Result, number> {
	for (let turn = 0; turn < TURNS; turn++) {
		const version = yield ["read", object + OBJECT_VERSION];
		let result: Result | undefined;
		let failure: unknown;
		try {
			result = yield* look();
		} catch (error) {
			failure = error;
		}
		if (care === "checks the version" && (yield ["read", object + OBJECT_VERSION]) !== version) continue;
		if (failure !== undefined) throw failure;
		return result as Result;
	}
	throw new Error("it changes all the time");
}

/** Runs a change under the mutex, if that is free. Returns whether it was. */
function* locked(who: Participant, object: number, body: () => Program): Generator<Call, boolean, number> {
	if ((yield ["tryLock", who.me, object]) === TAKEN) return false;
	yield* body();
	const result = yield ["unlock", who.me, object];
	expect(result === OK || result >= STATUS_LIMIT, `unlocking gave ${result}`);
	return true;
}

/** Takes freed memory, if there is some, and overwrites it. */
function* spoil(who: Participant, bytes: number): Program {
	const block = yield* allocate(who, bytes, GARBAGE);
	if (block !== 0) yield ["free", who.me, block];
}

// -------------------------------------------------------------------------------------------------- map

/** A key and a value are two words each; both words of a value are the same. */
const WORDS_BYTES = 8;
const ENTRY_BYTES = ENTRY_KEY + 2 * WORDS_BYTES;

function keyOf(who: Participant, key: number): number {
	return who.lend(new Uint8Array(new Uint32Array([key, ~key]).buffer));
}

function* set(who: Participant, map: number, key: number, value: number): Program {
	const needed = yield ["mapNeeds", map];
	if (needed > 0) {
		const table = yield* allocate(who, needed);
		expect((yield ["mapGrow", who.me, map, table]) === OK, "it could not grow");
	}
	const entry = yield* allocate(who, ENTRY_BYTES);
	yield ["write", entry + ENTRY_KEY_LENGTH, WORDS_BYTES];
	yield ["write", entry + ENTRY_VALUE_LENGTH, WORDS_BYTES];
	yield ["write", entry + ENTRY_KEY, key];
	yield ["write", entry + ENTRY_KEY + 4, ~key >>> 0];
	yield ["write", entry + ENTRY_KEY + WORDS_BYTES, value];
	yield ["write", entry + ENTRY_KEY + WORDS_BYTES + 4, value];
	expect((yield ["mapSet", who.me, map, entry]) === OK, "it could not be set");
}

function* remove(who: Participant, map: number, key: number): Program {
	const status = yield ["mapDelete", who.me, map, keyOf(who, key), WORDS_BYTES];
	expect(status === OK || status === NOT_FOUND, `deleting gave ${status}`);
}

/** The value in an entry, whose lengths are those of every entry. */
function* valueIn(entry: number): Generator<Call, number, number> {
	expect((yield ["read", entry + ENTRY_KEY_LENGTH]) === WORDS_BYTES, "a key is of another length");
	expect((yield ["read", entry + ENTRY_VALUE_LENGTH]) === WORDS_BYTES, "a value is of another length");
	const value = yield ["read", entry + ENTRY_KEY + WORDS_BYTES];
	expect((yield ["read", entry + ENTRY_KEY + WORDS_BYTES + 4]) === value, "half a value was read");
	return value;
}

/** The value for a key; 0 if there is none. */
function* get(who: Participant, map: number, key: number, care: Care): Generator<Call, number, number> {
	return yield* readConsistently(map, care, function* () {
		const entry = yield ["mapFind", map, keyOf(who, key), WORDS_BYTES];
		return entry === NOT_FOUND ? 0 : yield* valueIn(entry);
	});
}

/** All entries. */
function* entriesOf(map: number, care: Care): Generator<Call, Map<number, number>, number> {
	return yield* readConsistently(map, care, function* () {
		const entries = new Map<number, number>();
		const places = yield ["mapPlaces", map];
		for (let place = 0; place < places; place++) {
			const entry = yield ["mapEntry", map, place];
			if (entry >= STATUS_LIMIT) entries.set(yield ["read", entry + ENTRY_KEY], yield* valueIn(entry));
		}
		return entries;
	});
}

interface MapEnds {
	map: number;
	read: number[];
	/** The contents that the map had at some time, as text. */
	all: Map<number, number>[];
	/** Whether each got the mutex. */
	got: [boolean, boolean];
}

/** A map with entries `1: 101`, `2: 102` and so on, whose memory `a` may use again. */
function map(
	name: string,
	count: number,
	a: (who: Participant, ends: MapEnds) => Program,
	b: (who: Participant, ends: MapEnds) => Program,
	check: (ends: MapEnds, value: (key: number) => number) => void,
): Pair {
	return pair(name, (stage): Scene => {
		const { observer } = stage;
		const at = openTo(observer.construct(NAME, KIND_MAP), stage.a, stage.b);
		const fill = function* (): Program {
			yield* locked(stage.a, at, function* () {
				for (let key = 1; key <= count; key++) yield* set(stage.a, at, key, 100 + key);
			});
		};
		atOnce(stage.a, fill());
		// A slab for `b`, because making one would cost accesses.
		stage.b.free(stage.b.allocate(ENTRY_BYTES));
		const ends: MapEnds = { map: at, read: [], all: [], got: [false, false] };
		return {
			a: () => a(stage.a, ends),
			b: () => b(stage.b, ends),
			reset: () => {
				ends.read = [];
				ends.all = [];
				ends.got = [false, false];
			},
			check: () => check(ends, (key) => atOnce(observer, get(observer, at, key, "checks nothing"))),
			tidy: () => expect(observer.remove(NAME) === OK, "the map is lost"),
		};
	});
}

const reading = (key: number, care: Care) =>
	function* (who: Participant, ends: MapEnds): Program {
		ends.read.push(yield* get(who, ends.map, key, care));
	};

const changing = (change: (who: Participant, at: number) => Program) =>
	function* (who: Participant, ends: MapEnds): Program {
		ends.got[0] = yield* locked(who, ends.map, () => change(who, ends.map));
		yield* spoil(who, ENTRY_BYTES);
	};

function oneOf(ends: MapEnds, ...values: number[]): void {
	for (const value of ends.read) expect(values.includes(value), `${value} was read, which was never there`);
}

/** With careless readers these must fail, which shows that readers are tested. */
export const mapsRead = (care: Care): Pair[] => [
	map(
		"set a key anew, while another reads it",
		1,
		changing((who, at) => set(who, at, 1, 201)),
		reading(1, care),
		(ends, value) => {
			oneOf(ends, 101, 201);
			expect(value(1) === 201, "it was not set");
		},
	),
	map(
		"delete a key, while another reads it",
		2,
		changing((who, at) => remove(who, at, 1)),
		reading(1, care),
		(ends, value) => {
			oneOf(ends, 101, 0);
			expect(value(1) === 0 && value(2) === 102, "the wrong one was deleted");
		},
	),
	map(
		"set a key anew, while another goes through all",
		2,
		changing((who, at) => set(who, at, 1, 201)),
		function* (who, ends) {
			void who;
			ends.all.push(yield* entriesOf(ends.map, care));
		},
		(ends) => {
			for (const all of ends.all) {
				expect(all.size === 2 && all.get(2) === 102, "an entry was not seen");
				expect([101, 201].includes(all.get(1) as number), "what was read was never there");
			}
		},
	),
	map(
		"grow a map, while another reads it",
		11,
		function* (who, ends) {
			ends.got[0] = yield* locked(who, ends.map, () => set(who, ends.map, 12, 112));
			yield* spoil(who, 64);
		},
		reading(3, care),
		(ends, value) => {
			oneOf(ends, 103);
			expect(value(12) === 112, "it was not set");
		},
	),
];

const maps: Pair[] = [
	map(
		"set a key that is not there, while another reads it",
		1,
		changing((who, at) => set(who, at, 2, 202)),
		reading(2, "checks the version"),
		(ends) => oneOf(ends, 0, 202),
	),
	map(
		"delete a key and set it again, while another reads it",
		1,
		changing(function* (who, at) {
			yield* remove(who, at, 1);
			yield* set(who, at, 1, 201);
		}),
		reading(1, "checks the version"),
		(ends) => oneOf(ends, 101, 0, 201),
	),
	map(
		"set keys under the mutex, both",
		1,
		changing((who, at) => set(who, at, 1, 201)),
		function* (who, ends) {
			ends.got[1] = yield* locked(who, ends.map, () => set(who, ends.map, 2, 202));
		},
		(ends, value) => {
			expect(ends.got[0] || ends.got[1], "neither got the mutex");
			expect(value(1) === (ends.got[0] ? 201 : 101), "a change is lost");
			expect(value(2) === (ends.got[1] ? 202 : 0), "another change is lost");
		},
	),
	map(
		"set a key under the mutex, while another deletes it",
		1,
		changing((who, at) => set(who, at, 1, 201)),
		function* (who, ends) {
			ends.got[1] = yield* locked(who, ends.map, () => remove(who, ends.map, 1));
		},
		(ends, value) => {
			const expected = ends.got[0] ? (ends.got[1] ? [0, 201] : [201]) : [0];
			expect(expected.includes(value(1)), "a change is lost");
		},
	),
];

/** The reader has found the entry, and read the version before that. Now the entry's memory gets another use. */
function replacedUnderReader(): Pair {
	return pair(
		"set a key anew, while another that has found it reads it, and a block comes there",
		(stage): Scene => {
			const { a, b, observer, world } = stage;
			const at = openTo(observer.construct(NAME, KIND_MAP), stage.a, stage.b);
			const setting = (who: Participant, value: number) =>
				function* (): Program {
					expect(yield* locked(who, at, () => set(who, at, 1, value)), "the mutex is free");
				};
			const first = b.allocate(ENTRY_BYTES);
			atOnce(b, setting(b, 101)());
			// So that `b` searches for free memory from the entry on.
			b.free(first);
			expect(b.allocate(ENTRY_BYTES) === first, "what is freed is allocated next");
			a.free(a.allocate(ENTRY_BYTES));
			const version = world.words[(at + OBJECT_VERSION) >> 2];
			const entry = b.core.mapFind(at, keyOf(b, 1), WORDS_BYTES) >>> 0;
			return {
				a: setting(a, 201),
				*b() {
					yield* allocate(b, ENTRY_BYTES, GARBAGE);
					const value = yield ["read", entry + ENTRY_KEY + WORDS_BYTES];
					if ((yield ["read", at + OBJECT_VERSION]) === version) expect(value === 101, `${value} was read`);
				},
				tidy: () => expect(observer.remove(NAME) === OK, "the map is lost"),
			};
		},
	);
}

// ----------------------------------------------------------------------------------------------- vector

interface VectorEnds {
	vector: number;
	read: (number[] | undefined)[];
	got: [boolean, boolean];
}

/** Adds elements of 4 bytes at the end. The holder of the mutex calls it. */
function* push(who: Participant, vector: number, ...values: number[]): Program {
	const length = yield ["read", vector + OBJECT_COUNT];
	const wanted = (length + values.length) * 4;
	const data = yield ["read", vector + OBJECT_DATA];
	const capacity = data === 0 ? 0 : yield ["capacityOf", data];
	if (wanted > capacity) {
		const fresh = yield* allocate(who, Math.max(wanted, capacity * 2));
		expect((yield ["moveVector", who.me, vector, fresh, length * 4]) === OK, "it could not grow");
	}
	const place = yield ["read", vector + OBJECT_DATA];
	for (const [index, value] of values.entries()) yield ["write", place + (length + index) * 4, value];
	yield ["setVectorLength", who.me, vector, length + values.length];
}

/** All elements, as the binding reads them. */
function* elementsOf(vector: number, care: Care): Generator<Call, number[], number> {
	return yield* readConsistently(vector, care, function* () {
		const length = yield ["read", vector + OBJECT_COUNT];
		const data = yield ["read", vector + OBJECT_DATA];
		const capacity = data === 0 ? 0 : yield ["capacityOf", data];
		expect(length <= capacity / 4, "there are more elements than room");
		const elements: number[] = [];
		// Only the first and the last: the elements between cost accesses, and show nothing more.
		for (const index of new Set([0, length - 1])) elements.push(yield ["read", data + index * 4]);
		return [length, ...elements];
	});
}

/** A vector with elements 1, 2, 3 and so on, which fill a block of `a`. */
function vector(
	name: string,
	a: (who: Participant, ends: VectorEnds) => Program,
	b: (who: Participant, ends: VectorEnds) => Program,
	check: (ends: VectorEnds, elements: number[]) => void,
): Pair {
	return pair(name, (stage): Scene => {
		const { observer } = stage;
		const at = openTo(observer.construct(NAME, KIND_VECTOR), stage.a, stage.b);
		const fill = function* (): Program {
			yield* locked(stage.a, at, () =>
				push(stage.a, at, ...Array.from({ length: FULL_LENGTH }, (_, i) => i + 1)),
			);
			// So that there is a place to grow into, and the old place is used again.
			const next = yield* allocate(stage.a, 128);
			yield ["free", stage.a.me, next];
		};
		atOnce(stage.a, fill());
		stage.b.free(stage.b.allocate(128));
		const ends: VectorEnds = { vector: at, read: [], got: [false, false] };
		return {
			a: () => a(stage.a, ends),
			b: () => b(stage.b, ends),
			reset: () => {
				ends.read = [];
				ends.got = [false, false];
			},
			check: () => check(ends, atOnce(observer, elementsOf(at, "checks nothing"))),
			tidy: () => expect(observer.remove(NAME) === OK, "the vector is lost"),
		};
	});
}

const FULL_LENGTH = 16;

export const vectorsRead = (care: Care): Pair[] => [
	vector(
		"grow a vector, while another reads it",
		function* (who, ends) {
			yield* locked(who, ends.vector, () => push(who, ends.vector, 17));
			yield* spoil(who, 64);
		},
		function* (who, ends) {
			void who;
			ends.read.push(yield* elementsOf(ends.vector, care));
		},
		(ends, elements) => {
			expect(elements.join() === "17,1,17", `it is ${elements} in the end`);
			for (const read of ends.read)
				expect(["16,1,16", "17,1,17"].includes(`${read}`), `${read} was read, which was never there`);
		},
	),
];

const vectors: Pair[] = [
	vector(
		"add to a vector, both",
		function* (who, ends) {
			ends.got[0] = yield* locked(who, ends.vector, () => push(who, ends.vector, 17));
		},
		function* (who, ends) {
			ends.got[1] = yield* locked(who, ends.vector, () => push(who, ends.vector, 18));
		},
		(ends, elements) => {
			const added = Number(ends.got[0]) + Number(ends.got[1]);
			expect(added > 0 && elements[0] === FULL_LENGTH + added, "an element is lost");
		},
	),
	vector(
		"grow a vector and take elements off, while another reads it",
		function* (who, ends) {
			yield* locked(who, ends.vector, function* () {
				yield* push(who, ends.vector, 17);
				yield ["setVectorLength", who.me, ends.vector, 2];
			});
		},
		function* (who, ends) {
			void who;
			ends.read.push(yield* elementsOf(ends.vector, "checks the version"));
		},
		(ends) => {
			for (const read of ends.read)
				expect(["16,1,16", "17,1,17", "2,1,2"].includes(`${read}`), `${read} was read`);
		},
	),
];

export const collections: Pair[] = [
	...mapsRead("checks the version"),
	...maps,
	replacedUnderReader(),
	...vectorsRead("checks the version"),
	...vectors,
];
