/** Two participants find, construct and remove named objects at once. */
import {
	KIND_QUEUE,
	KIND_STRUCT,
	NOT_FOUND,
	OBJECT_DATA,
	OBJECT_KIND,
	OBJECT_NONCE,
	OK,
	STATUS_LIMIT,
	TAKEN,
} from "../../../assembly/layout.js";
import { headOf, type Participant } from "../../crash-points/world.js";
import type { Pair } from "../explore.js";
import { call, expect, named, pair, type Scene, type Stage } from "../stage.js";
import type { Call, Program } from "../stepper.js";

function bucketOf(name: string): number {
	return Buffer.from(name).reduce((hash, byte) => Math.imul(hash ^ byte, 16777619), 2166136261) & 63;
}

const CANDIDATES = Array.from({ length: 1000 }, (_, i) => `n${i}`);
/** Objects whose names belong in the same bucket. */
const NAMES = CANDIDATES.filter((name) => bucketOf(name) === bucketOf("n0")).slice(0, 4) as [
	string,
	string,
	string,
	string,
];
/** A name that belongs in another bucket. */
const ELSEWHERE = CANDIDATES.find((name) => bucketOf(name) !== bucketOf("n0")) as string;

/** Finds or constructs the object, as the binding does, and returns it. */
export function* findOrConstruct(who: Participant, name: string): Generator<Call, number, number> {
	for (let turn = 0; turn < 10; turn++) {
		const found = yield* call(who, "open", who.me, ...named(who, name));
		if (found >= STATUS_LIMIT) return found;
		expect(found === NOT_FOUND, `opening gave ${found}`);
		const data = yield* call(who, "allocate", who.me, 30_000);
		const object = yield* call(who, "allocateObject", who.me);
		expect(data >= STATUS_LIMIT && object >= STATUS_LIMIT, "there was room");
		const head = headOf(name, KIND_STRUCT, { capacity: 30_000 }, data, 0);
		const status = yield* call(who, "construct", who.me, object, who.lend(head));
		if (status === OK) return object;
		expect(status === TAKEN, `constructing gave ${status}`);
		expect(
			(yield* call(who, "freeInternal", who.me, object)) === OK,
			"an object that was not put could not be freed",
		);
		expect((yield* call(who, "free", who.me, data)) === OK, "its data could not be freed");
	}
	throw new Error("it is taken each time");
}

/** Removes the object, as the binding does. Returns whether there was one. */
export function* remove(who: Participant, name: string): Generator<Call, boolean, number> {
	const object = yield* call(who, "remove", who.me, ...named(who, name));
	if (object === NOT_FOUND) return false;
	expect(object >= STATUS_LIMIT, `removing gave ${object}`);
	yield* call(who, "unpin", who.me, object);
	return true;
}

interface Seen {
	objects: number[];
	removed: boolean[];
}

/** A pair of programs that note what they saw. When both have left, the remaining names are removed. */
function directory(
	name: string,
	present: readonly string[],
	a: (who: Participant, seen: Seen) => Program,
	b: (who: Participant, seen: Seen) => Program,
	check: (seen: [Seen, Seen], stage: Stage) => void = () => {},
	keep: readonly string[] = [],
): Pair {
	return pair(name, (stage): Scene => {
		const { observer } = stage;
		for (const each of present) observer.construct(each, KIND_STRUCT, { capacity: 30_000 });
		// Nobody has them open any more.
		for (const each of present)
			if (!keep.includes(each)) observer.core.unpin(observer.me, observer.find(each));
		const seen: [Seen, Seen] = [
			{ objects: [], removed: [] },
			{ objects: [], removed: [] },
		];
		return {
			a: () => a(stage.a, seen[0]),
			b: () => b(stage.b, seen[1]),
			reset: () => {
				for (const each of seen) {
					each.objects.length = 0;
					each.removed.length = 0;
				}
			},
			check: () => {
				check(seen, stage);
				for (const each of present) {
					const wanted = keep.includes(each);
					if (wanted) expect(observer.find(each) >= STATUS_LIMIT, `${each} is lost`);
				}
			},
			tidy: () => {
				for (const each of NAMES) observer.remove(each);
				for (const each of NAMES) expect(observer.find(each) === NOT_FOUND, `${each} is still there`);
			},
		};
	});
}

