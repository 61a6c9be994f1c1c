import { spawn } from "node:child_process";
import { once } from "node:events";
import type { DType, SharedArray } from "dhmem";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeOf, errorOf, regionTest } from "../fixture/index.js";
import { type By, but, by, holds, isRefuted, type Property } from "../properties/property.js";
import { dtypes, plain, same, sameAll, type Value, valuesOf } from "../properties/values.js";

const child = new URL("./typed-child.js", import.meta.url).pathname;

regionTest("an array is found by its name, with the values it has", (region) => {
	const field = region.array("field", { dtype: "f64", shape: [1000, 3] });
	assert.is(field.kind, "array");
	assert.is(field.name, "field");
	assert.is(field.dtype, "f64");
	assert.equal(field.shape, [1000, 3]);
	assert.equal(field.strides, [3, 1]);
	assert.instance(field.data, Float64Array);
	assert.is(field.data.length, 3000);
	assert.is(field.data.byteOffset % 64, 0);
	assert.ok(field.data.every((value) => value === 0));
	field.set(999, 2, 0.5);
	const again = region.array("field", { dtype: "f64", shape: [1000, 3] });
	assert.is(again.get(999, 2), 0.5);
	assert.is(again.data[2999], 0.5);
	assert.equal(region.entries(), [{ name: "field", type: "an array f64[1000,3]" }]);
});

regionTest("an option that is left out accepts what exists", (region) => {
	region.array("field", { dtype: "i64", shape: [2, 3], initial: [1n, 2n, 3n, 4n, 5n, 6n] });
	assert.is(region.array("field").get(1, 0), 4n);
	assert.is(region.array("field", {}).dtype, "i64");
	assert.equal(region.array("field", { dtype: "i64" }).shape, [2, 3]);
	assert.is(region.array("field", { shape: [2, 3] }).dtype, "i64");
	for (const options of [{}, { dtype: "f64" }, { shape: [2] }] as const) {
		assert.is(
			codeOf(() => region.array("none", options)),
			"DHMEM_NOT_FOUND",
		);
	}
});

regionTest("opening an object as another kind names both kinds", (region) => {
	region.array("field", { dtype: "f64", shape: [2, 3] });
	region.struct("params", { a: "f64" });
	const is = "is an array f64[2,3], but was opened as ";
	for (const [body, expected] of [
		[() => region.array("field", { dtype: "f32", shape: [2, 3] }), `${is}an array f32[2,3];`],
		[() => region.array("field", { dtype: "f64", shape: [3, 2] }), `${is}an array f64[3,2];`],
		[() => region.array("field", { dtype: "f64", shape: [6] }), `${is}an array f64[6];`],
		[() => region.array("field", { dtype: "f64", shape: [2, 3, 1] }), `${is}an array f64[2,3,1];`],
		[() => region.array("field", { dtype: "u8" }), `${is}an array of u8;`],
		[() => region.array("field", { shape: [6] }), `${is}an array of shape [6];`],
		[() => region.struct("field", { a: "f64" }), `${is}a struct { a: f64 };`],
		[() => region.queue("field", { capacity: "1KiB" }), `${is}a queue of 1024 bytes;`],
		[() => region.array("params"), "is a struct { a: f64 }, but was opened as an array;"],
	] as const) {
		const error = errorOf(body);
		assert.is(error.code, "DHMEM_TYPE_MISMATCH");
		assert.ok(error.message.includes(expected), error.message);
	}
});

