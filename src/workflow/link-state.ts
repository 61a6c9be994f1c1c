/** What a link's two endpoints say about themselves, for who watches the workflow; the queue works without it. */
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
 * `bytes`: sent so far, blocks included. `sending`, `receiving`: calls that have not settled. The producer writes
 * `bytes` and `sending`, the consumer `receiving`, and each only those, so none is lost. `read`,
 * `written`: the last stream whose end was read, or written, by a run of the task that finished well (`completion.ts`).
 * `again`: 1 while a run of the task has read an end and not finished well; the next run sees that end.
 */
export type LinkState = Struct<typeof fields>;

export function linkState(region: Region, link: Pick<Link, "from" | "to">): LinkState {
	return region.struct(`${linkName(link)}#`, fields);
}
