/** What `console.log` and `util.inspect` show of dhmem's objects. */
import { inspect } from "node:util";
import { escapeControls } from "../terminal/escape.js";

/** `Producer { queue: "steps", closed: false }`: one line, in whatever state the object is. */
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
