import type { Command } from "commander";
import { isBeingJoined } from "../attachment/join-lock.js";
import { isLeftOver, listRegions, namesIn, pathOf } from "../attachment/leftovers.js";
import { directoryOf, trustOf } from "../attachment/region-options.js";
import { DhmemError } from "../errors.js";
import { systemError } from "../host/system-error.js";
import { Region } from "../region.js";
import { toJson } from "../terminal/escape.js";
import { formatSize } from "../terminal/format-size.js";
import { lookAt } from "./look.js";

/** A region that was cleaned, or with --dry-run would be. */
interface Finding {
	region: string;
	/** True if it was a `last-close` region whose participants are all gone. */
	removed: boolean;
	/** The number of dead participants that it was recovered from. */
	recovered: number;
	/** Bytes of free memory that went back to the machine. */
	trimmed: number;
}

interface CleanOptions {
	dryRun?: boolean;
	json?: true;
	server?: string | true;
}

export function clean(program: Command): void {
	program
		.command("clean")
		.description(
			"recover from participants that died, give free memory back to the machine, and remove last-close regions that have no participants any more",
		)
		.option("--dry-run", "only print what would be done")
		.option(
			"--server [address]",
			"instead remove what killed runs have left on a NATS server: that of $DHMEM_NATS if no address is given",
		)
		.option("--json", "as JSON")
		.action(async ({ dryRun = false, json, server }: CleanOptions) => {
			if (server !== undefined) {
				const { cleanServer } = await import("./clean-server.js");
				return cleanServer(server, { dryRun, json });
			}
			const directory = directoryOf({});
			const trust = trustOf({});
			const before = namesOf(directory);
			const after = dryRun
				? before.filter((name) => !isLeftOver(pathOf(directory, name), trust))
				: listRegions(directory, trust);
			const findings = before
				.map((region) => {
					const removed = !after.includes(region);
					return { region, removed, ...(removed ? nothing : tidied(region, dryRun)) };
				})
				.filter((each) => each.removed || each.recovered > 0 || each.trimmed > 0);
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

const nothing = { recovered: 0, trimmed: 0 };
/** A region that has fewer bytes beyond those in use is not opened: these are tables, and little else. */
const LEAST = 2 ** 20;

/** Recovers from a region's dead participants, and gives back its free memory; or says what would be done. */
function tidied(region: string, dryRun: boolean): Pick<Finding, "recovered" | "trimmed"> {
	const look = lookAt(region);
	if (look === undefined) return nothing;
	const dead = look.participants.filter(({ alive }) => !alive).length;
	if (dryRun) return { recovered: dead, trimmed: look.trimmable };
	if (dead === 0 && look.committed - look.used < LEAST) return nothing;
	try {
		// A process that joins recovers by itself, unless it is stopped, and then nobody should wait for it.
		if (isBeingJoined(pathOf(directoryOf({}), region))) {
			console.error(
				`${region}: not cleaned, because another process is opening or removing it now; if that is still so in a ` +
					"few seconds, end that process",
			);
			return nothing;
		}
		// Opening recovers.
		using opened = Region.open(region, { mode: "open", trim: "never" });
		return { recovered: dead, trimmed: opened.trim() };
	} catch (error) {
		// The region belongs to another user, or is gone.
		if (error instanceof DhmemError) return nothing;
		throw error;
	}
}

function inWords({ region, removed, recovered, trimmed }: Finding, dryRun: boolean): string {
	const would = dryRun ? "would be " : "";
	if (removed) return `${region}: ${would}removed, because its last participant is gone`;
	const done = [
		recovered === 0 ? [] : `recovered from ${recovered} dead participant${recovered === 1 ? "" : "s"}`,
		trimmed === 0 ? [] : `trimmed by ${formatSize(trimmed)}`,
	].flat();
	return `${region}: ${would}${done.join(", ")}`;
}
