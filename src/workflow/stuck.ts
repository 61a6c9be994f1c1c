/**
 * Finds links that can't continue: cycles of full links, in which every producer waits for the next task to
 * receive, and tasks that wait for a task that has finished.
 */
import { isFull } from "../errors.js";
import type { Region } from "../region.js";
import { linkState } from "./link-state.js";
import { type Link, parseLinkName } from "./links.js";

/** Milliseconds without any progress before a link counts as stuck, since a task may simply work for long. */
const STILL = 5000;

/** The state of a link at one moment. */
export interface LinkSnapshot {
	readonly name: string;
	readonly from: string;
	readonly to: string;
	/** The size of the queue in bytes; with a policy that drops the oldest message, in messages. */
	readonly capacity: number;
	/** Numbers of messages, modulo 2^32. */
	readonly sent: number;
	readonly received: number;
	readonly dropped: number;
	/** The number of messages that were sent and neither released nor dropped. */
	readonly depth: number;
	/** The number of bytes that were sent, blocks included. */
	readonly bytes: number;
	/** The numbers of sends and receives that wait for the other side; 0 for a task that is not running. */
	readonly sending: number;
	readonly receiving: number;
	/** True when the last stream has ended and the consumer has read its end. */
	readonly ended?: boolean;
}

/** Reads the state of all links of a region, which it finds by the names of their queues. */
export function readLinks(region: Region, { queues } = region.activity()): LinkSnapshot[] {
	return queues.flatMap((queue) => {
		const link = parseLinkName(queue.name);
		if (link === undefined) return [];
		const { bytes, sending, receiving } = stateOf(region, link);
		return [
			{
				...queue,
				from: link.from.task,
				to: link.to.task,
				bytes,
				// The counts that the two tasks noted are outdated after a task has died, and until a task has
				// noticed what arrived.
				sending: queue.producerWaits ? sending : 0,
				receiving: queue.consumerWaits ? receiving : 0,
				ended: queue.ended !== 0 && queue.drained,
			},
		];
	});
}

/**
 * Reads the counts that the link's two tasks have noted; zeros if the region was too full to note anything.
 */
function stateOf(region: Region, link: Pick<Link, "from" | "to">) {
	try {
		const { bytes, sending, receiving } = linkState(region, link);
		return { bytes, sending, receiving };
	} catch (error) {
		if (isFull(error)) return { bytes: 0, sending: 0, receiving: 0 };
		throw error;
	}
}

type Waiting = "sending" | "receiving";

/** Follows the links over time, and reports those that have been stuck for long. */
export class StuckLinks {
	/** For each link that a task waits for: its counts at its last progress, and the time of it. */
	readonly #still = new Map<string, { sent: number; received: number; since: number }>();
	/** The same for every link, whether or not a task waits for it. */
	readonly #moved = new Map<string, { sent: number; received: number; since: number }>();
	readonly #told = new Set<string>();

	/**
	 * Returns a message for each link or cycle that is found to be stuck, but each message only once.
	 *
	 * @param finished tasks that have ended and are not restarted
	 */
	update(links: readonly LinkSnapshot[], now: number, finished: ReadonlySet<string> = new Set()): string[] {
		const sending = links.filter((link) => this.#stillFor(link, "sending", now) >= STILL);
		const receiving = links.filter((link) => this.#stillFor(link, "receiving", now) >= STILL);
		const cycle = findCycle(sending);
		const quiet = new Set(links.filter((link) => this.#isQuiet(link, now)));
		const inVain = links.filter((link) => link.receiving > 0 && waitsInVain(link, links, quiet, finished));
		const found = [
			...(cycle.length === 0 ? [] : [describeCycle(cycle)]),
			...sending.filter(({ to }) => finished.has(to)).map(describeUnread),
			// As soon as one of them has waited for long, all of them are named.
			...(inVain.some((link) => receiving.includes(link)) ? inVain : []).map(describeEndless),
		];
		const news = found.filter((text) => !this.#told.has(text));
		for (const text of news) this.#told.add(text);
		return news;
	}

	/** True if a link has ended, or has had no progress for long. */
	#isQuiet({ name, sent, received, ended }: LinkSnapshot, now: number): boolean {
		const last = this.#moved.get(name);
		if (last === undefined || last.sent !== sent || last.received !== received) {
			this.#moved.set(name, { sent, received, since: now });
			return ended === true;
		}
		return ended === true || now - last.since >= STILL;
	}

	/** Returns for how many milliseconds a task has waited without progress; 0 if none waits. */
	#stillFor(link: LinkSnapshot, what: Waiting, now: number): number {
		const key = `${what} ${link.name}`;
		const { sent, received } = link;
		const last = this.#still.get(key);
		if (link[what] > 0 && last?.sent === sent && last.received === received) return now - last.since;
		this.#still.set(key, { sent, received, since: now });
		return 0;
	}
}

/**
 * True if the receiver can get messages only from tasks that have finished. On a link where the receiver does
 * not wait at this moment, it may be working on the last message and ask for the next one soon, so such a
 * link counts only when it is quiet.
 */
function waitsInVain(
	{ to }: LinkSnapshot,
	links: readonly LinkSnapshot[],
	quiet: ReadonlySet<LinkSnapshot>,
	finished: ReadonlySet<string>,
): boolean {
	return links.every(
		(link) => link.to !== to || finished.has(link.from) || (link.receiving === 0 && quiet.has(link)),
	);
}

function describeUnread({ name, from, to, capacity }: LinkSnapshot): string {
	return (
		`${from} waits for room in ${name} (capacity ${capacity} bytes), but ${to} has finished without receiving all ` +
		`messages: let ${to} receive until the end, or choose a policy that never waits (latest, drop-oldest)`
	);
}

function describeEndless({ name, from, to, ended }: LinkSnapshot): string {
	if (ended === true) {
		return (
			`${to} waits for another stream of ${name}, but ${from} has ended its stream and finished: ` +
			"let both tasks restart, or neither"
		);
	}
	return (
		`${to} waits for a message of ${name}, but ${from} has finished without ending that stream: ` +
		`let ${from} call end() on each output when everything is sent`
	);
}

/**
 * Returns links that form a cycle: each leads to the task where the next one starts. Returns none if there is
 * no cycle.
 */
export function findCycle<L extends Pick<LinkSnapshot, "from" | "to">>(links: readonly L[]): L[] {
	const done = new Set<string>();
	const search = (task: string, path: L[]): L[] => {
		const start = path.findIndex(({ from }) => from === task);
		if (start >= 0) return path.slice(start);
		if (done.has(task)) return [];
		for (const link of links) {
			if (link.from !== task) continue;
			const cycle = search(link.to, [...path, link]);
			if (cycle.length > 0) return cycle;
		}
		done.add(task);
		return [];
	};
	for (const { from } of links) {
		const cycle = search(from, []);
		if (cycle.length > 0) return cycle;
	}
	return [];
}

function describeCycle(cycle: readonly LinkSnapshot[]): string {
	const links = cycle.map(({ name, capacity }) => `${name} (capacity ${capacity} bytes)`).join(", ");
	const tasks = [...cycle.map(({ from }) => from), cycle[0]?.from].join(" → ");
	return (
		`deadlock: ${tasks}. Each of these tasks waits for the next one to receive, and their links are full: ${links}. ` +
		"Give one link a larger capacity or a policy that never waits (latest, drop-oldest), or let a task receive " +
		"while it sends"
	);
}
