import type { Command } from "commander";
import { Region } from "../region.js";
import { UsageError } from "./usage-error.js";

export interface RegionChoice {
	region?: string;
}

/** Adds the option `--region` to a command. */
export function regionOption(command: Command): Command {
	return command.option("--region <name>", "the region's name; inside a task, its own region by default");
}

/** Opens the chosen region, or the task's own. */
export function openRegion(
	{ region = process.env.DHMEM_REGION }: RegionChoice,
	mode: "open" | "open-or-create",
): Region {
	if (region === undefined || region === "")
		throw new UsageError("no region is given; use --region, or set DHMEM_REGION");
	return Region.open(region, { mode });
}
