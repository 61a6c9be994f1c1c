/** Lets a task check periodically whether the workflow's runner still lives, and whether tasks seem to be stuck. */
import { performance } from "node:perf_hooks";
import { clearInterval, setInterval } from "node:timers";
import { DhmemError } from "../errors.js";
import { publish } from "../events.js";
import type { Activity, RegionStats } from "../inspect/stats.js";
import type { Region } from "../region.js";
import { readLinks, StuckLinks } from "./stuck.js";

/** Milliseconds between checks. */
const INTERVAL = 500;

export interface WatchOptions {
	/** The label of the participant that runs the workflow; undefined if the task was started by hand. */
	runner: string | undefined;
	/** Looks for another reason to end all waits of the task. */
	findFault(activity: Activity): DhmemError | undefined;
	/** Called once, when the runner is gone or a fault was found. */
	onEnd(reason: DhmemError): void;
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
			const reason = this.#isRunnerGone(activity)
				? runnerGone(this.#region.path)
				: this.#options.findFault(activity);
			if (reason !== undefined) {
				this.stop();
				this.#options.onEnd(reason);
			} else {
				const links = readLinks(this.#region, activity);
				for (const message of this.#stuck.update(links, performance.now())) this.#tell(message);
			}
		} catch (error) {
			// The region is closed or corrupted. The next call that uses it throws.
			if (!(error instanceof DhmemError)) throw error;
			this.stop();
		}
	}

	#tell(message: string): void {
		publish("dhmem:stuck", () => ({ path: this.#region.path, message }));
		// A runner says it once for all tasks.
		if (this.#options.runner === undefined) this.#options.onStuck(message);
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
