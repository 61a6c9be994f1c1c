/** The numbers by which a region records the types of a map's keys and values. */
import { dtypeOf } from "./dtypes.js";

/** These follow the numbers of the dtypes. */
export const STRING = 16;
export const BYTES = 17;
export const STRUCT = 18;

/** Describes the type with this number in the region. */
export function codedName(number: number, type = "unknown"): string {
	if (number === STRING) return "string";
	if (number === BYTES) return "bytes";
	if (number === STRUCT) return type;
	return dtypeOf(number) ?? "unknown";
}
