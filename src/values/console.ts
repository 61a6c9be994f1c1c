/** Formats dhmem's objects for `console.log` and `util.inspect`. */
import { inspect } from "node:util";
import { escapeControls } from "../terminal/escape.js";

/**
 * Formats an object on one line, as `Producer { queue: "steps", closed: false }`. Never throws, whatever
 * state the object is in.
 */
export function inspected(what: string, facts: () => Record<string, unknown>): string {
	try {
		const parts = Object.entries(facts()).map(([name, value]) => `${name}: ${shown(value)}`);
		return `${what} { ${parts.join(", ")} }`;
	} catch {
		return what;
	}
}

function shown(value: unknown): string {
	const text = typeof value === "string" ? JSON.stringify(value) : inspect(value, { breakLength: Infinity });
	return escapeControls(text);
}
