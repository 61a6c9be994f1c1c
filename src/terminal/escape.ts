/**
 * Escapes text from other participants before it reaches a terminal: labels, object names, a peer's doctor
 * report. A control character in it could change the displayed text or the terminal's state.
 */

/** C0, DEL and C1; line and paragraph separators; and the characters that change the direction of text. */
const CONTROLS = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** Returns the text with each control character written as in JSON, such as `\u001b`. */
export function escapeControls(text: string): string {
	return text.replace(CONTROLS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** A value as indented JSON. `JSON.stringify` alone escapes only C0. */
export function toJson(value: unknown): string {
	const lines = JSON.stringify(value, null, 2).split("\n");
	// These line breaks come from the indentation: line breaks in strings are escaped already. All other
	// characters outside strings are printable.
	return lines.map(escapeControls).join("\n");
}
