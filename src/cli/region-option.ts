import type { Command } from "commander";
import { Region } from "../region.js";
import { UsageError } from "./usage-error.js";

export interface RegionChoice {
	region?: string;
}

/** Adds the choice of a region to a command. */
export function regionOption(command: Command): Command {
	return command.option("--region <name>", "the region; inside a task its own");
}

/** The region that was chosen, or that of the task. */
export function openRegion(
	{ region = process.env.DHMEM_REGION }: RegionChoice,
	mode: "open" | "open-or-create",
): Region {
	if (region === undefined || region === "")
		throw new UsageError("give a region by --region, or set DHMEM_REGION");
	return Region.open(region, { mode });
}
