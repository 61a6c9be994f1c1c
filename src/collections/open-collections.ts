/** Opens vectors and maps. If a type is left out, any existing one is accepted. */
import { KIND_MAP, KIND_VECTOR, OBJECT_ELEMENT } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { badArgument } from "../errors.js";
import { corrupt, typeOf } from "../objects/object-type.js";
import { openObject, type Wanted, wantedExactly } from "../objects/open-object.js";
import { checkOptions, optionNames } from "../values/arguments.js";
import { checkDType, type DType, dtypeNumber, dtypeOf } from "../values/dtypes.js";
import { SharedMap } from "./map.js";
import {
	codecFor,
	codecNumbered,
	type KeyType,
	keyCodecFor,
	keyCodecNumbered,
	type ValueType,
} from "./map-codec.js";
import { Vector } from "./vector.js";

export function openVector(attachment: Attachment, name: string, dtype?: DType): Vector {
	const wanted: Wanted =
		dtype === undefined
			? { kinds: [KIND_VECTOR], what: "a vector", accepts: () => true }
			: wantedExactly({ kind: KIND_VECTOR, element: dtypeNumber(checkDType(dtype)) });
	return openObject(attachment, name, wanted, (object) => {
		const found = dtypeOf(object.word(OBJECT_ELEMENT));
		if (found === undefined) throw corrupt(name);
		return new Vector(object, found);
	});
}

/**
 * The types of a map's entries. If one is left out, the map must exist, and its type is used.
 *
 * @example
 * ```ts
 * region.map("best", { key: "string", value: "f64" });
 * const existing = region.map("best", { key: "string" }); // its values may be of any type
 * ```
 */
export interface MapTypes<K extends KeyType, V extends ValueType> {
	key?: K | undefined;
	value?: V | undefined;
}

const mapNames = optionNames<MapTypes<KeyType, ValueType>>({ key: true, value: true });

export function openMap(
	attachment: Attachment,
	name: string,
	types: MapTypes<KeyType, ValueType> = {},
): SharedMap {
	if (typeof types !== "object" || types === null)
		throw badArgument("The argument types", types, 'an object such as { key: "string", value: "f64" }');
	checkOptions(types, mapNames, "A map");
	const { key: keyType, value: valueType } = types;
	const key = keyType === undefined ? undefined : keyCodecFor(keyType);
	const value = valueType === undefined ? undefined : codecFor(valueType);
	const wanted: Wanted =
		key !== undefined && value !== undefined
			? wantedExactly({
					kind: KIND_MAP,
					element: key.number | (value.number << 8),
					type: value.type ?? "",
				})
			: {
					kinds: [KIND_MAP],
					what: `a map${key ? ` from ${keyType}` : ""}${value ? ` to ${value.type ?? valueType}` : ""}`,
					accepts(object) {
						const element = object.word(OBJECT_ELEMENT);
						return (
							(key === undefined || key.number === (element & 0xff)) &&
							(value === undefined ||
								(value.number === element >> 8 &&
									(value.type ?? "") === (typeOf(attachment, object.at) ?? "")))
						);
					},
				};
	return openObject(attachment, name, wanted, (object) => {
		const element = object.word(OBJECT_ELEMENT);
		const keys = key ?? keyCodecNumbered(element & 0xff);
		const values = value ?? codecNumbered(element >> 8, typeOf(attachment, object.at));
		if (keys === undefined || values === undefined) throw corrupt(name);
		return new SharedMap<KeyType, ValueType>(object, keys, values);
	});
}
