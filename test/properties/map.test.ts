import type { KeyType, SharedMap, ValueType } from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf } from "../fixture/index.js";
import { but, by, holds, isRefuted, type Property } from "./property.js";
import { dtypes, isLarge, same, stored, type Value, valuesOf } from "./values.js";

/** A key or a value of a map. */
type Coded = Value | string | Uint8Array;
/** A map whose types are known only at run time. */
/** Structs have a test of their own. */
type PlainType = Exclude<ValueType, object>;
type AnyMap = SharedMap<KeyType, PlainType>;

const keyTypes: KeyType[] = ["string", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"];
const valueTypes: PlainType[] = ["string", "bytes", ...dtypes];
const LONGEST_KEY = 1024;

/** Text with any Unicode except lone surrogates, whose parts are easily mistaken for one another. */
const text = fc.oneof(
	fc.string({ unit: "binary" }),
	fc.constantFrom("", "\0", "\0\0", "\ufeff", "\ufeffa", "a", "é", "e\u0301", "ß", "水", "🌊", "__proto__"),
);
/** Texts about as long as the longest key, which differ only in their last bytes. */
const longText = fc
	.tuple(
		fc.constantFrom("x", "é", "水", "🌊"),
		fc.integer({ min: LONGEST_KEY - 9, max: LONGEST_KEY + 2 }),
		text,
	)
	.map(([unit, bytes, end]) => unit.repeat((bytes - Buffer.byteLength(end)) / Buffer.byteLength(unit)) + end);
const loneSurrogates = fc.constantFrom("\ud800", "a\udc00", "\udc00\ud800");

function keysOf(type: KeyType): Arbitrary<Coded> {
	if (type === "string") return fc.oneof({ weight: 8, arbitrary: text }, longText, loneSurrogates);
	const any = valuesOf(type);
	return fc.oneof(
		any,
		any.map((value) => stored(type, value)),
	);
}

const bytes = fc.oneof(
	fc.uint8Array(),
	fc.uint8Array({ maxLength: 9 }).map((array) => array.subarray(1)),
	fc.tuple(fc.nat(5000), fc.nat(255)).map(([length, fill]) => new Uint8Array(length).fill(fill)),
);

function mapValuesOf(type: PlainType): Arbitrary<Coded> {
	if (type === "string") return fc.oneof(text, longText, loneSurrogates);
	if (type === "bytes") return bytes;
	const any = valuesOf(type);
	return fc.oneof(
		any,
		any.map((value) => stored(type, value)),
	);
}

/** The form in which a map keeps a key or a value; undefined if it refuses it. */
function kept(type: PlainType, value: Coded): Coded | undefined {
	if (typeof value === "string") return value.isWellFormed() ? value : undefined;
	if (type === "string" || type === "bytes") return value;
	const number = stored(type, value as Value);
	// Floats are rounded; integers must stay the same.
	return type === "f32" || type === "f64" || number === value ? number : undefined;
}

function keptKey(type: KeyType, key: Coded): Coded | undefined {
	const tooLong = typeof key === "string" && Buffer.byteLength(key) > LONGEST_KEY;
	return tooLong ? undefined : kept(type, key);
}

/** The `n`th of many keys. */
function nth(type: KeyType, n: number): Coded {
	if (type === "string") return `key ${n}`;
	return stored(type, isLarge(type) ? BigInt(n) * 2n ** 32n : n * 257);
}

/** A copy of bytes, as text, so that two are compared by their contents. */
function comparable(value: Coded | undefined): unknown {
	return value instanceof Uint8Array ? `bytes ${Buffer.from(value).toString("hex")}` : value;
}

function sameValue(actual: Coded | undefined, expected: Coded | undefined, what: string): void {
	same(comparable(actual), comparable(expected), what);
}

interface Types {
	key: KeyType;
	value: PlainType;
}

function stepsOf({ value: type }: Types) {
	const key = fc.nat(11);
	const value = mapValuesOf(type);
	const from = fc.nat(500);
	const count = fc.nat(200);
	const step = fc.oneof(
		{ weight: 4, arbitrary: fc.record({ by, do: fc.constant("set"), key, value } as const) },
		{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("get"), key } as const) },
		{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("update"), key, value } as const) },
		{ weight: 2, arbitrary: fc.record({ by, do: fc.constant("delete"), key } as const) },
		fc.record({ by, do: fc.constant("has"), key } as const),
		fc.record({ by, do: fc.constant("throw in an update"), key } as const),
		fc.record({ by, do: fc.constant("iterate") } as const),
		fc.record({ by, do: fc.constant("set many"), from, count, value } as const),
		fc.record({ by, do: fc.constant("delete many"), from, count } as const),
		fc.record({ by, do: fc.constant("delete while iterating") } as const),
	);
	return fc.array(step, { maxLength: 60, size: "max" });
}

type Step = ReturnType<typeof stepsOf> extends Arbitrary<(infer S)[]> ? S : never;
interface Case {
	types: Types;
	keys: Coded[];
	steps: Step[];
}

const cases: Arbitrary<Case> = fc
	.record({
		key: fc.oneof(fc.constant("string" as const), fc.constantFrom(...keyTypes)),
		value: fc.oneof(fc.constantFrom("string" as const, "bytes" as const), fc.constantFrom(...valueTypes)),
	})
	.chain((types) =>
		fc.record({
			types: fc.constant(types),
			// There are few, so that they collide.
			keys: fc.array(keysOf(types.key), { minLength: 12, maxLength: 12 }),
			steps: stepsOf(types),
		}),
	);

class Enough extends Error {}

