/**
 * Notes of a link's two tasks, in the region that they share with the runner: for the runner, the statistics and
 * restarted tasks. The server needs none of them.
 */
import type { Region } from "../../region.js";
import type { Struct } from "../../values/schema.js";
import type { LinkSnapshot } from "../link-snapshot.js";
import { type Link, linkName, parseLinkName } from "../links.js";

const SUFFIX = "#nats";

const fields = {
	created: "f64",
	ended: "f64",
	written: "f64",
	read: "f64",
	again: "f64",
	bytes: "f64",
	capacity: "f64",
	sent: "u32",
	received: "u32",
	dropped: "u32",
	sending: "u32",
	receiving: "u32",
	polling: "u32",
} as const;

/**
 * - `created`: when the stream was created. Positions in another stream mean nothing.
 * - The sender writes `ended`, the position of the last end that it has written; and `sent`, `dropped`, `bytes`,
 * `capacity`. `sending` counts the sends without a limit of their own while the server has no room; a server
 * that does not answer is not a reason to stop the run.
 * - The receiver writes `again`, the position of the last end that it has read; `received`, the messages
 * released; `receiving` and `polling`, as in `LinkState`.
 * - `written` and `read`: the ends that successful runs of the two tasks have written and read.
 */
export type Notes = Struct<typeof fields>;

export function notesOf(region: Region, link: Pick<Link, "from" | "to">): Notes {
	return region.struct(`${linkName(link)}${SUFFIX}`, fields);
}

/** Forgets the positions of another stream. */
export function checkStream(notes: Notes, created: string): void {
	const time = Date.parse(created);
	if (notes.created === time) return;
	notes.ended = 0;
	notes.written = 0;
	notes.read = 0;
	notes.again = 0;
	notes.created = time;
}

/** Notes that a run of the task has finished successfully. */
export function completeNatsRun(region: Region, task: string, link: Link): void {
	const notes = notesOf(region, link);
	if (link.from.task === task) notes.written = notes.ended;
	if (link.to.task === task) notes.read = notes.again;
}

/** The state of the links of a region that use NATS. */
export function readNatsLinks(
	region: Region,
	participants: readonly { label: string; alive: boolean }[],
): LinkSnapshot[] {
	const isAlive = (task: string) => participants.some(({ label, alive }) => alive && label === task);
	return region.entries().flatMap(({ name }) => {
		if (!name.endsWith(SUFFIX)) return [];
		const link = parseLinkName(name.slice(0, -SUFFIX.length));
		return link === undefined ? [] : [snapshotOf(region, link, isAlive)];
	});
}

function snapshotOf(
	region: Region,
	link: Pick<Link, "from" | "to">,
	isAlive: (task: string) => boolean,
): LinkSnapshot {
	const { sent, received, dropped, bytes, capacity, sending, receiving, polling, ended, again } = notesOf(
		region,
		link,
	);
	// A message may be dropped while the receiver has it, and then be released as well.
	const depth = Math.max((sent - received - dropped) | 0, 0);
	// A task that died leaves its counts. What is on its way to a task ends its wait.
	const waits = isAlive(link.to.task) && depth === 0;
	return {
		name: linkName(link),
		from: link.from.task,
		to: link.to.task,
		capacity,
		sent,
		received,
		dropped,
		depth,
		bytes,
		sending: isAlive(link.from.task) ? sending : 0,
		receiving: waits ? receiving : 0,
		polling: waits ? polling : 0,
		ended: ended !== 0 && again === ended,
	};
}
