import type { Command } from "commander";
import { isLeftOver, listRegions, namesIn, pathOf, whileOnlyLooking } from "../attachment/leftovers.js";
import { directoryOf, trustOf } from "../attachment/region-options.js";
import { DhmemError } from "../errors.js";
import { systemError } from "../host/system-error.js";
import { Region } from "../region.js";
import { toJson } from "../terminal/escape.js";
import { lookAt } from "./look.js";

/** A region that was cleaned, or with --dry-run would be. */
interface Finding {
	region: string;
	/** True if it was a `last-close` region whose participants are all gone. */
	removed: boolean;
	/** The number of dead participants that it was recovered from. */
	recovered: number;
}

export function clean(program: Command): void {
	program
		.command("clean")
		.description(
			"recover from participants that died, and remove last-close regions that have no participants any more",
		)
		.option("--dry-run", "only print what would be done")
		.option("--json", "as JSON")
		.action(({ dryRun = false, json }: { dryRun?: boolean; json?: true }) => {
			const directory = directoryOf({});
			const trust = trustOf({});
			const before = namesOf(directory);
			const after = dryRun
				? before.filter((name) => !isLeftOver(pathOf(directory, name), trust))
				: listRegions(directory, trust);
			const findings = before
				.map((region) => ({
					region,
					removed: !after.includes(region),
					recovered: after.includes(region) ? recovered(region, dryRun) : 0,
				}))
				.filter((each) => each.removed || each.recovered > 0);
			if (json) console.log(toJson(findings));
			else for (const finding of findings) console.log(inWords(finding, dryRun));
		});
}

function namesOf(directory: string): string[] {
	try {
		return namesIn(directory);
	} catch (error) {
		throw systemError(error, directory, "Listing");
	}
}

/** Returns the number of a region's dead participants. Unless this is a dry run, recovers from them. */
function recovered(region: string, dryRun: boolean): number {
	const look = dryRun ? whileOnlyLooking(() => lookAt(region)) : lookAt(region);
	const dead = look?.participants.filter(({ alive }) => !alive).length ?? 0;
	if (dead === 0 || dryRun) return dead;
	try {
		// Opening recovers.
		Region.open(region, { mode: "open" }).close();
		return dead;
	} catch (error) {
		// The region belongs to another user, or is gone.
		if (error instanceof DhmemError) return 0;
		throw error;
	}
}

function inWords({ region, removed, recovered }: Finding, dryRun: boolean): string {
	const would = dryRun ? "would be " : "";
	if (removed) return `${region}: ${would}removed, because its last participant is gone`;
	return `${region}: ${would}recovered from ${recovered} dead participant${recovered === 1 ? "" : "s"}`;
}
