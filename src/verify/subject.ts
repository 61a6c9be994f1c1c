/** A named object that is checked. */
import type { Claims } from "./claims.js";
import type { Memory } from "./memory.js";
import type { Report } from "./report.js";

/** What checks of an object need. */
export interface Subject {
	readonly memory: Memory;
	readonly report: Report;
	readonly claims: Claims;
	readonly object: number;
	readonly name: string;
	readonly data: number;
	/** Bytes that the data have room for. */
	readonly room: number;
	/** A word of the object. */
	word(field: number): number;
	fail(invariant: string, text: string): void;
}
