import { badArgument } from "../errors.js";

/**
 * The type of a number in shared memory; the 64-bit integers are `bigint`.
 *
 * @example
 * ```ts
 * const dtype: DType = "f64";
 * const field = region.array("field", { dtype, shape: [1000, 3] });
 * ```
 */
export type DType = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f32" | "f64";

/**
 * The typed array over shared memory for a dtype: `Float64Array` for `"f64"`.
 *
 * @example
 * ```ts
 * function largest(values: TypedArrayOf<"f64">): number {
 *   return values.reduce((a, b) => Math.max(a, b), -Infinity);
 * }
 * ```
 */
export type TypedArrayOf<D extends DType> = {
	i8: Int8Array;
	u8: Uint8Array;
	i16: Int16Array;
	u16: Uint16Array;
	i32: Int32Array;
	u32: Uint32Array;
	i64: BigInt64Array;
	u64: BigUint64Array;
	f32: Float32Array;
	f64: Float64Array;
}[D];

/**
 * The JavaScript value for a dtype: `bigint` for the 64-bit integers, else `number`.
 *
 * @example
 * ```ts
 * const id: ValueOf<"u64"> = 42n;
 * const mean: ValueOf<"f64"> = 0.5;
 * ```
 */
export type ValueOf<D extends DType> = D extends "i64" | "u64" ? bigint : number;

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

/** All dtypes, in the order in which the region numbers them from 1. */
export const dtypes = Object.keys(constructors) as readonly DType[];

export function isDType(dtype: unknown): dtype is DType {
	return dtypes.includes(dtype as DType);
}

/** @throws DHMEM_BAD_ARGUMENT */
export function checkDType(dtype: unknown): DType {
	if (isDType(dtype)) return dtype;
	throw badArgument("The dtype", dtype, `one of ${dtypes.join(", ")}`);
}

/** The number of a dtype in the region. */
export function dtypeNumber(dtype: DType): number {
	return dtypes.indexOf(dtype) + 1;
}

/** The dtype with this number in the region; undefined if there is none. */
export function dtypeOf(number: number): DType | undefined {
	return dtypes[number - 1];
}

export function bytesPer(dtype: DType): number {
	return constructors[dtype].BYTES_PER_ELEMENT;
}

/**
 * Copies `values` to private memory, and converts each as the engine does. The conversion may run the user's
 * code, so call this before you look anything up or decide anything.
 */
export function converted<D extends DType>(
	dtype: D,
	values: ArrayLike<unknown>,
	length = values.length,
): TypedArrayOf<D> {
	const copy = new constructors[dtype](length);
	for (let index = 0; index < length; index++) copy[index] = values[index] as never;
	return copy as unknown as TypedArrayOf<D>;
}

/** Makes a typed array of `length` elements over `buffer`, from byte `offset`. */
export function typedArray<D extends DType>(
	dtype: D,
	buffer: SharedArrayBuffer,
	offset: number,
	length: number,
): TypedArrayOf<D> {
	const TypedArray = constructors[dtype] as unknown as new (...args: unknown[]) => TypedArrayOf<D>;
	return new TypedArray(buffer, offset, length);
}
