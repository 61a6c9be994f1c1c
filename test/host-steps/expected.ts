/** Names, and expected results. */
import * as assert from "uvu/assert";

export const QUEUE = "queue";

export const MUTEX = "mutex";

export function expectResult(result: string | undefined, ...expected: string[]): void {
	if (result !== undefined) assert.ok(expected.includes(result), `it came out as ${result}`);
}
