/** Values of every dtype, and the form that they take in a typed array. */
import type { DType, TypedArrayOf } from "dhmem";
import fc, { type Arbitrary } from "fast-check";
import * as assert from "uvu/assert";

export type Value = number | bigint;

const constructors = {
	i8: Int8Array,
	u8: Uint8Array,
	i16: Int16Array,
	u16: Uint16Array,
	i32: Int32Array,
	u32: Uint32Array,
	i64: BigInt64Array,
	u64: BigUint64Array,
	f32: Float32Array,
	f64: Float64Array,
};

export const dtypes = Object.keys(constructors) as DType[];

export function isLarge(dtype: DType): dtype is "i64" | "u64" {
	return dtype === "i64" || dtype === "u64";
}

/** A typed array in memory of its own, as a plain sequence: TypeScript cannot index a generic one. */
export function plain(dtype: DType, length: number): TypedArrayOf<DType> & { [index: number]: Value } {
	return new constructors[dtype](length);
}

/** The form that a value takes in a typed array. */
export function stored(dtype: DType, value: Value): Value {
	const cell = plain(dtype, 1);
	cell[0] = value;
	return cell[0] as Value;
}

export function zero(dtype: DType): Value {
	return isLarge(dtype) ? 0n : 0;
}

const powers = [7, 8, 15, 16, 31, 32, 53, 63, 64].map((exponent) => 2 ** exponent);
const edges = [0, ...powers].flatMap((edge) => [edge - 1, edge, edge + 1, -edge - 1, -edge, -edge + 1]);
const floats = [
	Number.POSITIVE_INFINITY,
	Number.NEGATIVE_INFINITY,
	Number.MAX_VALUE,
	Number.MIN_VALUE,
	0.5,
	-0.1,
	// The least and the largest of 32 bits, and values beyond.
	2 ** -149,
	2 ** -150,
	2 ** 128 - 2 ** 104,
	2 ** 128 - 2 ** 103,
];
const numbers = fc.oneof(
	fc.constantFrom(0, -0, 1, Number.NaN),
	fc.constantFrom(...edges, ...floats),
	fc.integer({ min: -300, max: 300 }),
	fc.integer(),
	fc.double(),
);
const largeEdges = edges.map(BigInt);
const bigints = fc.oneof(
	fc.constantFrom(...largeEdges, 2n ** 63n - 1n, 2n ** 64n - 1n, -(2n ** 63n) - 1n, 2n ** 64n + 1n),
	fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
);

/** Values to assign to an element of this dtype, whether they fit or not. */
export function valuesOf(dtype: DType): Arbitrary<Value> {
	return isLarge(dtype) ? bigints : numbers;
}

/** Compares by `Object.is`, which equates NaN, and distinguishes 0 and -0. */
export function same(actual: unknown, expected: unknown, what: string): void {
	if (!Object.is(actual, expected)) assert.unreachable(`${what}: ${show(actual)}, not ${show(expected)}`);
}

/** Compares sequences, element by element. */
export function sameAll(actual: Iterable<unknown>, expected: Iterable<unknown>, what: string): void {
	const [one, other] = [[...actual], [...expected]];
	assert.is(one.length, other.length, `${what}: their number`);
	for (const [index, value] of one.entries()) same(value, other[index], `${what}: element ${index}`);
}

function show(value: unknown): string {
	if (typeof value === "string") return JSON.stringify(value);
	if (typeof value === "bigint") return `${value}n`;
	return Object.is(value, -0) ? "-0" : String(value);
}
