/** Tasks as processes of this machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { DhmemError } from "../errors.js";
import { Region } from "../region.js";
import type { Ending, Placement, RunningTask, Runtime } from "./runtime.js";
import type { TaskSpec, Workflow } from "./workflow-file.js";

const PERMISSIONS = 0o600;

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

	place(): Placement {
		// Listing removes what killed runs have left.
		Region.list();
		const permissions = this.#workflow.region.permissions ?? PERMISSIONS;
		return { directory: undefined, inside: undefined, permissions, remove: () => {} };
	}

	start(task: TaskSpec, environment: Readonly<Record<string, string>>): RunningTask {
		const [program = "", ...args] = task.command ?? [];
		return runChild(program, args, {
			cwd: resolve(this.#workflow.folder, task.directory ?? "."),
			env: { ...process.env, ...task.environment, ...environment },
		});
	}
}

/**
 * Starts a program as the leader of a process group of its own, so that a signal reaches all of a pipeline, and the
 * terminal's Ctrl-C only us. Who is left of the group goes when its leader has ended.
 */
export function runChild(
	program: string,
	args: readonly string[],
	options: { cwd: string; env: NodeJS.ProcessEnv },
): RunningTask {
	const child = spawn(program, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
	const ended = new Promise<Ending>((settle) => {
		child.once("error", (error) => {
			if (child.pid === undefined)
				settle({ kind: "not started", reason: whyNot(error, program, options.cwd) });
		});
		child.once("exit", () => killGroup(child, "SIGKILL"));
		child.once("close", (code, signal) => {
			if (child.pid === undefined) return;
			settle(signal === null ? { kind: "exit", code: code ?? 1 } : { kind: "signal", signal });
		});
	});
	return { stdout: child.stdout, stderr: child.stderr, ended, kill: (signal) => killGroup(child, signal) };
}

function killGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
	if (pid === undefined) return;
	try {
		process.kill(-pid, signal);
	} catch {
		// All of it is gone already.
	}
}

function whyNot(error: Error, program: string, folder: string): string {
	if (!("code" in error) || error.code !== "ENOENT") return error.message;
	return existsSync(folder) ? `there is no program ${program}` : `there is no folder ${folder}`;
}
