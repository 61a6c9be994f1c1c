/**
 * Both tasks of a link must use the same transport. Otherwise each would wait for the other for ever. So each
 * notes what carries the link for it, and looks at the other's note while that one is alive.
 */
import { DhmemError } from "../errors.js";
import type { Activity } from "../inspect/stats.js";
import type { Region } from "../region.js";
import { type LinkState, linkState } from "./link-state.js";
import { type Carrier, carriers, type Link, type LocalLink, linkName } from "./links.js";

export class Agreement {
	readonly #region: Region;
	readonly #task: string;
	/** Links whose endpoint here is open. */
	readonly #open = new Map<Link, LinkState>();

	/** @param links those of the task; what its predecessor has noted is cleared */
	constructor(region: Region, task: string, links: readonly LocalLink[]) {
		this.#region = region;
		this.#task = task;
		const known = new Set(region.entries().map(({ name }) => name));
		for (const { link } of links)
			if (known.has(`${linkName(link)}#`)) linkState(region, link)[this.#side(link)] = 0;
	}

	#side(link: Link): "from" | "to" {
		return link.from.task === this.#task ? "from" : "to";
	}

	/** Notes what carries a link whose endpoint is open now. */
	note(link: Link): void {
		const state = linkState(this.#region, link);
		state[this.#side(link)] = numberOf(link.transport);
		this.#open.set(link, state);
	}

	/** The error if the other side of an open link uses another transport; undefined if all agree. */
	check({ participants }: Pick<Activity, "participants">): DhmemError | undefined {
		for (const [link, state] of this.#open) {
			const side = this.#side(link) === "from" ? "to" : "from";
			const theirs = state[side];
			if (theirs === 0 || theirs === numberOf(link.transport)) continue;
			const { task } = link[side];
			if (!participants.some(({ label, alive }) => alive && label === task)) continue;
			return new DhmemError(
				"DHMEM_TYPE_MISMATCH",
				`${linkName(link)} communicates by ${link.transport} for this task, and by ${carriers[theirs - 1]} for ${task}; ` +
					"give both the same DHMEM_TRANSPORT, or the same transport in DHMEM_LINKS",
			);
		}
		return undefined;
	}

	/** Before the region is closed. */
	leave(): void {
		for (const [link, state] of this.#open) state[this.#side(link)] = 0;
		this.#open.clear();
	}
}

/** What is noted; 0 stands for an endpoint that is not open. */
function numberOf(transport: Carrier = "shm"): number {
	return carriers.indexOf(transport) + 1;
}
