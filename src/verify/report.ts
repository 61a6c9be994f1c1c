/** What a check says: findings, each with the number of the invariant that does not hold. */

/** An invariant that does not hold somewhere. */
export interface Finding {
	/** Its number, such as `Q3`: `docs/maintaining.md` lists them. */
	readonly invariant: string;
	/** Where: an offset in the region. */
	readonly at: number;
	/** What is wrong, and with what. */
	readonly text: string;
}

/**
 * When the region is looked at. What holds `always` holds between any two writes, also while participants run and after
 * one has died. `atRest` nobody is in the midst of an operation, and the dead have been recovered from.
 */
export type Grade = "always" | "atRest";

/** More than anybody reads. */
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
