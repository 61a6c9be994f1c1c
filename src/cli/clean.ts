import type { Command } from "commander";
import { DhmemError } from "../errors.js";
import { isLeftOver, namesIn, pathOf, removeAbandoned, removeLitterIn } from "../files.js";
import { Region } from "../region.js";
import { directoryOf } from "../region-options.js";
import { lookAt } from "./look.js";

/** What was found, and done unless it was only looked for. */
interface Finding {
	region: string;
	/** It was to go with its last participant, who is gone. */
	removed: boolean;
	/** Participants that had died, and what they had was given back. */
	recovered: number;
}

export function clean(program: Command): void {
	program
		.command("clean")
		.description(
			"recover from participants that died, and remove regions that were to go with their last one",
		)
		.option("--dry-run", "only say what would be done")
		.option("--json", "as JSON")
		.action(({ dryRun = false, json }: { dryRun?: boolean; json?: true }) => {
			const directory = directoryOf({});
			if (!dryRun) removeLitterIn(directory);
			const findings = namesIn(directory)
				.map((region) => cleaned(region, pathOf(directory, region), dryRun))
				.filter(({ removed, recovered }) => removed || recovered > 0);
			if (json) console.log(JSON.stringify(findings, null, 2));
			else for (const finding of findings) console.log(inWords(finding, dryRun));
		});
}

function cleaned(region: string, path: string, dryRun: boolean): Finding {
	if (dryRun ? isLeftOver(path) : removeAbandoned(path)) return { region, removed: true, recovered: 0 };
	const dead = lookAt(region)?.participants.filter(({ alive }) => !alive).length ?? 0;
	if (dead === 0 || dryRun) return { region, removed: false, recovered: dead };
	try {
		// Opening recovers.
		Region.open(region, { mode: "open" }).close();
		return { region, removed: false, recovered: dead };
	} catch (error) {
		// Another user's, or gone meanwhile.
		if (error instanceof DhmemError) return { region, removed: false, recovered: 0 };
		throw error;
	}
}

function inWords({ region, removed, recovered }: Finding, dryRun: boolean): string {
	const would = dryRun ? "would be " : "";
	if (removed) return `${region}: ${would}removed, its last participant is gone`;
	return `${region}: ${would}recovered from ${recovered} dead participant${recovered === 1 ? "" : "s"}`;
}
