/** A change of the core that removes a guard. */
import type { Change } from "../changed.js";

export interface Mutation extends Change {
	name: string;
	/** The scenarios whose names contain this are tried first. */
	likely: string;
}

export function mutation(
	name: string,
	likely: string,
	file: string,
	text: string,
	replacement = "",
): Mutation {
	return { name, likely, file: `${file}.ts`, text, replacement };
}
