import { Buffer } from "node:buffer";
import { inspect } from "node:util";
import { badArgument, DhmemError, isErrorNamed, show } from "../errors.js";
import { bytesPer, checkDType, type DType, type ValueOf } from "./dtypes.js";

/** What a struct consists of: the dtype of each field, by name. The order counts. */
export interface Fields {
	readonly [name: string]: DType;
}

/** A struct in shared memory: reading a field reads the region, assigning to it writes there. */
export type Struct<F extends Fields = Fields> = { -readonly [Name in keyof F]: ValueOf<F[Name]> };

/** A field as it lies in memory. */
interface Field {
	name: string;
	dtype: DType;
	/** Bytes from the start of the struct. */
	offset: number;
}

/** The longest type there may be, in bytes of its text. */
export const LONGEST_TYPE = 65536;

/** Each distinct schema once, by its text, so that structs of one type share their code. */
const known = new Map<string, Schema>();

/**
 * The type of a struct: its fields, each aligned to its own size, in the order given. From `schema()`.
 *
 * `String(schema)` is the same text for the same type: `{ a: f64, step: u32 }`.
 */
export class Schema<F extends Fields = Fields> {
	/** The dtype of each field. */
	readonly fields: F;
	/** Bytes of one struct, a multiple of `alignment`. */
	readonly size: number;
	/** Bytes: that of the largest field. */
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
				throw badArgument("A field's name", name, "another: JavaScript has its own use for it");
			const dtype = checkDType(value);
			const size = bytesPer(dtype);
			const offset = roundUp(end, size);
			end = offset + size;
			alignment = Math.max(alignment, size);
			return { name, dtype, offset };
		});
		if (end === 0) throw badArgument("The schema", "{}", "of at least one field");
		this.#text = `{ ${this.layout.map(({ name, dtype }) => `${nameText(name)}: ${dtype}`).join(", ")} }`;
		if (Buffer.byteLength(this.#text) > LONGEST_TYPE) {
			throw badArgument("The schema", this.#text, `at most ${LONGEST_TYPE} bytes long as text`);
		}
		this.fields = Object.freeze(Object.fromEntries(this.layout.map(({ name, dtype }) => [name, dtype]))) as F;
		this.size = roundUp(end, alignment);
		this.alignment = alignment;
	}

	toString(): string {
		return this.#text;
	}

	/** @internal */
	[inspect.custom](): string {
		return `Schema ${this.#text}`;
	}
}

/**
 * The type of a struct, for `region.struct`, `.as` and whatever else takes one. A literal in the call does as
 * well; in a variable, this keeps the fields' types, and its `size` says how much to allocate.
 *
 * @throws DHMEM_BAD_ARGUMENT for a wrong dtype, no field at all, or one called `__proto__`
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

/** The schema that was given, as one or as its fields. @throws DHMEM_BAD_ARGUMENT */
export function toSchema<F extends Fields>(given: F | Schema<F>): Schema<F> {
	return given instanceof Schema ? given : schema(given);
}

/** The schema of a text from the region; undefined if it is none that we would have written. */
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

/** Values for fields of a struct, checked against its type. `what` they are is for messages. */
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

/** Whether `value` is what JavaScript has for a dtype. @throws DHMEM_BAD_ARGUMENT */
export function checkValue(what: string, value: unknown, dtype: DType): void {
	const wanted = dtype === "i64" || dtype === "u64" ? "bigint" : "number";
	if (typeof value !== wanted) throw badArgument(what, value, `a ${wanted}, for it is ${dtype}`);
}

export function roundUp(value: number, step: number): number {
	return Math.ceil(value / step) * step;
}