regionTest("wrong shapes, dtypes and values are refused", (region) => {
	const shapes: unknown[] = [
		3,
		"3",
		null,
		{},
		[],
		[-1],
		[1.5],
		[Number.NaN],
		["3"],
		[2 ** 32],
		[undefined],
		[3n],
	];
	for (const shape of [...shapes, Array(17).fill(1), new Uint8Array(2)]) {
		assert.is(
			codeOf(() => region.array("wrong", { dtype: "f64", shape: shape as number[] })),
			"DHMEM_BAD_ARGUMENT",
			`${shape}`,
		);
	}
	const initials: unknown[] = [
		[],
		[1],
		[1, 2, 3],
		[1, "2"],
		[1, 2n],
		[1, undefined],
		new BigInt64Array(2),
		7,
		null,
		"12",
	];
	for (const initial of [...initials, new Float32Array(3), new DataView(new ArrayBuffer(2))]) {
		assert.is(
			codeOf(() => region.array("wrong", { dtype: "f64", shape: [2], initial: initial as number[] })),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	for (const options of [null, 1, { dtype: "f128", shape: [1] }, { dtype: "f64", initial: [1] }]) {
		assert.is(
			codeOf(() => region.array("wrong", options as never)),
			"DHMEM_BAD_ARGUMENT",
		);
	}
	for (const shape of [[2 ** 32 - 1], [65536, 65536], Array(16).fill(2 ** 32 - 1), [9e6]]) {
		assert.is(
			codeOf(() => region.array("large", { dtype: "f64", shape })),
			"DHMEM_REGION_FULL",
		);
	}
	assert.equal(region.entries(), []);
});

regionTest("indices outside the shape are refused, and say so", (region) => {
	const field = region.array("field", { dtype: "f64", shape: [2, 3] });
	const places: unknown[][] = [
		[],
		[0],
		[0, 0, 0],
		[2, 0],
		[0, 3],
		[-1, 0],
		[0, 0.5],
		[0, Number.NaN],
		["0", 0],
		[0, 1n],
	];
	for (const place of places) {
		const get = () => field.get(...(place as number[]));
		const set = () => field.set(...(place as number[]), 1);
		assert.is(codeOf(get), "DHMEM_BAD_ARGUMENT", `${place}`);
		assert.is(codeOf(set), "DHMEM_BAD_ARGUMENT", `${place}`);
	}
	const { message } = errorOf(() => field.get(2, 0));
	assert.ok(message.includes("no element (2, 0) in array field, which is f64[2,3]"), message);
	assert.ok(field.data.every((value) => value === 0));
	assert.throws(() => Object.assign(field.shape, { 0: 100 }), TypeError);
	assert.throws(() => region.array("big", { dtype: "u64", shape: [1] }).set(0, 1 as never), TypeError);
});

regionTest("initial values are the constructor's, from arrays and typed arrays of other types", (region) => {
	for (let i = 0; i < 20; i++) {
		using block = region.allocate(200_000);
		block.bytes.fill(0xff);
	}
	const zeros = region.array("zeros", { dtype: "u8", shape: [190_000] });
	assert.ok(zeros.data.every((value) => value === 0));
	const options = { dtype: "f64", shape: [3] } as const;
	assert.equal([...region.array("a", { ...options, initial: Float32Array.of(1, 2.5, 3) }).data], [1, 2.5, 3]);
	assert.equal([...region.array("a", { ...options, initial: [7, 8, 9] }).data], [1, 2.5, 3]);
	const { data } = region.array("b", { dtype: "u8", shape: [2], initial: [257, -1] });
	assert.equal([...data], [1, 255]);
	assert.is(region.array("empty", { dtype: "f64", shape: [0, 3], initial: [] }).data.length, 0);
	assert.is(
		codeOf(() => region.array("empty").get(0, 0)),
		"DHMEM_BAD_ARGUMENT",
	);
});

regionTest("integers are counted atomically by several processes", async (region) => {
	const counts = region.array("counts", { dtype: "i32", shape: [7] });
	const endings = Array.from({ length: 3 }, () => {
		const args = [child, region.name, "count", "70000"];
		return once(spawn(process.execPath, args, { stdio: "inherit" }), "exit");
	});
	for (const [status] of await Promise.all(endings)) assert.is(status, 0);
	assert.equal([...counts.data], Array(7).fill(30_000));
});

interface Changes {
	dtype: DType;
	shape: number[];
	/** Steps by turns, each by one of two participants. */
	changes: { by: By; place: unknown[]; value: Value }[];
}

const sizes = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 5 }) }, fc.constantFrom(0, 1, 7));
const wrongIndices = fc.constantFrom<unknown>(
	-1,
	0.5,
	Number.NaN,
	Number.POSITIVE_INFINITY,
	2 ** 32,
	2 ** 53,
	"0",
	1n,
	undefined,
	null,
);

/** In most cases a place in the array; otherwise one outside, too many or too few indices, or something else. */
function placesIn(shape: number[]): fc.Arbitrary<unknown[]> {
	const inside = fc.tuple(...shape.map((size) => fc.nat(Math.max(size - 1, 0))));
	const edge = fc.tuple(...shape.map((size) => fc.nat(size)));
	const wrong = fc
		.tuple(inside, fc.nat(), wrongIndices)
		.map(([place, axis, index]) => place.with(axis % place.length, index as number));
	const shorter = inside.map((place) => place.slice(1));
	const longer = inside.map((place) => [...place, 0]);
	return fc.oneof({ weight: 6, arbitrary: inside }, edge, wrong, shorter, longer);
}

