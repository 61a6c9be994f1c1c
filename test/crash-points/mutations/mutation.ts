/** A guard of the core that is taken away. */
import type { Change } from "../changed.js";

export interface Mutation extends Change {
	name: string;
	/** Scenarios to try first: those whose name has this. */
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
