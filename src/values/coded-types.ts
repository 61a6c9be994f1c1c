/** The numbers that stand in a region for the types of a map's keys and values. */
import { dtypeOf } from "./dtypes.js";

/** Behind the numbers of the dtypes. */
export const STRING = 16;
export const BYTES = 17;
export const STRUCT = 18;

/** The type that a number in the region stands for, in words. */
export function codedName(number: number, type = "unknown"): string {
	if (number === STRING) return "string";
	if (number === BYTES) return "bytes";
	if (number === STRUCT) return type;
	return dtypeOf(number) ?? "unknown";
}
