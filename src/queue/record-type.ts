import { OBJECT_ELEMENT } from "../../assembly/layout.js";
import type { Attachment } from "../attachment/attachment.js";
import { objectWord } from "../objects/directory.js";
import { typeOf } from "../objects/object-type.js";
import { STRUCT } from "../values/coded-types.js";
import { bytesPer, type DType, dtypeOf } from "../values/dtypes.js";
import { parseSchema, type Schema } from "../values/schema.js";

/** The type of a queue's records: numbers of a dtype, or structs of a schema. */
export type RecordType = DType | Schema;

/** The size of a record in bytes. */
export function sizeOf(type: RecordType): number {
	return typeof type === "string" ? bytesPer(type) : type.size;
}

/** The type of the records of the queue at an offset of the region; undefined if it is corrupted. */
export function recordTypeAt(attachment: Attachment, at: number): RecordType | undefined {
	const element = objectWord(attachment, at, OBJECT_ELEMENT);
	return element === STRUCT ? parseSchema(typeOf(attachment, at) ?? "") : dtypeOf(element);
}
