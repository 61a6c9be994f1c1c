/** Finding what can't go on: links in a circle, all full, each producer waiting for the next task to receive. */
import type { Region } from "../region.js";
import { linkState } from "./link-state.js";
import { parseLinkName } from "./links.js";

/** Milliseconds for which nothing has to move, so that a task that works for long is not taken for stuck. */
const STILL = 5000;

/** A link, as it looks at a moment. */
export interface LinkSnapshot {
	readonly name: string;
	readonly from: string;
	readonly to: string;
	/** Bytes of the queue. */
	readonly capacity: number;
	readonly sent: number;
	readonly received: number;
	/** Sends that have not settled. */
	readonly sending: number;
}

/** The links of a region, by their queues. */
export function readLinks(region: Region): LinkSnapshot[] {
	return region.stats().queues.flatMap(({ name, capacity, sent, received }) => {
		const link = parseLinkName(name);
		if (link === undefined) return [];
		const sending = linkState(region, link).sending;
		return [{ name, from: link.from.task, to: link.to.task, capacity, sent, received, sending }];
	});
}

/** Looks at the links again and again, and says what has been stuck for long. */
export class StuckLinks {
	/** When each link last moved, and where it was then. */
	readonly #still = new Map<string, { sent: number; received: number; since: number }>();
	#told = "";

	/** What can't go on, in words; each thing once. */
	look(region: Region, now = performance.now()): string[] {
		return this.update(readLinks(region), now);
	}

	update(links: readonly LinkSnapshot[], now: number): string[] {
		const waiting = links.filter((link) => this.#stillFor(link, now) >= STILL);
		const cycle = findCycle(waiting);
		const told = cycle.map(({ name }) => name).join();
		if (told === this.#told) return [];
		this.#told = told;
		return cycle.length === 0 ? [] : [describeCycle(cycle)];
	}

	/** For how long a send has waited, in milliseconds, with nothing moving; 0 if none does. */
	#stillFor({ name, sent, received, sending }: LinkSnapshot, now: number): number {
		const last = this.#still.get(name);
		if (sending > 0 && last?.sent === sent && last.received === received) return now - last.since;
		this.#still.set(name, { sent, received, since: now });
		return 0;
	}
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
