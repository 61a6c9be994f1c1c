import { InputError } from "./cli.js";

/** What the tasks understand on their command lines, for `parseArgs`; `main` takes all of it and passes it on. */
export const evaluateOptions = {
	region: { type: "string", default: process.env.NEWTON_REGION ?? "newton" },
} as const;

export const steerOptions = {
	...evaluateOptions,
	a: { type: "string" },
	b: { type: "string" },
	c: { type: "string" },
	x0: { type: "string" },
	problems: { type: "string" },
	/** Where to write every point with its root, as JSON. */
	results: { type: "string" },
	/** Milliseconds between batches, for those who want to watch. */
	pace: { type: "string", default: "0" },
} as const;

export const visualizeOptions = {
	...evaluateOptions,
	svg: { type: "string", default: "newton.svg" },
} as const;

/** @throws {InputError} unless `text` is a number of milliseconds that a timer takes. */
export function milliseconds(option: string, text: string): number {
	const value = Number(text);
	if (text.trim() !== "" && value >= 0 && value < 2 ** 31) return value;
	throw new InputError(`--${option} is a number of milliseconds, not "${text}"`);
}
