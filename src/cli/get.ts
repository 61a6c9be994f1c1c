import type { Command } from "commander";
import { openRegion, type RegionChoice, regionOption } from "./region-option.js";
import { UsageError } from "./usage-error.js";
import { writeOut } from "./write-out.js";

export function get(program: Command): void {
	const command = program
		.command("get")
		.description("write the bytes of the block that a token names to standard output")
		.argument("<token>", "what put has printed, or a handle as text")
		.option("--free", "free the block afterwards")
		.action(async (token: string, options: RegionChoice & { free?: true }) => {
			using region = openRegion(options, "open");
			const block = region.load(token);
			if (block.kind !== "block")
				throw new UsageError(`the token is of ${block.kind}, and get writes blocks`);
			await writeOut(block.bytes);
			// Only now: what can't be written stays.
			if (options.free) block.free();
		});
	regionOption(command);
}
