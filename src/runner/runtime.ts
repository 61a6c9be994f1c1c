/** The interface of runtimes, which run tasks as processes or as containers. */
import { constants } from "node:os";
import type { Readable } from "node:stream";
import type { TaskSpec } from "./workflow-file.js";

/** The folder of the region inside a container. It is always mounted at this path, wherever it is outside. */
export const INSIDE = "/dev/shm/dhmem";

/** How a task ended: with an exit status, by a signal, without having started, or not at all. */
export type Ending =
	| { readonly kind: "exit"; readonly code: number }
	| { readonly kind: "signal"; readonly signal: NodeJS.Signals }
	| { readonly kind: "not started"; readonly reason: string }
	| { readonly kind: "out of reach"; readonly process: number };

/** A task that is running. */
export interface RunningTask {
	readonly stdout: Readable;
	readonly stderr: Readable;
	/** Resolves when the task and its child processes are gone, and its output was read. */
	readonly ended: Promise<Ending>;
	kill(signal: NodeJS.Signals): void;
}

/** The location of a run's region. */
export interface Placement {
	/** The folder's path for the runner. */
	readonly directory: string;
	/** The folder's path for the tasks. */
	readonly inside: string;
	/** The file mode of the region. */
	readonly permissions: number;
	/** Removes everything that was created for the run. */
	remove(): void;
}

export interface Runtime {
	/**
	 * Creates what a run needs before its region, and removes leftovers of killed runs.
	 *
	 * @param run its unique name
	 */
	prepare(run: string): Placement;
	/** @param attempt 0 for the first start, then the number of the restart */
	start(task: TaskSpec, environment: Readonly<Record<string, string>>, attempt: number): RunningTask;
}

/** Describes an ending in words that follow the task's name. */
export function describeEnding(ending: Ending): string {
	switch (ending.kind) {
		case "exit":
			return ending.code === 0
				? "has finished"
				: `ended with exit status ${ending.code}${signalOf(ending.code)}`;
		case "signal":
			return `was ended by ${ending.signal}`;
		case "not started":
			return `did not start: ${ending.reason}`;
		case "out of reach":
			return `can't be ended by this user, so it is left running (process ${ending.process})`;
	}
}

/** Names the signal in an exit status of 128 + signal, as shells and container runtimes report it. */
function signalOf(code: number): string {
	const name = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
	return name === undefined ? "" : ` (${name})`;
}

/** Returns the exit status for an ending, as a shell would report it. */
export function statusOf(ending: Ending): number {
	switch (ending.kind) {
		case "exit":
			return ending.code;
		case "signal":
			return 128 + constants.signals[ending.signal];
		case "not started":
			return 127;
		case "out of reach":
			return 1;
	}
}
