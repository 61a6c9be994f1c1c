import { fstatSync } from "node:fs";
import { UsageError } from "./usage-error.js";

/**
 * Standard input. Of a folder Node makes an empty stream, and nobody would be told that nothing was read.
 *
 * @throws UsageError
 */
export function standardInput(): NodeJS.ReadStream {
	if (fstatSync(0).isDirectory()) throw new UsageError("standard input is a folder; give a file, or a pipe");
	return process.stdin;
}
