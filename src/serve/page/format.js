/** Formats figures and names for people. */

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** @param {number} bytes @returns {string} such as "1.5 MiB" */
export function size(bytes) {
	const exponent = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1);
	const value = bytes / 1024 ** exponent;
	return `${exponent > 0 && value < 100 ? value.toFixed(1) : Math.round(value)} ${UNITS[exponent]}`;
}

/** @param {number} number @returns {string} such as "12.3 k" */
export function count(number) {
	if (number < 10_000) return String(number < 10 ? Math.round(number * 10) / 10 : Math.round(number));
	const exponent = number < 1e6 ? 1 : number < 1e9 ? 2 : 3;
	const value = number / 1000 ** exponent;
	return `${value < 100 ? value.toFixed(1) : Math.round(value)} ${["", "k", "M", "G"][exponent]}`;
}

/** @param {number | undefined} perSecond @returns {string} */
export function rate(perSecond) {
	return perSecond === undefined ? "–" : `${count(perSecond)}/s`;
}

/** @param {number} number @param {string} what @returns {string} such as "1 queue" or "2 queues" */
export function counted(number, what) {
	return `${number} ${what}${number === 1 ? "" : "s"}`;
}

/** C0, DEL and C1; line and paragraph separators; and the characters that change the direction of text. */
const CONTROLS = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/**
 * The text with each control character written as in JSON, such as `\u001b`, as `dhmem stat` shows it.
 *
 * @param {string} text
 * @returns {string}
 */
export function printable(text) {
	return text.replace(CONTROLS, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
