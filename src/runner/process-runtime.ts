/** Runs tasks as processes on this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { directoryOf } from "../attachment/region-options.js";
import { DhmemError, errnoOf } from "../errors.js";
import { isRefusal } from "../host/system-error.js";
import { Region } from "../region.js";
import type { Ending, Placement, RunningTask, Runtime } from "./runtime.js";
import type { TaskSpec, Workflow } from "./workflow-file.js";

const PERMISSIONS = 0o600;
/**
 * Milliseconds that child processes of a task have to finish after the task has ended, and then again for what
 * keeps its output open.
 */
const REST_GRACE = 1000;
/** Milliseconds between checks whether the child processes have finished. */
const REST_PAUSE = 10;

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
 * and Ctrl-C in the terminal reaches only the runner. When the leader has ended, the rest of the group has a
 * moment to finish, such as `tee` in `exec > >(tee log)`, which no shell waits for; then it is killed. A process
 * that has left the group, such as a daemon, is not killed, and its output is not awaited.
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
	let outOfReach = (_process: number) => {};
	const ended = new Promise<Ending>((settle) => {
		outOfReach = (process) => settle({ kind: "out of reach", process });
		child.once("error", (error) => {
			if (child.pid === undefined)
				settle({ kind: "not started", reason: whyNot(error, program, options.cwd) });
		});
		child.once("exit", async (code, signal) => {
			const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
			await endRest(child);
			const checks = setInterval(() => closeWhenDrained([stdout, stderr]), REST_GRACE);
			await closed;
			clearInterval(checks);
			settle(signal === null ? { kind: "exit", code: code ?? 1 } : { kind: "signal", signal });
		});
	});
	const kill = (signal: NodeJS.Signals) => {
		const isAllowed = killGroup(child, signal);
		if (signal !== "SIGKILL") return;
		// The rest of the output may have no reader.
		for (const stream of [stdout, stderr]) stream.destroy();
		if (isAllowed || child.pid === undefined) return;
		child.unref();
		outOfReach(child.pid);
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

/** Kills what is left of the group after a moment. Resolves when the group is gone. */
async function endRest(child: ChildProcess): Promise<void> {
	const deadline = performance.now() + REST_GRACE;
	while (isGroupThere(child) && performance.now() < deadline) await sleep(REST_PAUSE);
	killGroup(child, "SIGKILL");
}

function isGroupThere({ pid }: ChildProcess): boolean {
	try {
		return pid !== undefined && process.kill(-pid, 0);
	} catch (error) {
		return isRefusal(error);
	}
}

/** Returns false if this user may not signal any process of the group, such as `sudo`. */
function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): boolean {
	try {
		return pid === undefined || process.kill(-pid, signal);
	} catch (error) {
		// Otherwise the whole group is gone already.
		return !isRefusal(error);
	}
}

function whyNot(error: unknown, program: string, folder: string): string {
	if (!isFolder(folder)) return `there is no folder ${folder}`;
	if (program === "") return "its command is empty";
	if (!(error instanceof Error)) return String(error);
	switch (errnoOf(error)) {
		case "ENOENT":
			return program.includes("/") && existsSync(resolve(folder, program))
				? `${program} is there, but not the program that its first line (#!) names, or not its loader`
				: `there is no program ${program}`;
		case "E2BIG":
			return (
				"its command or one of its variables is longer than the system allows (128 KiB each, and a quarter of " +
				"`ulimit -s` together). DHMEM_LINKS lists the task's links: give it fewer, or shorter names"
			);
		case "EACCES":
			return mayEnter(folder)
				? `this user may not execute ${program}; make it executable (chmod +x), or begin the command with its interpreter`
				: `this user may not enter the folder ${folder}`;
		default:
			return error.message;
	}
}

function mayEnter(folder: string): boolean {
	try {
		accessSync(folder, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}

function isFolder(path: string): boolean {
	try {
		return statSync(path).isDirectory();
	} catch {
		return false;
	}
}
