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
	read: "u32",
	written: "u32",
	again: "u32",
} as const;

/**
 * - `bytes`: bytes sent so far, blocks included; `sending`, `receiving`: pending calls. The producer writes
 * only `bytes`
 *   and `sending`, the consumer only `receiving`, so no update is lost.
 * - `read`, `written`: the last stream whose end was read, or written, by a successful run of the task
 * (`completion.ts`).
 * - `again`: 1 while a run of the task has read an end and has not finished successfully; the next run sees
 * that end.
 */
export type LinkState = Struct<typeof fields>;

export function linkState(region: Region, link: Pick<Link, "from" | "to">): LinkState {
	return region.struct(`${linkName(link)}#`, fields);
}
