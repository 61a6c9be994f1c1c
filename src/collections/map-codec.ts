/** Converts the keys and values of a map: encodes them to bytes, and decodes them to copies. */
import { Buffer } from "node:buffer";
import { types } from "node:util";
import { badArgument } from "../errors.js";
import { textOf } from "../memory/payload.js";
import { localStruct } from "../memory/struct-view.js";
import { bytesOf } from "../values/arguments.js";
import { BYTES, STRING, STRUCT } from "../values/coded-types.js";
import {
	bytesPer,
	checkDType,
	type DType,
	dtypeNumber,
	dtypeOf,
	typedArray,
	type ValueOf,
} from "../values/dtypes.js";
import {
	checkFields,
	checkValue,
	type Fields,
	parseSchema,
	type Schema,
	type Struct,
	toSchema,
} from "../values/schema.js";

/** The type of a map's keys: text or an integer. */
export type KeyType = "string" | Exclude<DType, "f32" | "f64">;
/** The type of a map's values. For structs it is a schema; their values are plain objects. */
export type ValueType = "string" | "bytes" | DType | Fields | Schema;

/** The JavaScript type for the type of a key or a value. */
export type CodedOf<T extends ValueType> = T extends "string"
	? string
	: T extends "bytes"
		? Uint8Array
		: T extends DType
			? ValueOf<T>
			: T extends Schema<infer F>
				? Struct<F>
				: T extends Fields
					? Struct<T>
					: never;

export interface Codec<T> {
	/** The number of the type in the region. */
	readonly number: number;
	/** The type as text, for structs. */
	readonly type?: string;
	/** @throws DHMEM_BAD_ARGUMENT for a value of another type */
	encode(value: T): Uint8Array;
	/** Decodes private bytes; the result may keep them. */
	decode(bytes: Uint8Array): T;
}

const text: Codec<string> = {
	number: STRING,
	encode(value) {
		if (typeof value === "string" && value.isWellFormed()) return Buffer.from(value);
		throw badArgument("The value", value, "a string without lone surrogates");
	},
	decode: textOf,
};

const binary: Codec<Uint8Array> = {
	number: BYTES,
	encode(value) {
		// A copy, because the bytes may change while this participant waits for the map's mutex.
		if (types.isUint8Array(value)) return new Uint8Array(bytesOf(value));
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
		encode(value) {
			if (typeof value === type) {
				element[0] = value;
				// A value that does not fit is refused, because wrapping could make two keys equal.
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

function structured<F extends Fields>(type: Schema<F>): Codec<Struct<F>> {
	const { struct, bytes } = localStruct(type);
	return {
		number: STRUCT,
		type: String(type),
		encode(value) {
			const given = checkFields("the value", type, value);
			const missing = type.layout.find(({ name }) => !Object.hasOwn(given, name));
			if (missing !== undefined) checkValue(`${missing.name} in the value`, undefined, missing.dtype);
			Object.assign(struct, given);
			return bytes.slice();
		},
		decode(from) {
			bytes.set(from.subarray(0, bytes.length));
			return { ...struct };
		},
	};
}

function codecOf(type: ValueType): unknown {
	if (type === "string") return text;
	if (type === "bytes") return binary;
	if (typeof type === "object" && type !== null) return structured(toSchema(type as Fields | Schema));
	return numeric(checkDType(type));
}

/** @throws DHMEM_BAD_ARGUMENT */
export function codecFor<T extends ValueType>(type: T): Codec<CodedOf<T>> {
	return codecOf(type) as Codec<CodedOf<T>>;
}

/** @throws DHMEM_BAD_ARGUMENT */
export function keyCodecFor<K extends KeyType>(type: K): Codec<CodedOf<K>> {
	if (type === "string" || (typeof type === "string" && /^[iu](8|16|32|64)$/.test(type)))
		return codecFor(type);
	throw badArgument("The key's type", type, '"string" or an integer dtype');
}

/**
 * The codec for values whose type has this number in the region, and this text. Undefined if there is no such
 * type.
 */
export function codecNumbered(number: number, text = ""): Codec<CodedOf<ValueType>> | undefined {
	const type = typeNumbered(number, text);
	return type === undefined ? undefined : codecFor(type);
}

function typeNumbered(number: number, text: string): ValueType | undefined {
	if (number === STRING) return "string";
	if (number === BYTES) return "bytes";
	return number === STRUCT ? parseSchema(text) : dtypeOf(number);
}

/** The codec for keys whose type has this number. Undefined if there is no such type. */
export function keyCodecNumbered(number: number): Codec<CodedOf<KeyType>> | undefined {
	const type = number === STRING ? "string" : dtypeOf(number);
	return type === undefined || type === "f32" || type === "f64" ? undefined : keyCodecFor(type);
}
