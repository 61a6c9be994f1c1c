/** What should not compile, doesn't: tsc checks this file, and `@ts-expect-error` fails where nothing is wrong. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
	type Block,
	type DType,
	type Fields,
	type Message,
	type Region,
	type Schema,
	type SharedArray,
	type Slot,
	type Struct,
	schema,
} from "../src/index.js";

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

/** Never called: its types are what is tested. */
export function structs(region: Region): void {
	const params = region.struct("params", { a: "f64", step: "u32", seed: "u64" });
	same<typeof params, { a: number; step: number; seed: bigint }>(true);
	params.a = 1;
	params.step++;
	params.seed = 1n;
	// @ts-expect-error a 64-bit integer is a bigint
	params.seed = 1;
	// @ts-expect-error a number is no bigint
	params.a = 1n;
	// @ts-expect-error there is no such field
	params.b = 1;
	// @ts-expect-error no dtype
	region.struct("params", { a: "f128" });
	region.struct("params", { a: "f64" }, { initial: { a: 1 } });
	// @ts-expect-error the initial value is of another type
	region.struct("params", { a: "f64" }, { initial: { a: 1n } });
	// @ts-expect-error the initial value is of no field
	region.struct("params", { a: "f64" }, { initial: { b: 1 } });

	const type = schema({ x: "f32", id: "i64" });
	same<typeof type, Schema<{ x: "f32"; id: "i64" }>>(true);
	const typed = region.struct("typed", type, { initial: { id: 1n } });
	same<typeof typed, { x: number; id: bigint }>(true);
	// @ts-expect-error the initial value is of another type
	region.struct("typed", type, { initial: { id: 1 } });
	const anyType: Schema = type;
	same<Struct<typeof anyType.fields>, Struct>(true);

	const variable = { x: "f32" };
	// @ts-expect-error in a variable the dtypes are strings: that is what schema() is for
	region.struct("params", variable);
	const constant = { x: "f32", id: "i64" } as const;
	same<Struct<typeof constant>, { x: number; id: bigint }>(true);

	const existing = region.struct("params");
	same<typeof existing, Struct>(true);
	// @ts-expect-error it may be a bigint, and there may be no such field
	const number: number = existing.a;
	void number;
}

/** Never called. */
export function arrays(region: Region, dtype: DType): void {
	const field = region.array("field", { dtype: "f64", shape: [2, 3] });
	same<typeof field, SharedArray<"f64">>(true);
	same<typeof field.data, Float64Array>(true);
	same<ReturnType<typeof field.get>, number>(true);
	field.set(0, 1, 2);
	// @ts-expect-error a number is no bigint
	field.set(0, 1, 2n);
	// @ts-expect-error an index is a number
	field.get("0");
	// @ts-expect-error the shape is fixed
	field.shape[0] = 3;
	// @ts-expect-error the data stay where they are
	field.data = new Float64Array(6);
	const large = region.array("large", { dtype: "u64" });
	same<typeof large.data, BigUint64Array>(true);
	same<ReturnType<typeof large.get>, bigint>(true);
	// @ts-expect-error a 64-bit integer is a bigint
	large.set(0, 1);
	region.array("large", { dtype: "u64", shape: [1], initial: [1n] });
	region.array("field", { dtype: "f64", shape: [1], initial: Float32Array.of(1) });
	// @ts-expect-error the initial values are of another type
	region.array("large", { dtype: "u64", shape: [1], initial: [1] });
	// @ts-expect-error the initial values are of another type
	region.array("field", { dtype: "f64", shape: [1], initial: BigInt64Array.of(1n) });
	// @ts-expect-error no dtype
	region.array("field", { dtype: "f16", shape: [1] });
	// @ts-expect-error a shape is an array
	region.array("field", { dtype: "f64", shape: 3 });
	same<ReturnType<typeof existing.get>, number | bigint>(true);
	const existing = region.array("field");
	const either: SharedArray = region.array("either", { dtype, shape: [1] });
	const general: SharedArray = field;
	void [either, general];
	if (existing.dtype === "f64") void existing.data;
}

/** Never called. */
export function payloads(payload: Block | Slot | Message): void {
	same<ReturnType<typeof payload.bytes.slice>, Uint8Array<ArrayBuffer>>(true);
	const floats = payload.as("f32");
	same<typeof floats, Float32Array>(true);
	const points = payload.as({ x: "f64", id: "u64" });
	same<typeof points, readonly Struct<{ x: "f64"; id: "u64" }>[]>(true);
	for (const point of points) {
		point.x = Number(point.id);
		// @ts-expect-error a 64-bit integer is a bigint
		point.id = 1;
	}
	const typed = payload.as(schema({ y: "i8" }));
	same<(typeof typed)[number], { y: number }>(true);
	// @ts-expect-error the structs are where they are
	typed[0] = { y: 1 };
	// @ts-expect-error no dtype
	payload.as("f16");
	// @ts-expect-error no dtype
	payload.as({ x: "f16" });
	const fields: Fields = { x: "f64" };
	const anything = payload.as(fields);
	same<typeof anything, readonly Struct[]>(true);
}

test("what should compile does, and what should not doesn't", () => {
	assert.type(structs, "function");
});

test.run();