const changes: fc.Arbitrary<Changes> = fc
	.record({
		dtype: fc.constantFrom(...dtypes),
		shape: fc.oneof(
			fc.array(sizes, { minLength: 1, maxLength: 5, size: "max" }),
			// As many dimensions as there can be.
			fc.array(fc.constantFrom(1, 1, 1, 2), { minLength: 16, maxLength: 16 }),
		),
	})
	.chain(({ dtype, shape }) => {
		const change = fc.record({ by, place: placesIn(shape), value: valuesOf(dtype) });
		return fc.record({
			dtype: fc.constant(dtype),
			shape: fc.constant(shape),
			changes: fc.array(change, { maxLength: 50, size: "max" }),
		});
	});

/** The elements in one row, where the last index changes fastest; undefined for a place outside the array. */
function numberOf(place: readonly unknown[], shape: readonly number[]): number | undefined {
	if (place.length !== shape.length) return undefined;
	let number = 0;
	for (const [axis, size] of shape.entries()) {
		const index = place[axis];
		if (typeof index !== "number" || !Number.isInteger(index) || index < 0 || index >= size) return undefined;
		number = number * size + index;
	}
	return number;
}

/** Every place in an array of this shape, in order. */
function everyPlace(shape: readonly number[]): number[][] {
	return shape.reduce<number[][]>(
		(places, size) =>
			places.flatMap((place) => Array.from({ length: size }, (_, index) => [...place, index])),
		[[]],
	);
}

function likeAPlainRow(change: (array: SharedArray) => SharedArray = (array) => array): Property<Changes> {
	return (openings, { dtype, shape, changes }) => {
		const arrays = ([0, 1] as const).map((each) =>
			change(openings.at(each).array("array", { dtype, shape })),
		);
		const model = plain(
			dtype,
			shape.reduce((product, size) => product * size, 1),
		);
		for (const { by: each, place, value } of changes) {
			const array = arrays[each] as SharedArray;
			const number = numberOf(place, shape);
			const indices = place as number[];
			const expected = number === undefined ? "DHMEM_BAD_ARGUMENT" : "nothing";
			same(
				codeOf(() => array.get(...indices)),
				expected,
				`get (${place.map(String)})`,
			);
			same(
				codeOf(() => array.set(...indices, value)),
				expected,
				`set (${place.map(String)})`,
			);
			if (number !== undefined) model[number] = value;
		}
		for (const array of [...arrays, openings.at(0).array("array")]) {
			assert.equal(array.shape, shape);
			sameAll(array.data as unknown as Iterable<Value>, model as unknown as Iterable<Value>, "the data");
			for (const [number, place] of everyPlace(shape).entries()) {
				same(array.get(...place), model[number], `at (${place})`);
				const at = place.reduce((sum, index, axis) => sum + index * (array.strides[axis] ?? Number.NaN), 0);
				same(at, number, `by strides, where (${place}) is`);
			}
		}
	};
}

test("an array of any shape behaves like a plain array of its elements", () =>
	holds(changes, likeAPlainRow()));

const faults: [string, (array: SharedArray) => SharedArray][] = [
	[
		"confuses two dimensions",
		(array) => but(array, { get: (...place) => array.get(...swapped(array, place)) }),
	],
	["has the strides of another order", (array) => but(array, { strides: [...array.strides].reverse() })],
	[
		"takes what is no whole number for one",
		(array) =>
			but(array, { get: (...place) => array.get(...place.map((index) => Math.trunc(Number(index)))) }),
	],
	[
		"drops what is set at its end",
		(array) =>
			but(array, {
				set(...place) {
					const before = array.data[array.data.length - 1];
					array.set(...place);
					array.data[array.data.length - 1] = before as never;
				},
			}),
	],
];

/** Swaps the first two indices, if both places are in the array. */
function swapped({ shape }: SharedArray, place: number[]): number[] {
	const [first = 0, second = 0, ...others] = place;
	return first < (shape[1] ?? 0) && second < (shape[0] ?? 0) ? [second, first, ...others] : place;
}

for (const [fault, change] of faults) {
	test(`an array that ${fault} is detected`, () => isRefuted(fault, changes, likeAPlainRow(change)));
}

test.run();
