import type { Command } from "commander";
import { openRegion, type RegionChoice, regionOption } from "./region-option.js";
import { UsageError } from "./usage-error.js";
import { writeOut } from "./write-out.js";

export function get(program: Command): void {
	const command = program
		.command("get")
		.description("write the bytes of a saved block to standard output")
		.argument("<token>", "the token that dhmem put printed, or a handle as text")
		.option("--free", "free the block afterwards")
		.action(async (token: string, options: RegionChoice & { free?: true }) => {
			using region = openRegion(options, "open");
			const block = region.load(token);
			if (block.kind !== "block")
				throw new UsageError(`the token refers to a value of kind ${block.kind}, but get writes only blocks`);
			await writeOut(block.bytes);
			// Freed only now, so that a block that can't be written stays.
			if (options.free) block.free();
		});
	regionOption(command);
}
