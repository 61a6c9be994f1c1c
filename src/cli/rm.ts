import type { Command } from "commander";
import { Region } from "../region.js";

export function rm(program: Command): void {
	program
		.command("rm")
		.description("remove a region; processes that have it open keep it")
		.argument("<region>", "the region's name")
		.action((name: string) => Region.unlink(name));
}
