/** Reserves memory to map a file over. */
import { SPAN_BYTES } from "../../assembly/layout.js";
import { DhmemError } from "../errors.js";
import { howToGetAddresses } from "../host/advice.js";
import { findLimit } from "../host/file-system.js";

/** A `WebAssembly.Memory`. Users compile without the DOM's types, which declare it. */
interface Memory {
	readonly buffer: SharedArrayBuffer;
}

/**
 * Reserves `pages` pages of 64 KiB for a part of the region at `path`. Only a Wasm memory begins at a page, and has
 * addresses that nobody else gets.
 *
 * @throws DHMEM_UNSUPPORTED
 */
export function reserveMemory(path: string, pages: number): Memory {
	if (typeof WebAssembly === "undefined") {
		throw new DhmemError(
			"DHMEM_UNSUPPORTED",
			"dhmem needs WebAssembly, which is disabled here; run Node without --jitless and --no-expose-wasm",
		);
	}
	try {
		return new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
	} catch (error) {
		const advice = howToGetAddresses(
			pages * SPAN_BYTES,
			findLimit("Max address space"),
			findLimit("Max data size"),
		);
		throw new DhmemError("DHMEM_UNSUPPORTED", `There is no address space left for ${path}: ${advice}`, {
			cause: error,
		});
	}
}
