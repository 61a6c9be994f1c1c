/** The named object that is being checked. */
import type { Claims } from "./claims.js";
import type { Memory } from "./memory.js";
import type { Report } from "./report.js";

/** Everything that the check of an object needs. */
export interface Subject {
	readonly memory: Memory;
	readonly report: Report;
	readonly claims: Claims;
	readonly object: number;
	readonly name: string;
	readonly data: number;
	/** The size of the data block, in bytes. */
	readonly room: number;
	/** Reads a word of the object. */
	word(field: number): number;
	fail(invariant: string, text: string): void;
}
