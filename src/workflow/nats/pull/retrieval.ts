/** What a receiver knows of a block that it has to get, and what becomes of it. */
import type { Region } from "../../../region.js";
import type { Endpoint } from "../endpoint.js";
import type { Reference } from "./reference.js";

export interface Retrieval {
	readonly endpoint: Endpoint;
	/** The region of the receiver. */
	readonly region: Region;
	readonly reference: Reference;
	/** Where the bytes go. */
	readonly target: Uint8Array;
	/** Nothing is written to `target` after it was aborted and the promise has settled. */
	readonly signal: AbortSignal;
	/** True if no connections are made. */
	readonly isPullOff: boolean;
	/** The addresses from which blocks were pulled, or could not be. */
	readonly addresses: Map<string, "reached" | "unreachable">;
}

/** `withdrawn`: the sender has given this send up. */
export type Retrieved = "whole" | "withdrawn" | "closed";
