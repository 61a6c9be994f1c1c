import { spawn } from "node:child_process";
import { once } from "node:events";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { DType } from "../src/index.js";
import { codeOf, failure, regionTest } from "./fixture.js";

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

regionTest("what is left out accepts what exists", (region) => {
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

regionTest("opening as something else says what it is and what was wanted", (region) => {
	region.array("field", { dtype: "f64", shape: [2, 3] });
	region.struct("params", { a: "f64" });
	const is = "is an array f64[2,3], and was opened as ";
	for (const [body, expected] of [
		[() => region.array("field", { dtype: "f32", shape: [2, 3] }), `${is}an array f32[2,3];`],
		[() => region.array("field", { dtype: "f64", shape: [3, 2] }), `${is}an array f64[3,2];`],
		[() => region.array("field", { dtype: "f64", shape: [6] }), `${is}an array f64[6];`],
		[() => region.array("field", { dtype: "f64", shape: [2, 3, 1] }), `${is}an array f64[2,3,1];`],
		[() => region.array("field", { dtype: "u8" }), `${is}an array of u8;`],
		[() => region.array("field", { shape: [6] }), `${is}an array of shape [6];`],
		[() => region.struct("field", { a: "f64" }), `${is}a struct { a: f64 };`],
		[() => region.queue("field", { capacity: "1KiB" }), `${is}a queue of 1024 bytes;`],
		[() => region.array("params"), "is a struct { a: f64 }, and was opened as an array;"],
	] as const) {
		const error = failure(body);
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
	const { message } = failure(() => field.get(2, 0));
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

const dtypes: DType[] = ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64"];
const arrays = fc.record({
	dtype: fc.constantFrom(...dtypes),
	shape: fc.array(fc.nat(6), { minLength: 1, maxLength: 5 }),
	changes: fc.array(
		fc.record({ place: fc.array(fc.nat(6), { minLength: 5, maxLength: 5 }), value: fc.nat(127) }),
	),
});

regionTest("an array behaves as a plain map from indices to values", (region) => {
	let count = 0;
	fc.assert(
		fc.property(arrays, ({ dtype, shape, changes }) => {
			const name = `array ${count++}`;
			const array = region.array(name, { dtype, shape });
			const reader = region.array(name);
			const model = new Map<string, number | bigint>();
			for (const { place, value } of changes) {
				const indices = place.slice(0, shape.length);
				const inside = indices.every((index, axis) => index < (shape[axis] ?? 0));
				const typed = dtype === "i64" || dtype === "u64" ? BigInt(value) : value;
				if (inside) {
					array.set(...indices, typed);
					model.set(`${indices}`, typed);
				} else {
					assert.is(
						codeOf(() => array.set(...indices, typed)),
						"DHMEM_BAD_ARGUMENT",
					);
				}
			}
			assert.is(
				array.data.length,
				shape.reduce((product, size) => product * size, 1),
			);
			let others = array.data.length;
			for (const [indices, value] of model) {
				const place = indices.split(",").map(Number);
				assert.is(reader.get(...place), value);
				const at = place.reduce((sum, index, axis) => sum + index * (reader.strides[axis] ?? 0), 0);
				assert.is(reader.data[at], value);
				others--;
			}
			assert.ok([...reader.data].filter((value) => Number(value) === 0).length >= others);
		}),
	);
});

test.run();
