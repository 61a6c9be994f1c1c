/** The library that counts the system calls of the shim, see `steps.c`. */
import { execFileSync } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";

/** What happens at a step: nothing, the process ends right before or after it or stops before it, or it fails. */
export type Mode = "count" | "kill-before" | "kill-after" | "fail-once" | "fail-always" | "stop";

export interface Steps {
	/** From now on steps are counted; at the one with this number, from 1, `mode` happens. */
	arm(mode: Mode, step: number, errno: number, hasTmpfile: boolean): void;
	/** Stops counting. Returns the names of the steps. */
	disarm(): string[];
	/** Copies this process, and returns the copy's process id; 0 in the copy, which has only this thread. */
	fork(): number;
	/** Waits until a copy has ended or stopped. Returns its status as `waitpid` gives it. */
	wait(pid: number): number;
	/** Ends this process: by SIGKILL, or by exiting. */
	die(): never;
	exit(): never;
}

const require = createRequire(import.meta.url);
const { include_dir: headers } = require("node-api-headers") as { include_dir: string };
/** Where the sources are that are compiled when they are needed. */
export const SOURCES = join(import.meta.dirname, "../../../test/host-steps");
const sources = ["steps.c", "counting.c"].map((name) => join(SOURCES, name));

/** Compiles it into a folder, and returns where it is. */
export function buildSteps(into: string): string {
	const library = join(into, "steps.node");
	const flags = ["-std=gnu11", "-g", "-fPIC", "-shared", "-pthread", "-Wall", "-Wextra", "-Werror"];
	execFileSync(process.env.CC ?? "cc", [...flags, `-I${headers}`, ...sources, "-o", library, "-ldl"]);
	return library;
}

/** Loads it in a process that has preloaded it before the C library. */
export function loadSteps(library: string): Steps {
	return require(library) as Steps;
}
