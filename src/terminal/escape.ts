/**
 * Other people's text on its way to a terminal: labels, names of objects, what a doctor says of itself. A control
 * character there could change what the reader sees, or what the terminal does next.
 */

/** C0, DEL, C1; line and paragraph separators; and what changes the direction of text. */
const CONTROLS = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The text with each control character as `\u001b`, as it stands in JSON. */
export function escapeControls(text: string): string {
	return text.replace(CONTROLS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value as indented JSON. `JSON.stringify` alone escapes only C0. */
export function toJson(value: unknown): string {
	const lines = JSON.stringify(value, null, 2).split("\n");
	// The line breaks are its own: those in strings are escaped already. Outside strings all is printable.
	return lines.map(escapeControls).join("\n");
}
