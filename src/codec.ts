/** How the keys and values of a map stand in memory: encoded to bytes, decoded to copies. */
import {
	bytesPer,
	checkDType,
	type DType,
	dtypeNumber,
	dtypeOf,
	typedArray,
	type ValueOf,
} from "./dtypes.js";
import { badArgument } from "./errors.js";
import { textOf } from "./payload.js";

/** The type of a map's keys: text, or a whole number. */
export type KeyType = "string" | Exclude<DType, "f32" | "f64">;
/** The type of a map's values. */
export type ValueType = "string" | "bytes" | DType;

/** The JavaScript value for a key's or a value's type. */
export type CodedOf<T extends ValueType> = T extends "string"
	? string
	: T extends "bytes"
		? Uint8Array
		: T extends DType
			? ValueOf<T>
			: never;

export interface Codec<T> {
	/** The number that stands for the type in the region. */
	readonly number: number;
	readonly name: string;
	/** @throws DHMEM_BAD_ARGUMENT for a value of another type */
	encode(value: T): Uint8Array;
	/** From bytes of its own, which it may keep. */
	decode(bytes: Uint8Array): T;
}

const text: Codec<string> = {
	number: 16,
	name: "string",
	encode(value) {
		if (typeof value === "string" && value.isWellFormed()) return Buffer.from(value);
		throw badArgument("The value", value, "a string without lone surrogates");
	},
	decode: textOf,
};

const binary: Codec<Uint8Array> = {
	number: 17,
	name: "bytes",
	encode(value) {
		if (value instanceof Uint8Array) return value;
		throw badArgument("The value", value, "a Uint8Array");
	},
	decode: (bytes) => bytes,
};

function numeric<D extends DType>(dtype: D): Codec<ValueOf<D>> {
	const cell = new SharedArrayBuffer(8);
	const element = typedArray(dtype, cell, 0, 1) as unknown as { [index: number]: ValueOf<D> };
	const bytes = new Uint8Array(cell, 0, bytesPer(dtype));
	const type = dtype === "i64" || dtype === "u64" ? "bigint" : "number";
	const whole = dtype !== "f32" && dtype !== "f64";
	return {
		number: dtypeNumber(dtype),
		name: dtype,
		encode(value) {
			if (typeof value === type) {
				element[0] = value;
				// Wrapping would make two keys one.
				if (!whole || element[0] === value) return bytes.slice();
			}
			throw badArgument("The value", value, `a ${type} that fits ${dtype}`);
		},
		decode(from) {
			bytes.set(from.subarray(0, bytes.length));
			return element[0] as ValueOf<D>;
		},
	};
}

/** @throws DHMEM_BAD_ARGUMENT */
export function codecFor<T extends ValueType>(type: T): Codec<CodedOf<T>> {
	const codec: unknown = type === "string" ? text : type === "bytes" ? binary : numeric(checkDType(type));
	return codec as Codec<CodedOf<T>>;
}

/** @throws DHMEM_BAD_ARGUMENT */
export function keyCodecFor<K extends KeyType>(type: K): Codec<CodedOf<K>> {
	if (type === "string" || /^[iu](8|16|32|64)$/.test(type)) return codecFor(type);
	throw badArgument("The key's type", type, '"string" or an integer dtype');
}

/** The name of the type that a number in the region stands for. */
export function codedName(number: number): string {
	if (number === text.number) return text.name;
	if (number === binary.number) return binary.name;
	return dtypeOf(number) ?? "unknown";
}
