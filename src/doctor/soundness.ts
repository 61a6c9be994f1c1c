/** The findings of `dhmem doctor --region`, which checks a region's invariants. */
import { DhmemError } from "../errors.js";
import { type Examination, examine } from "../inspect/examine.js";
import { Region } from "../region.js";
import type { Finding } from "./findings.js";

/** Checks the region without joining it and without changing anything. */
export function soundnessOf(directory: string, name: string): Finding[] {
	const about = `region ${name}`;
	try {
		using region = Region.open(name, { directory, mode: "read-only" });
		return findingsIn(name, region.lookWith(examine));
	} catch (error) {
		if (!(error instanceof DhmemError) || error.code === "DHMEM_BAD_ARGUMENT") throw error;
		return [{ about, status: "problem", text: "can't be opened for reading", todo: error.message }];
	}
}

/** Turns an examination into findings in plain words. A pure function. */
export function findingsIn(name: string, { living, dead, grade, findings }: Examination): Finding[] {
	const about = `region ${name}`;
	const all: Finding[] = findings.map(({ invariant, at, text }) => ({
		about,
		status: "problem",
		text: `invariant ${invariant} does not hold at ${at}: ${text}`,
	}));
	const last = all.at(-1);
	if (last !== undefined) {
		last.todo =
			"a program has overwritten the region, or dhmem has a defect: end the programs that use it, and remove it with " +
			`\`dhmem rm ${name}\`; please report this output, and what the programs did`;
	}
	if (dead > 0) {
		all.push({
			about,
			status: "warning",
			text: `${dead} ${dead === 1 ? "participant has" : "participants have"} died and not been recovered from yet`,
			todo: "run `dhmem clean`, and then this command again: it checks more when no operation is unfinished",
		});
	}
	if (last === undefined) all.push({ about, status: "ok", text: soundText(living, grade) });
	return all;
}

function soundText(living: number, grade: Examination["grade"]): string {
	if (grade === "atRest") return "every invariant holds; no participant has it open";
	const who = living === 1 ? "1 participant has" : `${living} participants have`;
	return `every invariant that must always hold does; those of a region at rest were not checked, because ${who} it open`;
}
