/**
 * Notes of a link's two tasks about themselves, for the runner and the statistics. The queue works without
 * them.
 */
import type { Region } from "../region.js";
import type { Struct } from "../values/schema.js";
import { type Link, linkName } from "./links.js";

const fields = {
	bytes: "f64",
	sending: "u32",
	receiving: "u32",
	polling: "u32",
	written: "u32",
	again: "u32",
	ends: "u32",
	consumers: "u32",
	from: "u32",
	to: "u32",
} as const;

/**
 * - `bytes`: bytes sent so far, blocks included; `sending`, `receiving`: pending calls without a limit of their
 * own (`isLimited`); `polling`: pending receives with one. The producer writes only `bytes` and `sending`, the
 * consumer only `receiving` and `polling`, so no update is lost.
 * - `written`: the last stream that a successful run of the task has ended (`completion.ts`).
 * - `again`: not 0 while a run of the task has read an end and has not finished successfully. It says where in
 * the queue that end was, so that the next run knows whether it is still there; otherwise it sees the end again.
 * - `ends`: how many of the ends that were read from the queue are noted. `consumers`: the queue's count of
 * consumers when the task took the endpoint.
 * - `from`, `to`: what carries the link for its two tasks (`agreement.ts`).
 */
export type LinkState = Struct<typeof fields>;

export function linkState(region: Region, link: Pick<Link, "from" | "to">): LinkState {
	return region.struct(`${linkName(link)}#`, fields);
}
