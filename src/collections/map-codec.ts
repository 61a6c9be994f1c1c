/** Converts the keys and values of a map: writes them into the region, and reads copies of them. */
import { Buffer } from "node:buffer";
import { types } from "node:util";
import type { Mapping } from "../attachment/mapping.js";
import { badArgument } from "../errors.js";
import { textOf } from "../memory/payload.js";
import { localStruct } from "../memory/struct-view.js";
import { bytesOf } from "../values/arguments.js";
import { BYTES, STRING, STRUCT } from "../values/coded-types.js";
import { lengthOf, writeContent, writeText } from "../values/content.js";
import {
	bytesPer,
	type DType,
	dtypeNumber,
	dtypeOf,
	dtypes,
	isDType,
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

/**
 * The type of a map's keys: text or an integer.
 *
 * @example
 * ```ts
 * const visits = region.map("visits", { key: "u64", value: "u32" });
 * visits.set(42n, 1); // 64-bit integers are bigint
 * ```
 */
export type KeyType = "string" | Exclude<DType, "f32" | "f64">;
/**
 * The type of a map's values. For structs it is a schema; their values are plain objects.
 *
 * @example
 * ```ts
 * const images = region.map("images", { key: "string", value: "bytes" });
 * const particles = region.map("particles", { key: "u32", value: { x: "f64", y: "f64" } });
 * particles.set(7, { x: 0.5, y: 0.25 });
 * ```
 */
export type ValueType = "string" | "bytes" | DType | Fields | Schema;

/**
 * The JavaScript type for the type of a key or a value.
 *
 * @example
 * ```ts
 * function keysOf<K extends KeyType>(map: SharedMap<K, "f64">): CodedOf<K>[] {
 *   return map.entries().map(([key]) => key);
 * }
 * ```
 */
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
	/**
	 * Checks a value, and returns what the other functions take. They run no code of the user.
	 *
	 * @throws DHMEM_BAD_ARGUMENT for a value of another type
	 */
	check(value: T): T;
	/** The number of bytes of a checked value. */
	measure(value: T): number;
	/** Writes a checked value, which has `length` bytes, at `at`. @internal */
	write(value: T, length: number, to: Buffer, at: number): void;
	/**
	 * Checks a key, writes it at the start of `to`, and returns its length in bytes; infinite if it does not fit.
	 *
	 * @throws DHMEM_BAD_ARGUMENT
	 * @internal
	 */
	put(key: T, to: Buffer): number;
	/** Makes a copy of the value at `at` of the region. Undefined if such a value has another length. */
	read(mapping: Mapping, at: number, length: number): T | undefined;
}

const { set: setBytes, slice: sliceBytes } = Uint8Array.prototype;

/** `put` of keys that always fit. */
function put<T>(this: Codec<T>, key: T, to: Buffer): number {
	const checked = this.check(key);
	const length = this.measure(checked);
	this.write(checked, length, to, 0);
	return length;
}

/** Private memory for texts of up to `DRAFT` bytes. */
let draft: Buffer | undefined;
const DRAFT = 65536;

/** Copies the bytes first: decoding goes over them twice, and others may change them in between. */
function readText({ buffer, bytes }: Mapping, at: number, length: number): string {
	if (length > DRAFT) return textOf(sliceBytes.call(bytes, at, at + length));
	draft ??= Buffer.allocUnsafeSlow(DRAFT);
	setBytes.call(draft, new Uint8Array(buffer, at, length), 0);
	return draft.toString("utf8", 0, length);
}

const text: Codec<string> = {
	number: STRING,
	check(value) {
		if (typeof value === "string" && value.isWellFormed()) return value;
		throw badArgument("The value", value, "a string without lone surrogates");
	},
	measure: lengthOf,
	write: writeContent,
	put: (key, to) => writeText(text.check(key), to),
	read: readText,
};

const binary: Codec<Uint8Array> = {
	number: BYTES,
	check(value) {
		if (types.isUint8Array(value)) return bytesOf(value);
		throw badArgument("The value", value, "a Uint8Array");
	},
	measure: lengthOf,
	write: writeContent,
	put,
	read: ({ bytes }, at, length) => sliceBytes.call(bytes, at, at + length),
};

function numeric<D extends DType>(dtype: D): Codec<ValueOf<D>> {
	const cell = new SharedArrayBuffer(8);
	const element = typedArray(dtype, cell, 0, 1) as unknown as { [index: number]: ValueOf<D> };
	const bytes = new Uint8Array(cell, 0, bytesPer(dtype));
	const type = dtype === "i64" || dtype === "u64" ? "bigint" : "number";
	const whole = dtype !== "f32" && dtype !== "f64";
	return {
		number: dtypeNumber(dtype),
		check(value) {
			if (typeof value === type) {
				element[0] = value;
				// A value that does not fit is refused, because wrapping could make two keys equal.
				if (!whole || element[0] === value) return value;
			}
			throw badArgument("The value", value, `a ${type} that fits ${dtype}`);
		},
		measure: () => bytes.length,
		write(value, length, to, at) {
			element[0] = value;
			for (let i = 0; i < length; i++) to[at + i] = bytes[i] as number;
		},
		put,
		read(mapping, at, length) {
			if (length !== bytes.length) return undefined;
			for (let i = 0; i < length; i++) bytes[i] = mapping.bytes[at + i] as number;
			return element[0];
		},
	};
}

function structured<F extends Fields>(type: Schema<F>): Codec<Struct<F>> {
	const { struct, bytes } = localStruct(type);
	return {
		number: STRUCT,
		type: String(type),
		check(value) {
			const given = checkFields("the value", type, value);
			const missing = type.layout.find(({ name }) => !Object.hasOwn(given, name));
			if (missing !== undefined) checkValue(`${missing.name} in the value`, undefined, missing.dtype);
			return given as Struct<F>;
		},
		measure: () => bytes.length,
		write(value, length, to, at) {
			Object.assign(struct, value);
			writeContent(bytes, length, to, at);
		},
		put,
		read(mapping, at, length) {
			if (length !== bytes.length) return undefined;
			setBytes.call(bytes, new Uint8Array(mapping.buffer, at, length), 0);
			return { ...struct };
		},
	};
}

function codecOf(type: ValueType): unknown {
	if (type === "string") return text;
	if (type === "bytes") return binary;
	if (typeof type === "object" && type !== null) return structured(toSchema(type as Fields | Schema));
	if (!isDType(type)) {
		const wanted = `"string", "bytes", a dtype (${dtypes.join(", ")}) or a schema such as { x: "f64" }`;
		throw badArgument("The type of a map's values", type, wanted);
	}
	return numeric(type);
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
