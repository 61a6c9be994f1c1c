import { buffer } from "node:stream/consumers";
import type { Command } from "commander";
import { openRegion, type RegionChoice, regionOption } from "./region-option.js";
import { UsageError } from "./usage-error.js";
import { writeOut } from "./write-out.js";

export function put(program: Command): void {
	const command = program
		.command("put")
		.description("put standard input into a block, and print its token")
		.action(async (options: RegionChoice) => {
			const bytes = await buffer(process.stdin);
			if (bytes.length === 0) throw new UsageError("standard input is empty; a block has at least one byte");
			using region = openRegion(options, "open-or-create");
			const block = region.allocate(bytes.length);
			block.bytes.set(bytes);
			const handle = region.save(block);
			try {
				await writeOut(`${handle}\n`);
			} catch (error) {
				// Nobody knows its token.
				region.load(handle).free();
				throw error;
			}
		});
	regionOption(command);
}
