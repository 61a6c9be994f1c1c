/** What a receiver says when its region has no room for a message: the blocks that the keeper of the same region has must go. */
import { identityOf } from "../../../handles/reserved-handle.js";
import type { Region } from "../../../region.js";

export function encodeFull(region: Region, bytes: number): string {
	return `full ${nameOf(region)} ${bytes}`;
}

/** The bytes that a receiver in this region needs; 0 for what says something else. */
export function decodeFull(text: string, region: Region): number {
	const [word, name, bytes] = text.split(" ");
	return word === "full" && name === nameOf(region) ? Number(bytes) || 0 : 0;
}

/** Distinguishes a region from all others, on whatever machine. */
function nameOf(region: Region): string {
	return region.lookWith(identityOf).join("-");
}
