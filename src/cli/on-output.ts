import { paintFor } from "../terminal/paint.js";
import type { TableOptions } from "../terminal/table.js";

/** How tables look on standard output: a terminal gets colours, and lines that fit it. */
export function onOutput(): Required<TableOptions> {
	return { width: process.stdout.columns || Number.POSITIVE_INFINITY, paint: paintFor(process.stdout) };
}
