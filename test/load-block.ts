import type { Block, Handle, Region } from "../src/index.js";

/** What was saved, which is a block. */
export function loadBlock(region: Region, handle: Handle | string): Block {
	const loaded = region.load(handle);
	if (loaded.kind === "block") return loaded;
	throw new Error(`a ${loaded.kind} was saved`);
}
