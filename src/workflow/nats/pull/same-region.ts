/** Gets a block from a sender that has the same region: its bytes are there already. */
import { setImmediate } from "node:timers/promises";
import { decodeHandle } from "../../../handles/handle.js";
import { identityOf } from "../../../handles/reserved-handle.js";
import type { Block } from "../../../memory/block.js";
import type { Region } from "../../../region.js";
import { fence } from "./fence.js";
import { unlessGone } from "./unless-gone.js";

/** Bytes that are copied at a time. */
const PIECE = 2 ** 24;

/**
 * Fills `target` with the block that is saved under `handle`.
 *
 * @param signal nothing is written to `target` after it was aborted
 * @returns false if it is in another region, or is not saved any more
 */
export async function copyFromRegion(
	region: Region,
	handle: string,
	target: Uint8Array,
	signal: AbortSignal,
): Promise<boolean> {
	const block = isIn(region, handle) ? loadFrom(region, handle) : undefined;
	return block !== undefined && block.length === target.length && copy(block, target, signal);
}

function isIn(region: Region, handle: string): boolean {
	const of = unlessGone(() => decodeHandle(handle).region);
	const [low, high] = region.lookWith(identityOf);
	return of !== undefined && of[0] === low && of[1] === high;
}

function loadFrom(region: Region, handle: string): Block | undefined {
	const value = unlessGone(() => region.load(handle));
	return value?.kind === "block" ? value : undefined;
}

async function copy(block: Block, target: Uint8Array, signal: AbortSignal): Promise<boolean> {
	for (let at = 0; at < target.length && !signal.aborted; at += PIECE) {
		const bytes = unlessGone(() => block.bytes);
		if (bytes === undefined) return false;
		target.set(bytes.subarray(at, at + PIECE), at);
		if (at + PIECE < target.length) await setImmediate();
	}
	fence();
	return unlessGone(() => block.bytes) !== undefined && !signal.aborted;
}
