/** Runs tasks as containers with Podman or Docker, which take the same arguments. */
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
import { serverVariables } from "../workflow/nats/settings.js";
import { runChild } from "./process-runtime.js";
import { INSIDE, type Placement, type RunningTask, type Runtime } from "./runtime.js";
import type { TaskSpec, Workflow } from "./workflow-file.js";

const PREFIX = "dhmem-run-";
const PERMISSIONS = 0o660;
/** Setgid: files in the folder get the folder's group, so containers with different users can share them. */
const FOLDER_MODE = 0o2770;
/** Milliseconds between attempts to signal a container that may not exist yet. */
const PAUSE = 200;
/**
 * The age in milliseconds from which an empty folder counts as a leftover, and not as that of a starting run.
 */
const LEFT_OVER = 60_000;

const execute = promisify(execFile);

export class ContainerRuntime implements Runtime {
	readonly #workflow: Workflow;
	readonly #program: "podman" | "docker";
	#run = "";
	#folder = "";

	/** @throws DHMEM_BAD_ARGUMENT for a task without an image */
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
			// Until the last line, nobody else may enter it, whatever the umask is.
			mkdirSync(this.#folder, { mode: 0o700 });
			if (group !== undefined) chownSync(this.#folder, -1, group);
			// chmod ignores the umask, and comes after chown because chown clears the setgid bit.
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
			`--mount=type=bind,${quotedField(`source=${this.#folder}`)},target=${INSIDE}`,
			`--group-add=${statSync(this.#folder).gid}`,
			...variables.map(([key, value]) => `--env=${key}=${value}`),
			// Without a value, the container gets the runner's, and a password is in no command line.
			...serverVariables.filter((name) => process.env[name] !== undefined).map((name) => `--env=${name}`),
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

	/**
	 * Repeats the signal until it succeeds or the task is over, because the client may not have created the
	 * container yet.
	 */
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

/** Quotes a field of a line of comma-separated values, which is what `--mount` takes. `--volume` splits at colons. */
function quotedField(text: string): string {
	return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function checkTask({ name, image, rootfs }: TaskSpec, program: string): void {
	if (rootfs !== undefined && program === "docker") {
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`task ${name} has a rootfs, which only podman can run; give the task an image, or use --runtime podman`,
		);
	}
	if (image === undefined && rootfs === undefined) {
		throw new DhmemError(
			"DHMEM_BAD_ARGUMENT",
			`task ${name} has no image, but ${program} needs one; add an image`,
		);
	}
}

/** Removes the folders of killed runs whose regions have no participants any more. */
function removeLeftOvers(directory: string): void {
	for (const name of readdirSync(directory)) {
		if (!name.startsWith(PREFIX)) continue;
		const folder = join(directory, name);
		try {
			// Folders of other users are skipped, because their owner may replace one by a link at any moment.
			const { uid, mtimeMs } = lstatSync(folder);
			if (uid !== process.geteuid?.()) continue;
			// Listing removes `last-close` regions without participants.
			Region.list({ directory: folder });
			if (Date.now() - mtimeMs > LEFT_OVER) rmdirSync(folder);
		} catch {
			// The folder is in use, belongs to another user, or is gone.
		}
	}
}
