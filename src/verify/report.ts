/** What the checks find. */

/** A place where an invariant does not hold. */
export interface Finding {
	/** Its number, such as `Q3`: `docs/maintaining.md` lists them. */
	readonly invariant: string;
	/** Where: an offset in the region. */
	readonly at: number;
	/** What is wrong, and with what. */
	readonly text: string;
}

/**
 * Which invariants to expect. Some hold `always`: between any two writes, while participants run, and after one has died.
 * More hold `atRest`: when no operation is under way, and every dead participant has been recovered from.
 */
export type Grade = "always" | "atRest";

/** Nobody reads more. */
const MOST_FINDINGS = 100;

export class Report {
	readonly findings: Finding[] = [];
	readonly isAtRest: boolean;

	constructor(grade: Grade) {
		this.isAtRest = grade === "atRest";
	}

	add(invariant: string, at: number, text: string): void {
		if (this.findings.length < MOST_FINDINGS) this.findings.push({ invariant, at, text });
	}
}
