/** Looks at the regions when somebody asks, and not more often than is useful. */
import { performance } from "node:perf_hooks";
import type { Trust } from "../host/trust.js";
import { type QueueRates, ratesBetween } from "../inspect/rates.js";
import { type Snapshot, Watcher } from "../inspect/watcher.js";
import { type MemoryCells, memoryCells } from "./memory-cells.js";

/** A snapshot with the rates of its queues since the one before, by `rateKey`. This is what the page polls. */
export interface Report extends Snapshot {
	rates: Record<string, QueueRates>;
}

interface Taken {
	readonly snapshot: Snapshot;
	readonly at: number;
	/** How long it took, in seconds. */
	readonly seconds: number;
}

/** Milliseconds for which a snapshot answers all who ask. */
const FRESH = 200;
/** Milliseconds after which nobody is taken to be watching any more: the regions are closed. */
const IDLE = 10_000;
/** Reading a memory map may take one part in this many of the time. */
const SHARE_OF_MAPS = 20;

export class Sampler {
	readonly #watcher: Watcher;
	#latest: Taken | undefined;
	#rates: Record<string, QueueRates> = {};
	readonly #maps = new Map<string, { cells: MemoryCells; until: number }>();
	#idle: NodeJS.Timeout | undefined;

	constructor(directory: string, trust: Trust) {
		this.#watcher = new Watcher(directory, trust);
	}

	/** @throws as `Watcher.snapshot` */
	report(): Report {
		const { snapshot } = this.sample();
		return { ...snapshot, rates: this.#rates };
	}

	/** A snapshot, and what it took to take it. @throws as `Watcher.snapshot` */
	sample(): Taken {
		this.#stayAwake();
		const before = this.#latest;
		const at = performance.now();
		if (before !== undefined && at - before.at < FRESH) return before;
		const snapshot = this.#watcher.snapshot();
		this.#latest = { snapshot, at, seconds: (performance.now() - at) / 1000 };
		this.#rates = before === undefined ? {} : Object.fromEntries(ratesBetween(before.snapshot, snapshot));
		return this.#latest;
	}

	/** How the memory of a region is used. @throws as `Watcher.memoryMap` */
	memory(name: string): MemoryCells {
		this.#stayAwake();
		const now = performance.now();
		const known = this.#maps.get(name);
		if (known !== undefined && now < known.until) return known.cells;
		for (const [each, { until }] of this.#maps) if (now >= until) this.#maps.delete(each);
		const cells = memoryCells(this.#watcher.memoryMap(name));
		const until = performance.now() + Math.max(FRESH, (performance.now() - now) * SHARE_OF_MAPS);
		this.#maps.set(name, { cells, until });
		return cells;
	}

	close(): void {
		clearTimeout(this.#idle);
		this.#watcher.close();
		this.#latest = undefined;
		this.#rates = {};
		this.#maps.clear();
	}

	#stayAwake(): void {
		clearTimeout(this.#idle);
		this.#idle = setTimeout(() => this.close(), IDLE).unref();
	}
}
