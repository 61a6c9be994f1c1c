import type { Command } from "commander";
import { DhmemError } from "../errors.js";
import { Region } from "../region.js";
import { checkRegionName } from "../values/arguments.js";
import { fail } from "./failure.js";

export function rm(program: Command): void {
	program
		.command("rm")
		.description("remove regions; processes that have them open keep them")
		.argument("<region...>", "the regions' names; all are tried")
		.action((names: string[]) => {
			// A wrong call removes nothing.
			names.forEach(checkRegionName);
			for (const name of new Set(names)) {
				try {
					Region.unlink(name);
				} catch (error) {
					if (!(error instanceof DhmemError)) throw error;
					process.exitCode = fail(error);
				}
			}
		});
}
