/** Describes named objects in words, for listings and errors. */
import {
	KIND_ARRAY,
	KIND_CONDITION,
	KIND_MAILBOX,
	KIND_MAP,
	KIND_MUTEX,
	KIND_QUEUE,
	KIND_RECORDS,
	KIND_STRUCT,
	KIND_VECTOR,
	OBJECT_ELEMENT,
	OBJECT_KIND,
	OBJECT_REQUESTED,
} from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { codedName } from "../values/coded-types.js";
import { dtypeOf } from "../values/dtypes.js";
import { type Description, objectWord } from "./directory.js";
import { typeOf } from "./object-type.js";

/** Describes the object at an offset of the region. */
export function describeObject(attachment: Attachment, at: number): string {
	const word = (field: number) => objectWord(attachment, at, field);
	return describe({
		kind: word(OBJECT_KIND),
		element: word(OBJECT_ELEMENT),
		requested: word(OBJECT_REQUESTED),
		type: typeOf(attachment, at) ?? "of a type that can't be read",
	});
}

/** Puts a description into words. The capacity is mentioned only if the user asked for one. */
export function describe({ kind, element = 0, requested = 0, type = "" }: Description): string {
	switch (kind) {
		case KIND_STRUCT:
			return `a struct ${type}`;
		case KIND_ARRAY:
			return `an array ${type}`;
		case KIND_QUEUE:
			return `a queue${requested === 0 ? "" : ` of ${requested} bytes`}`;
		case KIND_RECORDS:
			return `a queue of ${codedName(element, type)} records${requested === 0 ? "" : ` with capacity ${requested}`}`;
		case KIND_MAILBOX:
			if (requested === 1) return "a queue of the latest message";
			return `a queue of the last ${requested === 0 ? "" : `${requested} `}messages`;
		case KIND_VECTOR:
			return `a vector of ${dtypeOf(element) ?? "unknown"}`;
		case KIND_MAP:
			return `a map from ${codedName(element & 0xff)} to ${codedName(element >> 8, type)}`;
		case KIND_MUTEX:
			return "a mutex";
		case KIND_CONDITION:
			return "a condition";
		default:
			return `an object of kind ${kind}`;
	}
}
