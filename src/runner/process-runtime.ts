/** Runs tasks as processes on this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { directoryOf } from "../attachment/region-options.js";
import { DhmemError } from "../errors.js";
import { Region } from "../region.js";
import type { Ending, Placement, RunningTask, Runtime } from "./runtime.js";
import type { TaskSpec, Workflow } from "./workflow-file.js";

const PERMISSIONS = 0o600;
/** Milliseconds for which child processes may keep a task's output open after the task has ended. */
const OUTPUT_GRACE = 1000;

export class ProcessRuntime implements Runtime {
	readonly #workflow: Workflow;

	/** @throws DHMEM_BAD_ARGUMENT for a task without a command */
	constructor(workflow: Workflow) {
		for (const { name, command } of workflow.tasks) {
			if (command !== undefined) continue;
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`task ${name} has no command, but a process needs one; add a command, or use --runtime podman`,
			);
		}
		this.#workflow = workflow;
	}

	prepare(): Placement {
		// Listing removes the regions of killed runs.
		Region.list();
		const permissions = this.#workflow.region.permissions ?? PERMISSIONS;
		// Absolute, because tasks may have other working folders.
		const directory = resolve(directoryOf({}));
		return { directory, inside: directory, permissions, remove: () => {} };
	}

	start(task: TaskSpec, environment: Readonly<Record<string, string>>): RunningTask {
		const [program = "", ...args] = task.command ?? [];
		return runChild(program, args, {
			cwd: resolve(this.#workflow.folder, task.directory ?? "."),
			env: withCommand({ ...process.env, ...task.environment, ...environment }),
		});
	}
}

/** The folder with an executable file `dhmem`. In a clone, `dist` has none. */
const COMMAND_FOLDER = fileURLToPath(new URL("../../../bin", import.meta.url));
/** The folders that the system searches if PATH is not set. */
const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Returns an environment in which `dhmem` is the runner's own command, executed by the runner's Node. */
function withCommand(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
	return { ...env, PATH: `${COMMAND_FOLDER}:${env.PATH ?? USUAL_PATH}`, DHMEM_NODE: process.execPath };
}

/**
 * Starts a program as the leader of its own process group. So a signal reaches every process of a pipeline,
 * and Ctrl-C in the terminal reaches only the runner. When the leader has ended, the rest of the group is
 * killed. A process that has left the group, such as a daemon, is not killed, and its output is not awaited.
 */
export function runChild(
	program: string,
	args: readonly string[],
	options: { cwd: string; env: NodeJS.ProcessEnv },
): RunningTask {
	let child: ChildProcess;
	try {
		child = spawn(program, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
	} catch (error) {
		const reason = whyNot(error, program, options.cwd);
		const ended = Promise.resolve<Ending>({ kind: "not started", reason });
		return { stdout: Readable.from([]), stderr: Readable.from([]), ended, kill: () => {} };
	}
	// The streams are missing if there were no file descriptors left to start the child.
	const stdout = child.stdout ?? Readable.from([]);
	const stderr = child.stderr ?? Readable.from([]);
	const ended = new Promise<Ending>((settle) => {
		child.once("error", (error) => {
			if (child.pid === undefined)
				settle({ kind: "not started", reason: whyNot(error, program, options.cwd) });
		});
		child.once("exit", () => {
			killGroup(child, "SIGKILL");
			const checks = setInterval(() => closeWhenDrained([stdout, stderr]), OUTPUT_GRACE);
			child.once("close", () => clearInterval(checks));
		});
		child.once("close", (code, signal) => {
			if (child.pid === undefined) return;
			settle(signal === null ? { kind: "exit", code: code ?? 1 } : { kind: "signal", signal });
		});
	});
	const kill = (signal: NodeJS.Signals) => {
		killGroup(child, signal);
		// The rest of the output may have no reader.
		if (signal === "SIGKILL") for (const stream of [stdout, stderr]) stream.destroy();
	};
	return { stdout, stderr, ended, kill };
}

/**
 * Closes streams after their current contents were read. The event loop reads them before it calls this
 * `setImmediate`. A paused stream stays open, because it waits until the runner's own output is read.
 */
function closeWhenDrained(streams: readonly Readable[]): void {
	const flowing = streams.filter((stream) => !stream.isPaused());
	setImmediate(() => {
		for (const stream of flowing) if (!stream.isPaused()) stream.destroy();
	});
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
	if (pid === undefined) return;
	try {
		process.kill(-pid, signal);
	} catch {
		// The whole group is gone already.
	}
}

function whyNot(error: unknown, program: string, folder: string): string {
	if (!isFolder(folder)) return `there is no folder ${folder}`;
	if (program === "") return "its command is empty";
	if (!(error instanceof Error)) return String(error);
	return "code" in error && error.code === "ENOENT" ? `there is no program ${program}` : error.message;
}

function isFolder(path: string): boolean {
	try {
		return statSync(path).isDirectory();
	} catch {
		return false;
	}
}
