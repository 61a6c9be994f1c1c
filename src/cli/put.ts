import type { Command } from "commander";
import { openRegion, type RegionChoice, regionOption } from "./region-option.js";
import { standardInput } from "./standard-input.js";
import { UsageError } from "./usage-error.js";
import { writeOut } from "./write-out.js";

export function put(program: Command): void {
	const command = program
		.command("put")
		.description("copy standard input into a saved block, and print the block's token")
		.action(async (options: RegionChoice) => {
			// Read in pieces, because the input may be larger than one of Node's buffers can be.
			const pieces: Buffer[] = [];
			for await (const piece of standardInput() as AsyncIterable<Buffer>) pieces.push(piece);
			const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
			if (length === 0) throw new UsageError("standard input is empty; a block has at least one byte");
			using region = openRegion(options, "open-or-create");
			const block = region.allocate(length);
			let at = 0;
			for (const piece of pieces) {
				block.bytes.set(piece, at);
				at += piece.length;
			}
			const handle = region.save(block);
			try {
				await writeOut(`${handle}\n`);
			} catch (error) {
				// Nothing else knows the token, so the block could never be freed.
				region.load(handle).free();
				throw error;
			}
		});
	regionOption(command);
}
