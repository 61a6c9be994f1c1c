/** Finding what can't go on: links in a circle, all full, each producer waiting for the next task to receive. */
import { isFull } from "../errors.js";
import type { Region } from "../region.js";
import { linkState } from "./link-state.js";
import { type Link, parseLinkName } from "./links.js";

/** Milliseconds for which nothing has to move, so that a task that works for long is not taken for stuck. */
const STILL = 5000;

/** A link, as it looks at a moment. */
export interface LinkSnapshot {
	readonly name: string;
	readonly from: string;
	readonly to: string;
	/** Bytes of the queue; where the oldest is dropped, messages. */
	readonly capacity: number;
	/** Messages. */
	readonly sent: number;
	readonly received: number;
	readonly dropped: number;
	/** Messages that were sent, and neither released nor dropped. */
	readonly depth: number;
	/** Bytes that were sent, blocks included. */
	readonly bytes: number;
	/** Sends, and receives, that wait for what the other side does; none of a task that is not running. */
	readonly sending: number;
	readonly receiving: number;
	/** Whether the last stream has ended, and its end was read. */
	readonly ended?: boolean;
}

/** The links of a region, by their queues. */
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
				// What the ends have noted themselves stays when they die, and while they have not yet seen what came.
				sending: queue.producerWaits ? sending : 0,
				receiving: queue.consumerWaits ? receiving : 0,
				ended: queue.ended !== 0 && queue.drained,
			},
		];
	});
}

/** What the ends of a link have noted; nothing, where the region is too full for them to have noted anything. */
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

/** Looks at the links again and again, and says what has been stuck for long. */
export class StuckLinks {
	/** When each link last moved, and where it was then. */
	readonly #still = new Map<string, { sent: number; received: number; since: number }>();
	/** The same, whether or not anybody waits. */
	readonly #moved = new Map<string, { sent: number; received: number; since: number }>();
	readonly #told = new Set<string>();

	/**
	 * What can't go on, in words; each thing once.
	 *
	 * @param finished tasks that have ended for good
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
			// Once one has waited for long, all are named.
			...(inVain.some((link) => receiving.includes(link)) ? inVain : []).map(describeEndless),
		];
		const news = found.filter((text) => !this.#told.has(text));
		for (const text of news) this.#told.add(text);
		return news;
	}

	/** Whether nothing more comes on a link, or nothing has moved there for long. */
	#isQuiet({ name, sent, received, ended }: LinkSnapshot, now: number): boolean {
		const last = this.#moved.get(name);
		if (last === undefined || last.sent !== sent || last.received !== received) {
			this.#moved.set(name, { sent, received, since: now });
			return ended === true;
		}
		return ended === true || now - last.since >= STILL;
	}

	/** For how long somebody has waited, in milliseconds, with nothing moving; 0 if nobody does. */
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
 * Whether all that the receiver waits for is to come from tasks that have ended. On a link where it does not wait it may
 * be working on the last message, and ask for the next one soon: such a link counts only when it is quiet.
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
		`${from} waits for room in ${name} (capacity ${capacity} bytes), and ${to} has finished without receiving all: ` +
		"receive until the end, or choose a policy that never waits (latest, drop-oldest)"
	);
}

function describeEndless({ name, from, to, ended }: LinkSnapshot): string {
	if (ended === true) {
		return (
			`${to} waits for another stream of ${name}, and ${from}, which has ended one, has finished: ` +
			"let both tasks restart, or neither"
		);
	}
	return (
		`${to} waits for a message of ${name}, and ${from} has finished without ending it: ` +
		`call end() of each output when all is sent`
	);
}

/** Links of which each ends at the task where the next begins, and the last where the first began; none if there is no such circle. */
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
		`deadlock: ${tasks}. Each waits for the next one to receive, and these links are full: ${links}. ` +
		"Give one of them a larger capacity, or a policy that never waits (latest, drop-oldest), or let a task receive " +
		"while it sends"
	);
}
