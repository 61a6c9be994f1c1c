/**
 * Finds tasks that wait only for each other, or for tasks that have finished. If such tasks do nothing else, they
 * never continue. But nobody outside can know that: a timer, a connection or a child process may make one of them
 * continue. So this names them, and proves nothing.
 */
import { isFull } from "../errors.js";
import type { Activity } from "../inspect/stats.js";
import type { Region } from "../region.js";
import type { LinkSnapshot } from "./link-snapshot.js";
import { linkState } from "./link-state.js";
import { type Link, parseLinkName } from "./links.js";
import { readNatsLinks } from "./nats/notes.js";

export type { LinkSnapshot } from "./link-snapshot.js";

/** Milliseconds without any progress before waits are named, since a task may simply work for long. */
const STILL = 5000;

/** Reads the state of all links of a region, which it finds by the names of their queues and notes. */
export function readLinks(region: Region, { queues, participants } = region.activity()): LinkSnapshot[] {
	return [...readMemoryLinks(region, queues), ...readNatsLinks(region, participants)];
}

function readMemoryLinks(region: Region, queues: Activity["queues"]): LinkSnapshot[] {
	return queues.flatMap((queue) => {
		const link = parseLinkName(queue.name);
		if (link === undefined) return [];
		const { bytes, sending, receiving, polling } = stateOf(region, link);
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
				polling: queue.consumerWaits ? polling : 0,
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
		const { bytes, sending, receiving, polling } = linkState(region, link);
		return { bytes, sending, receiving, polling };
	} catch (error) {
		if (isFull(error)) return { bytes: 0, sending: 0, receiving: 0, polling: 0 };
		throw error;
	}
}

/** A task waits for another one, which may have finished. */
interface Wait {
	readonly task: string;
	readonly on: string;
	readonly link: LinkSnapshot;
	/** True if it waits for room, false if it waits for a message. */
	readonly sends: boolean;
}

/** Follows the links over time. */
export class StuckLinks {
	/** For each link, what it looked like when something last happened there, and when that was. */
	readonly #still = new Map<string, { looks: string; since: number }>();
	readonly #told = new Set<string>();

	/**
	 * Returns a message for each circle of waits and each wait for a finished task that is found, but each message
	 * only once.
	 *
	 * @param finished tasks that have ended and are not restarted
	 */
	update(links: readonly LinkSnapshot[], now: number, finished: ReadonlySet<string> = new Set()): string[] {
		const moving = links.filter((link) => this.#stillFor(link, now) < STILL);
		const active = new Set(moving.flatMap(({ from, to }) => [from, to]));
		const waits = closedIn(
			links.flatMap(waitsAt).filter(({ task }) => !active.has(task)),
			finished,
		);
		const found = [...waits.filter(({ on }) => finished.has(on)).map(describeFinished), ...circlesOf(waits)];
		const news = found.filter((text) => !this.#told.has(text));
		for (const text of news) this.#told.add(text);
		return news;
	}

	/** Returns for how many milliseconds nothing has happened on a link. A task that polls it continues by itself. */
	#stillFor({ name, sent, received, sending, receiving, polling }: LinkSnapshot, now: number): number {
		const looks = `${sent} ${received} ${sending > 0} ${receiving > 0}`;
		const last = this.#still.get(name);
		if (polling === 0 && last?.looks === looks) return now - last.since;
		this.#still.set(name, { looks, since: now });
		return 0;
	}
}

function waitsAt(link: LinkSnapshot): Wait[] {
	const { from, to, sending, receiving } = link;
	return [
		...(sending > 0 ? [{ task: from, on: to, link, sends: true }] : []),
		...(receiving > 0 ? [{ task: to, on: from, link, sends: false }] : []),
	];
}

/**
 * Returns the largest set of waits that no task outside of it can end. A task continues when any of its waits ends, so
 * it is left out as soon as one of them is for a task that is neither left in the set nor finished.
 */
function closedIn(waits: readonly Wait[], finished: ReadonlySet<string>): readonly Wait[] {
	const waiting = new Set(waits.map(({ task }) => task));
	const free = waits.filter(({ on }) => !waiting.has(on) && !finished.has(on)).map(({ task }) => task);
	if (free.length === 0) return waits;
	return closedIn(
		waits.filter(({ task }) => !free.includes(task)),
		finished,
	);
}

/**
 * Describes the circles of waits in which, or before which, a task waits for room. A circle in which all wait for
 * messages is no sign of a fault: that is how services look that are idle.
 */
function circlesOf(waits: readonly Wait[]): string[] {
	const circles: Wait[][] = [];
	for (const wait of waits) {
		if (!wait.sends || circles.some((circle) => circle.some(({ task }) => task === wait.task))) continue;
		const circle = circleFrom(wait, waits);
		if (circle !== undefined) circles.push(circle);
	}
	return circles.map(describeCycle);
}

/** Follows the waits until they come back to a task. Undefined if they lead to a finished task. */
function circleFrom(first: Wait, waits: readonly Wait[]): Wait[] | undefined {
	const path = [first];
	for (let { on } = first; !path.some(({ task }) => task === on); ) {
		const next = waits.find((wait) => wait.task === on && waits.some(({ task }) => task === wait.on));
		if (next === undefined) return undefined;
		path.push(next);
		on = next.on;
	}
	return path;
}

function describeCycle(circle: readonly Wait[]): string {
	const tasks = [...circle.map(({ task }) => task), circle.at(-1)?.on].join(" → ");
	return (
		`deadlock: ${tasks}. ${circle.map(describeWait).join("; ")}. ` +
		"Give one link a larger capacity or a policy that never waits (latest, drop-oldest), or let a task receive " +
		"while it sends"
	);
}

function describeWait({ task, link: { name, capacity }, sends }: Wait): string {
	return sends
		? `${task} waits for room in ${name} (capacity ${capacity} bytes)`
		: `${task} waits for a message of ${name}`;
}

function describeFinished(wait: Wait): string {
	const { task, on, link, sends } = wait;
	if (sends) {
		return (
			`${describeWait(wait)}, but ${on} has finished without receiving all messages: let ${on} receive until the ` +
			"end, or choose a policy that never waits (latest, drop-oldest)"
		);
	}
	if (link.ended === true) {
		return (
			`${task} waits for another stream of ${link.name}, but ${on} has ended its stream and finished: ` +
			"let both tasks restart, or neither"
		);
	}
	return (
		`${describeWait(wait)}, but ${on} has finished without ending that stream: let ${on} call end() on each output ` +
		"when everything is sent"
	);
}
