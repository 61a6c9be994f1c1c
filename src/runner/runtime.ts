/** What runs tasks: processes of this machine, or containers. */
import { constants } from "node:os";
import type { Readable } from "node:stream";
import type { TaskSpec } from "./workflow-file.js";

/** The folder of the region inside a container: in memory there too, and of this name wherever it is outside. */
export const INSIDE = "/dev/shm/dhmem";

/** How a task ended: its exit status, or the signal that ended it; or why it did not start. */
export type Ending =
	| { readonly kind: "exit"; readonly code: number }
	| { readonly kind: "signal"; readonly signal: NodeJS.Signals }
	| { readonly kind: "not started"; readonly reason: string };

/** A task that was started. */
export interface RunningTask {
	readonly stdout: Readable;
	readonly stderr: Readable;
	/** Resolves when the task and all that it has started are gone, and its output was read. */
	readonly ended: Promise<Ending>;
	kill(signal: NodeJS.Signals): void;
}

/** Where the region of a run is. */
export interface Placement {
	/** The folder, as the runner sees it. */
	readonly directory: string;
	/** The folder, as the tasks see it. */
	readonly inside: string;
	/** File mode of the region. */
	readonly permissions: number;
	/** Removes what was made for the run. */
	remove(): void;
}

export interface Runtime {
	/** Makes what a run needs before its region, and removes what killed runs have left. @param run its unique name */
	prepare(run: string): Placement;
	/** @param attempt 0 for the first start, then the number of the restart */
	start(task: TaskSpec, environment: Readonly<Record<string, string>>, attempt: number): RunningTask;
}

/** An ending in words, to stand behind the task's name. */
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
	}
}

/** The signal that an exit status of a shell or a container stands for. */
function signalOf(code: number): string {
	const name = Object.entries(constants.signals).find(([, number]) => number === code - 128)?.[0];
	return name === undefined ? "" : ` (${name})`;
}

/** The exit status that stands for an ending. */
export function statusOf(ending: Ending): number {
	switch (ending.kind) {
		case "exit":
			return ending.code;
		case "signal":
			return 128 + constants.signals[ending.signal];
		case "not started":
			return 127;
	}
}
