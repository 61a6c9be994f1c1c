/** Named structs: each has one JavaScript object in an opening. */
import { KIND_STRUCT } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { revokeStruct, structAt } from "../memory/struct-view.js";
import type { NamedObject } from "../objects/named-object.js";
import { corrupt, describeTyped, payloadOf, typeIn } from "../objects/object-type.js";
import type { Wanted } from "../objects/open-object.js";
import { checkOptions, optionNames } from "../values/arguments.js";
import type { ValueOf } from "../values/dtypes.js";
import {
	checkFields,
	type Fields,
	parseSchema,
	type Schema,
	type Struct,
	toSchema,
} from "../values/schema.js";

/**
 * The initial values of a struct.
 *
 * @example
 * ```ts
 * region.struct("params", { dt: "f64", step: "u32" }, { initial: { dt: 0.01 } });
 * ```
 */
export interface StructOptions<F extends Fields> {
	/** The values of fields of a new struct; the others are 0. Ignored if the struct exists. */
	initial?: { readonly [Name in keyof F]?: ValueOf<F[Name]> | undefined } | undefined;
}

const structNames = optionNames<StructOptions<Fields>>({ initial: true });

/**
 * What opening a named struct asks for. If the type is left out, any existing one is accepted.
 *
 * @throws DHMEM_BAD_ARGUMENT
 */
export function wantedStruct(
	attachment: Attachment,
	given: Fields | Schema | undefined,
	options: StructOptions<Fields>,
): Wanted {
	checkOptions(options, structNames, "A struct");
	if (given === undefined) return { kinds: [KIND_STRUCT], what: "a struct", accepts: () => true };
	const type = toSchema(given);
	const text = String(type);
	const initial = options.initial === undefined ? {} : checkFields("initial", type, options.initial);
	return {
		kinds: [KIND_STRUCT],
		what: `a struct ${text}`,
		accepts: (object) => typeIn(object) === text,
		description: describeTyped(
			attachment,
			{ kind: KIND_STRUCT, element: 0, type: text, bytes: type.size },
			({ byteOffset }) => Object.assign(structAt(attachment, type, byteOffset), initial),
		),
	};
}

/** The open named structs, by their objects, and the reverse. */
const structOf = new WeakMap<NamedObject, Struct>();
const objectOf = new WeakMap<object, NamedObject>();

/** Returns the struct of an object, the same one each time. @throws DHMEM_CORRUPT */
export function openStruct(object: NamedObject): Struct {
	let struct = structOf.get(object);
	if (struct === undefined) {
		const type = parseSchema(typeIn(object));
		if (type === undefined) throw corrupt(object.name);
		const made = structAt(object.attachment, type, payloadOf(object, type.size).byteOffset);
		object.endings.add(() => revokeStruct(made, type));
		structOf.set(object, made);
		objectOf.set(made, object);
		struct = made;
	}
	return struct;
}

/** The named object of a struct. Undefined for a struct without a name, and for anything else. */
export function objectOfStruct(struct: object): NamedObject | undefined {
	return objectOf.get(struct);
}
