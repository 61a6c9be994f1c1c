import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { badArgument, DhmemError, isErrorNamed, show } from "../errors.js";
import { bytesPer, type DType, dtypes, isDType, type ValueOf } from "./dtypes.js";

/**
 * The fields of a struct: the dtype of each, by name. Their order is part of the type.
 *
 * @example
 * ```ts
 * const point = { x: "f64", y: "f64" } as const satisfies Fields;
 * region.struct("origin", point);
 * ```
 */
export interface Fields {
	readonly [name: string]: DType;
}

/**
 * A struct in shared memory: reading a field reads the region, and assigning to it writes to the region.
 *
 * @example
 * ```ts
 * const point = { x: "f64", y: "f64" } as const;
 * const lengthOf = ({ x, y }: Struct<typeof point>) => Math.hypot(x, y);
 * console.log(lengthOf(region.struct("corner", point, { initial: { x: 3, y: 4 } }))); // 5
 * ```
 */
export type Struct<F extends Fields = Fields> = { -readonly [Name in keyof F]: ValueOf<F[Name]> };

/** Where a field is in a struct. */
interface Field {
	name: string;
	dtype: DType;
	/** Bytes from the start of the struct. */
	offset: number;
}

/** The longest text of a type, in bytes. */
export const LONGEST_TYPE = 65536;

/** One schema for each text, so that all structs of a type share their code. */
const known = new Map<string, Schema>();

/**
 * The type of a struct: its fields in the given order, each aligned to its own size. Returned by `schema()`.
 *
 * `String(schema)` is the type as text, such as `{ a: f64, step: u32 }`. Equal types have equal texts.
 *
 * @example
 * ```ts
 * const particle: Schema<{ x: "f64"; id: "u32" }> = schema({ x: "f64", id: "u32" });
 * console.log(particle.size, particle.alignment); // 16 8
 * ```
 */
export class Schema<F extends Fields = Fields> {
	/** The dtype of each field. */
	readonly fields: F;
	/** The size of one struct in bytes, a multiple of `alignment`. */
	readonly size: number;
	/** The alignment in bytes: the size of the largest field. */
	readonly alignment: number;
	/** @internal */
	readonly layout: readonly Field[];
	readonly #text: string;

	/** @internal */
	constructor(fields: F) {
		if (typeof fields !== "object" || fields === null || Array.isArray(fields)) {
			throw badArgument("The schema", fields, 'an object such as { a: "f64", step: "u32" }');
		}
		let end = 0;
		let alignment = 1;
		this.layout = Object.entries(fields).map(([name, value]) => {
			if (name === "__proto__")
				throw badArgument("A field's name", name, "another name, because JavaScript reserves this one");
			if (!isDType(value))
				throw badArgument(`The type of field ${show(name)}`, value, `a dtype: ${dtypes.join(", ")}`);
			const dtype = value;
			const size = bytesPer(dtype);
			const offset = roundUp(end, size);
			end = offset + size;
			alignment = Math.max(alignment, size);
			return { name, dtype, offset };
		});
		if (end === 0) throw badArgument("The schema", "{}", "an object with at least one field");
		this.#text = `{ ${this.layout.map(({ name, dtype }) => `${nameText(name)}: ${dtype}`).join(", ")} }`;
		if (Buffer.byteLength(this.#text) > LONGEST_TYPE) {
			throw badArgument("The schema", this.#text, `at most ${LONGEST_TYPE} bytes long as text`);
		}
		this.fields = Object.freeze(Object.fromEntries(this.layout.map(({ name, dtype }) => [name, dtype]))) as F;
		this.size = roundUp(end, alignment);
		this.alignment = alignment;
	}

	/**
	 * The type as text.
	 *
	 * @example
	 * ```ts
	 * console.log(String(schema({ x: "f64", id: "u32" }))); // { x: f64, id: u32 }
	 * ```
	 */
	toString(): string {
		return this.#text;
	}

	/** @internal */
	[inspect.custom](): string {
		return `Schema ${this.#text}`;
	}
}

/**
 * Makes the type of a struct, for `region.struct`, `.as` and every other call that takes one. Such calls also
 * accept a literal. A schema in a variable keeps the types of its fields, and its `size` says how many bytes
 * to allocate.
 *
 * @throws DHMEM_BAD_ARGUMENT for an unknown dtype, a type without fields, or a field called `__proto__`
 * @example
 * ```ts
 * const particle = schema({ x: "f64", y: "f64", id: "u64" });
 * using block = region.allocate(1000 * particle.size);
 * for (const it of block.as(particle)) it.x = Math.random();
 * ```
 */
export function schema<F extends Fields>(fields: F): Schema<F> {
	const made = new Schema(fields);
	const text = String(made);
	if (!known.has(text)) known.set(text, made);
	return known.get(text) as Schema as Schema<F>;
}

/** Converts fields to a schema; returns a schema unchanged. @throws DHMEM_BAD_ARGUMENT */
export function toSchema<F extends Fields>(given: F | Schema<F>): Schema<F> {
	return given instanceof Schema ? given : schema(given);
}

/** Parses the text of a schema from the region. Undefined if dhmem would not have written that text. */
export function parseSchema(text: string): Schema | undefined {
	const seen = known.get(text);
	if (seen !== undefined) return seen;
	try {
		const fields = text.slice(1, -1).matchAll(/ ("(?:[^"\\]|\\.)*"|[\w$]+): (\w+),?/g);
		const parsed = schema(
			Object.fromEntries(Array.from(fields, ([, name, dtype]) => [nameOf(name), dtype])) as Fields,
		);
		return String(parsed) === text ? parsed : undefined;
	} catch (error) {
		if (error instanceof DhmemError || isErrorNamed(error, "SyntaxError")) return undefined;
		throw error;
	}
}

function nameText(name: string): string {
	return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function nameOf(text = ""): string {
	return text.startsWith('"') ? (JSON.parse(text) as string) : text;
}

/**
 * Checks values for the fields of a struct against its type. `what` names the values in messages.
 *
 * @throws DHMEM_BAD_ARGUMENT
 */
export function checkFields<F extends Fields>(
	what: string,
	type: Schema<F>,
	values: { readonly [Name in keyof F]?: ValueOf<F[Name]> | undefined },
): Partial<Struct<F>> {
	if (typeof values !== "object" || values === null) throw badArgument(what, values, "an object");
	const given = Object.entries(values).filter(([, value]) => value !== undefined);
	for (const [name, value] of given) {
		const dtype = Object.hasOwn(type.fields, name) ? type.fields[name] : undefined;
		if (dtype === undefined) throw badArgument(`A name in ${what}`, name, `a field of ${show(String(type))}`);
		checkValue(`${name} in ${what}`, value, dtype);
	}
	return Object.fromEntries(given) as Partial<Struct<F>>;
}

/** Throws if `value` is not of the JavaScript type for a dtype. @throws DHMEM_BAD_ARGUMENT */
export function checkValue(what: string, value: unknown, dtype: DType): void {
	const wanted = dtype === "i64" || dtype === "u64" ? "bigint" : "number";
	if (typeof value !== wanted) throw badArgument(what, value, `a ${wanted}, because its dtype is ${dtype}`);
}

export function roundUp(value: number, step: number): number {
	return Math.ceil(value / step) * step;
}