function likeAMap(change: (map: AnyMap) => AnyMap = (map) => map): Property<Case> {
	return (openings, { types, keys, steps }) => {
		const maps = ([0, 1] as const).map((each) => change(openings.at(each).map("m", types)));
		const model = new Map<Coded, Coded>();
		/** Checks that `body` is refused if the key or the value is. Otherwise returns the key as the map keeps it. */
		const attempt = (key: Coded, value: Coded | undefined, body: () => void): Coded | undefined => {
			const right = keptKey(types.key, key);
			const refused = right === undefined || (value !== undefined && kept(types.value, value) === undefined);
			same(codeOf(body), refused ? "DHMEM_BAD_ARGUMENT" : "nothing", `with key ${String(key)}`);
			return refused ? undefined : right;
		};
		for (const step of steps) {
			const map = maps[step.by] as AnyMap;
			const key = "key" in step ? (keys[step.key] as Coded) : "";
			const typed = key as Value & string;
			const what = `${step.do} with key ${String(key)}`;
			switch (step.do) {
				case "set": {
					const { value } = step;
					const right = attempt(key, value, () => map.set(typed, value as Value & string));
					if (right !== undefined) model.set(right, kept(types.value, value) as Coded);
					break;
				}
				case "get": {
					let found: Coded | undefined;
					const right = attempt(key, undefined, () => {
						found = map.get(typed);
					});
					if (right !== undefined) sameValue(found, model.get(right), what);
					// It is a copy.
					if (found instanceof Uint8Array) found.fill(0xee);
					break;
				}
				case "has": {
					let found = false;
					const right = attempt(key, undefined, () => {
						found = map.has(typed);
					});
					if (right !== undefined) same(found, model.has(right), what);
					break;
				}
				case "delete": {
					let found = false;
					const right = attempt(key, undefined, () => {
						found = map.delete(typed);
					});
					if (right !== undefined) same(found, model.delete(right), what);
					break;
				}
				case "update": {
					const { value } = step;
					let old: Coded | undefined;
					const right = attempt(key, value, () => {
						map.update(typed, (was) => {
							old = was;
							return value as Value & string;
						});
					});
					if (right === undefined) break;
					sameValue(old, model.get(right), what);
					model.set(right, kept(types.value, value) as Coded);
					break;
				}
				case "throw in an update":
					try {
						map.update(typed, () => {
							throw new Enough();
						});
						assert.unreachable("the update did not throw");
					} catch (error) {
						if (keptKey(types.key, key) !== undefined && !(error instanceof Enough)) throw error;
					}
					break;
				case "set many": {
					const value = kept(types.value, step.value);
					if (value === undefined) break;
					for (let n = step.from; n < step.from + step.count; n++) {
						map.set(nth(types.key, n) as Value & string, value as Value & string);
						model.set(nth(types.key, n), value);
					}
					break;
				}
				case "delete many":
					for (let n = step.from; n < step.from + step.count; n++) {
						const each = nth(types.key, n);
						same(map.delete(each as Value & string), model.delete(each), `deleting ${String(each)}`);
					}
					break;
				case "delete while iterating": {
					let count = 0;
					const all = map.size;
					// The iteration continues nevertheless.
					for (const [each] of map) {
						if (count++ % 2 === 0) continue;
						same(map.delete(each), model.delete(each), `deleting ${String(each)}`);
					}
					same(count, all, "how many were gone through");
					break;
				}
				case "iterate":
					sameEntries(map, model);
			}
			for (const each of maps) same(each.size, model.size, "the size");
		}
		for (const each of maps) {
			sameEntries(each, model);
			for (const [key, value] of model)
				sameValue(each.get(key as Value & string), value, `for ${String(key)}`);
		}
	};
}

/** The order is arbitrary, and each entry comes once. */
function sameEntries(map: AnyMap, model: Map<Coded, Coded>): void {
	const entries = [...map];
	same(entries.length, model.size, "the number of entries");
	same(new Set(entries.map(([key]) => key)).size, model.size, "the number of keys");
	for (const [key, value] of entries) {
		assert.ok(model.has(key), `there is no ${String(key)}`);
		sameValue(value, model.get(key), `the entry of ${String(key)}`);
	}
}

test("a map of any types behaves like a plain Map, with changes by two participants", () =>
	holds(cases, likeAMap()));

const faults: [string, (map: AnyMap) => AnyMap][] = [
	["deletes and says it did not", (map) => but(map, { delete: (key) => map.delete(key) && false })],
	["takes keys with the same start for one", (map) => but(map, { has: (key) => map.has(shortened(key)) })],
	[
		"loses what was there when it is updated",
		(map) => but(map, { update: (key, f) => map.update(key, () => f(undefined)) }),
	],
	["decodes a byte order mark away", (map) => but(map, { get: (key) => withoutMark(map.get(key)) })],
	[
		"forgets an entry when there are many",
		(map) =>
			but(map, {
				entries: () => map.entries().slice(0, 100),
				[Symbol.iterator]: () => map.entries().slice(0, 100)[Symbol.iterator](),
			}),
	],
	[
		"changes nothing where a value is there",
		(map) => {
			const changed: AnyMap = but(map, {
				set: (key, value) => (map.has(key) ? changed : map.set(key, value)),
			});
			return changed;
		},
	],
];

function shortened<T>(key: T): T {
	return typeof key === "string" ? (key.slice(0, 1000) as T) : key;
}

function withoutMark<T>(value: T): T {
	return typeof value === "string" ? (value.replace(/^\ufeff/, "") as T) : value;
}

for (const [fault, change] of faults) {
	test(`a map that ${fault} is detected`, () => isRefuted(fault, cases, likeAMap(change)));
}

test.run();
