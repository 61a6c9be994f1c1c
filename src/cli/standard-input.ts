import { fstatSync } from "node:fs";
import { UsageError } from "./usage-error.js";

/**
 * Returns standard input.
 *
 * @throws UsageError for a folder, which Node would silently treat as an empty stream
 */
export function standardInput(): NodeJS.ReadStream {
	if (fstatSync(0).isDirectory()) throw new UsageError("standard input is a folder; use a file or a pipe");
	return process.stdin;
}
