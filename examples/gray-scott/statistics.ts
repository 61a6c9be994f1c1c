import { createHash } from "node:crypto";
import type { Fields } from "./fields.js";

export const STATISTICS_HEADER = "step,u mean,u least,u most,v mean,v least,v most,sha256 of both";

/**
 * Returns figures about the fields. Numbers are written with enough digits to read back as the same doubles.
 */
export function statisticsOf(fields: Fields): string {
	const hash = createHash("sha256").update(fields.u).update(fields.v).digest("hex");
	return [...range(fields.u), ...range(fields.v), hash].join(",");
}

/**
 * Returns mean, least and largest value. They are added up in order, so the mean has the same bits in each
 * run.
 */
function range(field: Float64Array): [number, number, number] {
	let sum = 0;
	let least = Number.POSITIVE_INFINITY;
	let most = Number.NEGATIVE_INFINITY;
	for (const value of field) {
		sum += value;
		if (value < least) least = value;
		if (value > most) most = value;
	}
	return [sum / field.length, least, most];
}
