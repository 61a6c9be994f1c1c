/** Tasks as processes of this machine. */
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
/** Milliseconds after the end of a task for which its output may still be held open by what it has started. */
const OUTPUT_GRACE = 1000;

export class ProcessRuntime implements Runtime {
	readonly #workflow: Workflow;

	/** @throws DHMEM_BAD_ARGUMENT for a task that this can't run */
	constructor(workflow: Workflow) {
		for (const { name, command } of workflow.tasks) {
			if (command !== undefined) continue;
			throw new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`task ${name} has no command, which a process needs; give it one, or use --runtime podman`,
			);
		}
		this.#workflow = workflow;
	}

	prepare(): Placement {
		// Listing removes what killed runs have left.
		Region.list();
		const permissions = this.#workflow.region.permissions ?? PERMISSIONS;
		// Absolute, since tasks have working folders of their own.
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

/** The folder of the command `dhmem`, as a file that can be run: in a clone, `dist` has none. */
const COMMAND_FOLDER = fileURLToPath(new URL("../../../bin", import.meta.url));
/** What the system looks through where there is no PATH. */
const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The environment in which `dhmem` is the runner's own command, whatever else has that name, and run by its Node. */
function withCommand(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
	return { ...env, PATH: `${COMMAND_FOLDER}:${env.PATH ?? USUAL_PATH}`, DHMEM_NODE: process.execPath };
}

/**
 * Starts a program as the leader of a process group of its own, so that a signal reaches all of a pipeline, and the
 * terminal's Ctrl-C only us. Who is left of the group goes when its leader has ended; who has left the group, as a
 * daemon does, is out of reach, and its output is not waited for.
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
	// There are none where there were no file descriptors left to start it.
	const stdout = child.stdout ?? Readable.from([]);
	const stderr = child.stderr ?? Readable.from([]);
	const ended = new Promise<Ending>((settle) => {
		child.once("error", (error) => {
			if (child.pid === undefined)
				settle({ kind: "not started", reason: whyNot(error, program, options.cwd) });
		});
		child.once("exit", () => {
			killGroup(child, "SIGKILL");
			const looks = setInterval(() => closeAfterLook([stdout, stderr]), OUTPUT_GRACE);
			child.once("close", () => clearInterval(looks));
		});
		child.once("close", (code, signal) => {
			if (child.pid === undefined) return;
			settle(signal === null ? { kind: "exit", code: code ?? 1 } : { kind: "signal", signal });
		});
	});
	const kill = (signal: NodeJS.Signals) => {
		killGroup(child, signal);
		// Nobody may be there to read what it has left.
		if (signal === "SIGKILL") for (const stream of [stdout, stderr]) stream.destroy();
	};
	return { stdout, stderr, ended, kill };
}

/**
 * Closes streams once what is in them now was read, which the event loop does before it comes to what is set here. One
 * that is paused waits for our own output to be read.
 */
function closeAfterLook(streams: readonly Readable[]): void {
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
		// All of it is gone already.
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
