/** Tasks as containers, by Podman or Docker, which understand the same arguments. */
import { execFile } from "node:child_process";
import {
	chmodSync,
	chownSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	rmdirSync,
	rmSync,
	statSync,
} from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { directoryOf } from "../attachment/region-options.js";
import { DhmemError } from "../errors.js";
import process from "../host/process.js";
import { systemError } from "../host/system-error.js";
import { Region } from "../region.js";
import { runChild } from "./process-runtime.js";
import { INSIDE, type Placement, type RunningTask, type Runtime } from "./runtime.js";
import type { TaskSpec, Workflow } from "./workflow-file.js";

const PREFIX = "dhmem-run-";
const PERMISSIONS = 0o660;
/** Its files belong to the folder's group, by which containers with different users share them. */
const FOLDER_MODE = 0o2770;
/** Milliseconds between attempts to signal a container that is not there yet. */
const PAUSE = 200;
/** Milliseconds after which an empty folder is no longer one of a run that is about to begin. */
const LEFT_OVER = 60_000;

const execute = promisify(execFile);

export class ContainerRuntime implements Runtime {
	readonly #workflow: Workflow;
	readonly #program: "podman" | "docker";
	#run = "";
	#folder = "";

	/** @throws DHMEM_BAD_ARGUMENT for a task that this can't run */
	constructor(workflow: Workflow, program: "podman" | "docker") {
		for (const task of workflow.tasks) checkTask(task, program);
		this.#workflow = workflow;
		this.#program = program;
	}

	prepare(run: string): Placement {
		const directory = directoryOf({});
		removeLeftOvers(directory);
		this.#run = run;
		this.#folder = join(directory, PREFIX + run);
		const { permissions = PERMISSIONS, group } = this.#workflow.region;
		try {
			mkdirSync(this.#folder);
			if (group !== undefined) chownSync(this.#folder, -1, group);
			// Exactly, whatever the umask; and chown clears the bit.
			chmodSync(this.#folder, FOLDER_MODE);
		} catch (error) {
			throw systemError(error, this.#folder, "Creating");
		}
		const remove = () => rmSync(this.#folder, { recursive: true, force: true });
		return { directory: this.#folder, inside: INSIDE, permissions, remove };
	}

	start(task: TaskSpec, environment: Readonly<Record<string, string>>, attempt: number): RunningTask {
		const name = [this.#run, task.name, ...(attempt === 0 ? [] : [attempt])].join("-");
		const variables = Object.entries({ ...task.environment, ...environment });
		const args = [
			"run",
			"--rm",
			`--name=${name}`,
			`--label=dhmem.run=${this.#run}`,
			`--volume=${this.#folder}:${INSIDE}`,
			`--group-add=${statSync(this.#folder).gid}`,
			...variables.map(([key, value]) => `--env=${key}=${value}`),
			...(task.directory === undefined ? [] : [`--workdir=${task.directory}`]),
			...task.options,
			...(task.rootfs === undefined ? [task.image ?? ""] : ["--rootfs", task.rootfs]),
			...(task.command ?? []),
		];
		const client = runChild(this.#program, args, { cwd: this.#workflow.folder, env: process.env });
		let over = false;
		void client.ended.then(() => {
			over = true;
		});
		return { ...client, kill: (signal) => void this.#kill(name, signal, () => over) };
	}

	/** The client may not have made the container yet, so this goes on until one of the two is over. */
	async #kill(name: string, signal: NodeJS.Signals, isOver: () => boolean): Promise<void> {
		const args = signal === "SIGKILL" ? ["rm", "--force", name] : ["kill", `--signal=${signal}`, name];
		while (!isOver()) {
			try {
				await execute(this.#program, args);
				return;
			} catch {
				await new Promise((resolve) => setTimeout(resolve, PAUSE));
			}
		}
	}
}

function checkTask({ name, image, rootfs }: TaskSpec, program: string): void {
	if (rootfs !== undefined && program === "docker") {
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`task ${name} has a rootfs, which only podman runs; give it an image`,
		);
	}
	if (image === undefined && rootfs === undefined) {
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`task ${name} has no image, which ${program} needs; give it one`,
		);
	}
}

/** Removes the folders of runs that were killed, if nobody is in their regions any more. */
function removeLeftOvers(directory: string): void {
	for (const name of readdirSync(directory)) {
		if (!name.startsWith(PREFIX)) continue;
		const folder = join(directory, name);
		try {
			// A stranger's folder may become a link to another one at any moment.
			const { uid, mtimeMs } = lstatSync(folder);
			if (uid !== process.geteuid?.()) continue;
			// Listing removes regions that were to go with their last participant.
			Region.list({ directory: folder });
			if (Date.now() - mtimeMs > LEFT_OVER) rmdirSync(folder);
		} catch {
			// In use, another user's, or gone meanwhile.
		}
	}
}
