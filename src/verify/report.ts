/** The findings of a check, each with the number of the invariant that does not hold. */

/** An invariant that does not hold at some offset. */
export interface Finding {
	/** Its number, such as `Q3`: `docs/maintaining.md` lists them. */
	readonly invariant: string;
	/** The offset in the region. */
	readonly at: number;
	/** A sentence that says what is wrong. */
	readonly text: string;
}

/**
 * The state of the region that is checked. `always` invariants hold between any two writes, also while
 * participants run and after one has died. `atRest` invariants hold too when no participant is in the middle
 * of an operation and dead participants have been recovered from.
 */
export type Grade = "always" | "atRest";

/** Further findings are dropped. */
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
