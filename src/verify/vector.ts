/**
 * The vector.
 *
 * ```text
 *  V1  ELEMENT is a dtype, and DATA has room for COUNT of them
 * ```
 */
import { OBJECT_COUNT, OBJECT_ELEMENT } from "../../assembly/layout.js";
import { bytesPer, dtypeOf } from "../values/dtypes.js";
import type { Subject } from "./subject.js";

export function checkVector({ word, fail, room }: Subject): void {
	const dtype = dtypeOf(word(OBJECT_ELEMENT));
	if (dtype === undefined || word(OBJECT_COUNT) * bytesPer(dtype) > room)
		fail(
			"V1",
			`has ${word(OBJECT_COUNT)} elements of type ${word(OBJECT_ELEMENT)}, but its data block has ${room} bytes`,
		);
}