/** Checks, for a participant that has the object open, that it is as it was made, and not freed. */
export function* isWhole(object: number): Generator<Call, boolean, number> {
	return (yield ["read", object + OBJECT_KIND]) === KIND_STRUCT;
}

const constructing = (name: string) =>
	function* (who: Participant, seen: Seen): Program {
		const object = yield* findOrConstruct(who, name);
		seen.objects.push(object);
		expect(yield* isWhole(object), "what was found is not whole");
	};

const removing = (name: string) =>
	function* (who: Participant, seen: Seen): Program {
		seen.removed.push(yield* remove(who, name));
	};

const opening = (name: string) =>
	function* (who: Participant, seen: Seen): Program {
		const object = yield* call(who, "open", who.me, ...named(who, name));
		if (object < STATUS_LIMIT) {
			expect(object === NOT_FOUND, `opening gave ${object}`);
			return;
		}
		seen.objects.push(object);
		expect(yield* isWhole(object), "what was opened is not whole");
		const block = yield ["read", object + OBJECT_DATA];
		expect((yield* call(who, "capacityOf", block)) >= 30_000, "what was opened has lost its memory");
		yield* call(who, "unpin", who.me, object);
	};

const [A, B, C, D] = NAMES;

export const objects: Pair[] = [
	directory("construct one name, both", [], constructing(A), constructing(A), ([a, b]) => {
		expect(a.objects[0] === b.objects[0], "two objects have one name");
	}),
	directory("construct two names of one bucket", [], constructing(A), constructing(B), ([a, b]) => {
		expect(a.objects[0] !== b.objects[0], "two names are one object");
	}),
	directory("remove one name, both", [A], removing(A), removing(A), ([a, b], { observer }) => {
		expect(a.removed[0] !== b.removed[0], "one of them removed it");
		expect(observer.core.used() === 0, "it is not freed, and both are there still");
	}),
	directory(
		"remove neighbours",
		[A, B, C],
		removing(A),
		removing(B),
		([a, b]) => {
			expect(a.removed[0] === true && b.removed[0] === true, "both were there");
		},
		[C],
	),
	directory("remove the first, and the one behind it", [C, A, B], removing(B), removing(A), undefined, [C]),
	directory("remove what another constructs", [], removing(A), constructing(A)),
	directory("remove what is there, and construct it anew", [A], removing(A), constructing(A)),
	directory(
		"remove one, and construct a neighbour",
		[A, B],
		removing(B),
		constructing(D),
		([, b]) => {
			expect(b.objects.length === 1, "it was made");
		},
		[A],
	),
	directory("open what another removes", [A], opening(A), removing(A), ([, b]) => {
		expect(b.removed[0] === true, "it was there");
	}),
	directory(
		"open a neighbour of what another removes",
		[A, B],
		opening(A),
		removing(B),
		([a]) => {
			expect(a.objects.length === 1, "it was not found, and it is there");
		},
		[A],
	),
	directory(
		"remove and construct anew, while another opens",
		[A],
		function* (who, seen) {
			seen.removed.push(yield* remove(who, A));
			seen.objects.push(yield* findOrConstruct(who, A));
		},
		opening(A),
	),
	directory(
		"construct one name, while another constructs it where one was removed",
		[A],
		function* (who, seen) {
			seen.removed.push(yield* remove(who, A));
			seen.objects.push(yield* findOrConstruct(who, B));
		},
		constructing(B),
		([a, b]) => {
			expect(a.objects[0] === b.objects[0], "two objects have one name");
		},
	),
	pair("let go of an object, while another removes it", (stage) => {
		const { a, b, observer } = stage;
		const object = a.construct(A, KIND_STRUCT, { capacity: 30_000 });
		return {
			*a() {
				yield* call(a, "unpin", a.me, object);
			},
			*b() {
				expect(yield* remove(b, A), "it was there");
			},
			tidy: () => expect(observer.find(A) === NOT_FOUND, "it is there still"),
		};
	}),
	pair("let go of a removed object, both", (stage) => {
		const { a, b, observer } = stage;
		const object = a.construct(A, KIND_STRUCT, { capacity: 30_000 });
		b.open(A);
		observer.remove(A);
		return {
			*a() {
				yield* call(a, "unpin", a.me, object);
			},
			*b() {
				yield* call(b, "unpin", b.me, object);
			},
		};
	}),
	pair("let go of a removed object, while another does and makes another of it", (stage) => {
		const { a, b, observer, world } = stage;
		const object = b.construct(A, KIND_STRUCT, { capacity: 30_000 });
		a.open(A);
		observer.remove(A);
		return {
			*a() {
				yield* call(a, "unpin", a.me, object);
			},
			*b() {
				yield* call(b, "unpin", b.me, object);
				yield* findOrConstruct(b, B);
			},
			check: () => {
				const data = world.words[(observer.find(B) + OBJECT_DATA) >> 2] as number;
				expect(observer.core.capacityOf(data) >>> 0 >= 30_000, "what was made has lost its memory");
			},
			tidy: () => expect(observer.remove(B) === OK, "what was made is lost"),
		};
	}),
	pair(
		"construct an object, while another makes the first of its bucket anew, behind it one of its name",
		(stage) => {
			const { a, b, observer } = stage;
			b.core.unpin(b.me, b.construct(A, KIND_STRUCT));
			const [mine, theirs] = [a, b].map((who) => who.committing(() => who.core.allocateObject(who.me))) as [
				number,
				number,
			];
			const made: string[] = [];
			const put = function* (who: Participant, object: number, name: string): Program {
				const status = yield ["construct", who.me, object, who.lend(headOf(name, KIND_STRUCT, {}, 0, 0))];
				if (status === OK) made.push(name);
				else expect(status === TAKEN, `constructing gave ${status}`);
			};
			return {
				a: () => put(a, mine, B),
				*b() {
					expect(yield* remove(b, A), "it was there");
					yield* put(b, theirs, B);
					yield* put(b, yield* call(b, "allocateObject", b.me), A);
				},
				reset: () => {
					made.length = 0;
				},
				check: () => expect(made.sort().join() === [A, B].sort().join(), `${made} were made`),
				tidy: () => {
					for (const name of [A, B]) expect(observer.remove(name) === OK, `${name} is lost`);
					for (const name of [A, B]) expect(observer.find(name) === NOT_FOUND, `${name} is still there`);
				},
			};
		},
	),
	pair("find the last of a bucket, while another puts the one before it into another bucket", (stage) => {
		const { a, b, observer } = stage;
		const last = observer.construct(A, KIND_STRUCT);
		b.core.unpin(b.me, b.construct(B, KIND_STRUCT));
		return {
			*a() {
				expect((yield* call(a, "find", ...named(a, A))) === last, "it was not found, and it is there");
			},
			*b() {
				expect(yield* remove(b, B), "it was there");
				const object = yield* call(b, "allocateObject", b.me);
				const head = headOf(ELSEWHERE, KIND_STRUCT, {}, 0, 0);
				expect((yield ["construct", b.me, object, b.lend(head)]) === OK, "it could not be made");
			},
			tidy: () => {
				for (const name of [A, ELSEWHERE]) expect(observer.remove(name) === OK, `${name} is lost`);
			},
		};
	}),
	pair("load a handle of what another removes and makes anew", (stage) => {
		const { a, b, observer, world } = stage;
		const object = observer.construct(A, KIND_STRUCT, { capacity: 30_000 });
		observer.core.unpin(observer.me, object);
		const nonce = [
			world.words[(object + OBJECT_NONCE) >> 2] as number,
			world.words[(object + OBJECT_NONCE + 4) >> 2] as number,
		] as const;
		return {
			*a() {
				const status = yield* call(a, "openAt", a.me, object, ...nonce);
				if (status !== OK) return;
				expect(yield* isWhole(object), "what was loaded is not whole");
				const block = yield ["read", object + OBJECT_DATA];
				expect((yield* call(a, "capacityOf", block)) >= 30_000, "what was loaded has lost its memory");
				yield* call(a, "unpin", a.me, object);
			},
			*b() {
				expect(yield* remove(b, A), "it was there");
				yield* findOrConstruct(b, B);
			},
			tidy: () => {
				observer.remove(B);
			},
		};
	}),
	pair("leave the region, while another removes what one has open", (stage) => {
		const { a, b, observer } = stage;
		const object = a.construct(A, KIND_QUEUE, { capacity: 256 });
		void object;
		return {
			*a() {
				// To leave is to recover from oneself.
				let status: number;
				do status = yield ["recover", a.slot];
				while (status !== OK);
				a.me = observer.core.join(a.slot) >>> 0;
			},
			*b() {
				yield* remove(b, A);
			},
		};
	}),
];
