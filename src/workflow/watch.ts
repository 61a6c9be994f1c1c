/** Lets a task check periodically whether the workflow's runner still lives, and whether links are stuck. */
import { performance } from "node:perf_hooks";
import { clearInterval, setInterval } from "node:timers";
import { DhmemError } from "../errors.js";
import type { RegionStats } from "../inspect/stats.js";
import type { Region } from "../region.js";
import { readLinks, StuckLinks } from "./stuck.js";

/** Milliseconds between checks. */
const INTERVAL = 500;

export interface WatchOptions {
	/** The label of the participant that runs the workflow; undefined if the task was started by hand. */
	runner: string | undefined;
	onRunnerGone(reason: DhmemError): void;
	onStuck(message: string): void;
}

export class Watch {
	readonly #region: Region;
	readonly #options: WatchOptions;
	readonly #stuck = new StuckLinks();
	readonly #timer: NodeJS.Timeout;

	constructor(region: Region, options: WatchOptions) {
		this.#region = region;
		this.#options = options;
		// It does not keep the process alive.
		this.#timer = setInterval(() => this.#check(), INTERVAL).unref();
	}

	#check(): void {
		try {
			const activity = this.#region.activity();
			if (this.#isRunnerGone(activity)) {
				this.stop();
				this.#options.onRunnerGone(runnerGone(this.#region.path));
			} else {
				const links = readLinks(this.#region, activity);
				for (const message of this.#stuck.update(links, performance.now())) this.#options.onStuck(message);
			}
		} catch (error) {
			// The region is closed or corrupted. The next call that uses it throws.
			if (!(error instanceof DhmemError)) throw error;
			this.stop();
		}
	}

	#isRunnerGone({ participants }: Pick<RegionStats, "participants">): boolean {
		const { runner } = this.#options;
		if (runner === undefined) return false;
		return !participants.some(({ label, alive }) => alive && label === runner);
	}

	stop(): void {
		clearInterval(this.#timer);
	}
}

function runnerGone(path: string): DhmemError {
	return new DhmemError(
		"DHMEM_PEER_GONE",
		`The \`dhmem run\` that started this task is gone (was it killed?), so no task will be restarted, and ${path} ` +
			`will not be removed; run the workflow again`,
	);
}
