/** The three tables of `dhmem top`: regions, queues and participants, as rows of cells. */
import type { Wait, WatchedParticipant, WatchedQueue } from "../inspect/contents.js";
import { type QueueRates, rateKey } from "../inspect/rates.js";
import type { ReadRegion, Snapshot, WatchedRegion } from "../inspect/watcher.js";
import { formatCount } from "../terminal/format-count.js";
import { formatSize } from "../terminal/format-size.js";
import { type Cell, figure } from "../terminal/table.js";
import type { Sort, State } from "./state.js";

/** What is shown: the newest snapshot, and the rates since the one before. */
export interface Picture {
	readonly snapshot: Snapshot;
	readonly rates: ReadonlyMap<string, QueueRates>;
}

export interface Section {
	readonly title: "regions" | "queues" | "participants";
	readonly head: readonly string[];
	readonly rows: readonly (readonly Cell[])[];
}

interface Row {
	readonly cells: readonly Cell[];
	/** A row is shown if one of these texts contains the filter. */
	readonly texts: readonly string[];
	/** For the orders "busy" and "full": larger numbers come first. */
	readonly busy: number;
	readonly full: number;
}

export function sectionsOf({ snapshot, rates }: Picture, { sort, filter }: State): Section[] {
	const read = snapshot.regions.filter((region) => region.error === undefined);
	// The names of queues need the room, and there is only one region that they can be in.
	const isAlone = snapshot.regions.length === 1;
	const section = (title: Section["title"], head: readonly string[], rows: Row[]): Section => {
		const shown = <T>(cells: readonly T[]) =>
			isAlone && title !== "regions" ? cells.filter((_, column) => head[column] !== "region") : cells;
		return { title, head: shown(head), rows: chosen(rows, filter, sort).map(({ cells }) => shown(cells)) };
	};
	return [
		section(
			"regions",
			["region", "used", "committed", "trimmable", "size", "alive", "dead", "queues", "sent/s"],
			snapshot.regions.map((region) => regionRow(region, rates)),
		),
		section(
			"queues",
			[
				...["queue", "region", "depth", "full", "sent/s", "recv/s", "drop/s"],
				"producer",
				"consumer",
				"carries",
			],
			read.flatMap((region) => region.queues.map((queue) => queueRow(region, queue, rates))),
		),
		section(
			"participants",
			["participant", "region", "", "waits for"],
			read.flatMap((region) => region.participants.map((each) => participantRow(region, each))),
		),
	];
}

/** The rows that contain the filter, in the order that was chosen. Rows that are equal in it stay in order. */
function chosen(rows: readonly Row[], filter: string, sort: Sort): Row[] {
	const wanted = filter.toLowerCase();
	const shown = rows.filter(({ texts }) => texts.some((text) => text.toLowerCase().includes(wanted)));
	if (sort === "name") return shown;
	return shown.sort((a, b) => b[sort] - a[sort]);
}

function regionRow(region: WatchedRegion, rates: Picture["rates"]): Row {
	if (region.error !== undefined) {
		const cells: Cell[] = [region.name, { text: region.error.text, style: "red" }];
		return { cells, texts: [region.name], busy: 0, full: 0 };
	}
	const { name, used, committed, trimmable, size, participants, queues } = region;
	const dead = participants.filter(({ alive }) => !alive).length;
	const sent = queues.reduce((sum, queue) => sum + (rates.get(rateKey(name, queue.name))?.sent ?? 0), 0);
	return {
		cells: [
			name,
			...[used, committed, trimmable, size].map((bytes) => figure(formatSize(bytes))),
			participants.length - dead,
			figure(String(dead), dead > 0 ? "red" : undefined),
			queues.length,
			figure(formatCount(sent)),
		],
		texts: [name, ...participants.map(({ label }) => label), ...queues.map((queue) => queue.name)],
		busy: sent,
		full: used,
	};
}

/** Queues that are at least this full are marked, unless they drop messages. */
const NEARLY_FULL = 0.9;

function queueRow(region: ReadRegion, queue: WatchedQueue, rates: Picture["rates"]): Row {
	const rate = rates.get(rateKey(region.name, queue.name));
	const full = (queue.policy === "block" ? queue.bytes : queue.depth) / Math.max(queue.capacity, 1);
	const isMarked = queue.policy === "block" && full >= NEARLY_FULL;
	return {
		cells: [
			queue.name,
			region.name,
			queue.depth,
			figure(`${Math.round(full * 100)}%`, isMarked ? "yellow" : undefined),
			...[rate?.sent, rate?.received, rate?.dropped].map((each) => figure(formatCount(each))),
			endpoint(region, queue.producer, queue.ended ? "ended" : "none"),
			endpoint(region, queue.consumer, "none"),
			carries(queue),
		],
		texts: [queue.name, region.name],
		busy: (rate?.sent ?? 0) + (rate?.received ?? 0),
		full,
	};
}

function carries({ kind, record, policy }: WatchedQueue): string {
	if (kind === "records") return `${record ?? "unknown"} records`;
	return policy === "block" ? "messages" : `messages, ${policy}`;
}

/** The participant that holds an endpoint. */
function endpoint(region: ReadRegion, slot: number | null, none: string): Cell {
	if (slot === null) return { text: none, style: "dim" };
	const holder = region.participants.find((each) => each.slot === slot);
	if (holder === undefined) return `slot ${slot}`;
	return holder.alive ? labelOf(holder) : { text: `${labelOf(holder)} (dead)`, style: "red" };
}

/** A label may be empty. */
function labelOf({ label, slot }: WatchedParticipant): string {
	return label === "" ? `slot ${slot}` : label;
}

function participantRow(region: ReadRegion, participant: WatchedParticipant): Row {
	const { alive, label, waits } = participant;
	return {
		cells: [
			labelOf(participant),
			region.name,
			alive ? "" : { text: "dead", style: "red" },
			waits.map((wait) => waitText(region, wait)).join("; "),
		],
		texts: [label, region.name],
		// The dead first, then those that wait.
		busy: alive ? Math.min(waits.length, 1) : 2,
		full: waits.length,
	};
}

/** Says what a participant waits for, and who can end the wait. */
function waitText(region: ReadRegion, { for: what, object, of }: Wait): string {
	const holder = region.participants.find(({ slot }) => slot === of);
	const who = holder === undefined ? undefined : `${labelOf(holder)}${holder.alive ? "" : " (dead)"}`;
	switch (what) {
		case "message":
			return `a message in ${object} ${who === undefined ? "without a producer" : `from ${who}`}`;
		case "room":
			return `room in ${object} ${who === undefined ? "without a consumer" : `from ${who}`}`;
		case "mutex":
			return `the lock of ${object}${who === undefined ? "" : `, held by ${who}`}`;
		case "notification":
			return `a notification of ${object}`;
	}
}
