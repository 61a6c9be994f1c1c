/** Whether a region is sound inside: what `dhmem doctor --region` says. */
import { DhmemError } from "../errors.js";
import type { Examination } from "../inspect/examine.js";
import { Region } from "../region.js";
import type { Finding } from "./findings.js";

/** Looks into the region, without taking part and without changing anything. */
export function soundnessOf(directory: string, name: string): Finding[] {
	const about = `region ${name}`;
	try {
		using region = Region.open(name, { directory, mode: "read-only" });
		return findingsIn(name, region.examine());
	} catch (error) {
		if (!(error instanceof DhmemError) || error.code === "DHMEM_BAD_ARGUMENT") throw error;
		return [{ about, status: "problem", text: "it can't be looked into", todo: error.message }];
	}
}

/** What an examination means, in plain words: pure. */
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
			"something has written over it, or dhmem has a defect: end the programs that use it, and remove it by " +
			`\`dhmem rm ${name}\`; please report this output, with what the programs did`;
	}
	if (dead > 0) {
		all.push({
			about,
			status: "warning",
			text: `${dead} ${dead === 1 ? "participant has" : "participants have"} died, and nobody has recovered from that yet`,
			todo: "run `dhmem clean`, then this again: it can look at more when nothing is half done",
		});
	}
	if (last === undefined) all.push({ about, status: "ok", text: soundText(living, grade) });
	return all;
}

function soundText(living: number, grade: Examination["grade"]): string {
	if (grade === "atRest") return "every invariant holds; nobody has it open";
	const who = living === 1 ? "1 participant has" : `${living} participants have`;
	return `every invariant that holds at each moment does; those of a region at rest were not checked: ${who} it open`;
}
