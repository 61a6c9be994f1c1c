/** Real containers, by Podman and runc as Debian has them, with storage of their own that is gone afterwards. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { INSIDE } from "../../src/runner/runtime.js";
import { within } from "../fixture/index.js";
import { type Python, preparePython } from "./python.js";
import { APP, IDLE, makeRootFileSystem } from "./root-file-system.js";

/** An image of the root file system. The container that holds a pod together runs it and does nothing. */
export const IMAGE = "localhost/dhmem-test";

/** Works without systemd, cgroups of version 2 or network setup, and puts no locks into /dev/shm. */
const configuration = `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
netns = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
infra_image = "${IMAGE}"
`;

/** No wait takes this long, on a machine however busy. */
export const PATIENCE = 60_000;
/** Users that no machine knows, and a group that they share. */
export const ALICE = 11_000;
export const BOB = 11_001;
export const GROUP = 12_000;

export interface Options {
	user?: number;
	group?: number;
	environment?: Record<string, string>;
	/** Further flags of `podman run`, as the documents recommend them. */
	flags?: readonly string[];
}

/** Flags that take away what a container does not need. */
export const confined = [
	"--read-only",
	"--cap-drop=all",
	"--security-opt=no-new-privileges",
	"--network=none",
] as const;

const scenarios = `${APP}/dist/test/containers/scenarios.js`;
const running = new Set<Container>();
const folders = new Set<string>();
let home = "";
let started = 0;

/** Where images, containers and the root file system are; made at first use, gone when this process ends. */
function prepare(): void {
	if (home !== "") return;
	if (process.getuid?.() !== 0)
		throw new Error("These tests start containers of several users: run them as root");
	home = mkdtempSync(join(tmpdir(), "dhmem-containers-"));
	process.once("exit", cleanUp);
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => process.exit(1));
	writeFileSync(join(home, "containers.conf"), configuration);
	mkdirSync(programs());
	writeFileSync(join(programs(), "podman"), wrapper(), { mode: 0o755 });
	makeRootFileSystem(join(home, "root"));
}

/** A folder for `PATH`: the `podman` in it has the storage and configuration of these tests. */
export function programs(): string {
	prepare();
	return join(home, "bin");
}

function wrapper(): string {
	const podman = execFileSync("sh", ["-c", "command -v podman"], { encoding: "utf8" }).trim();
	const storage = `--root "${home}/storage" --runroot "${home}/run" --tmpdir "${home}/tmp"`;
	return `#!/bin/sh\nCONTAINERS_CONF="${home}/containers.conf" exec ${podman} ${storage} "$@"\n`;
}

/** The root file system as `--rootfs` takes it: each container writes into a layer of its own, if at all. */
export function rootFileSystem(): string {
	prepare();
	return `${home}/root:O`;
}

let preparedPython: Python | undefined;

/** Python for containers of the root file system; made at first use. */
export function python(): Python {
	prepare();
	preparedPython ??= preparePython(join(home, "root"), join(home, "python"));
	return preparedPython;
}

let hasImage = false;

/** Makes the image unless there is one; `name` is another name for it. */
export function makeImage(name = IMAGE): void {
	prepare();
	if (!hasImage) importImage(join(home, "root"), IMAGE, "ENV PATH=/usr/bin:/bin", `CMD ["${IDLE}"]`);
	hasImage = true;
	podman("tag", IMAGE, name);
}

/** Makes an image of a root file system. @param changes instructions of a Dockerfile */
export function importImage(root: string, name: string, ...changes: string[]): void {
	const command = 'root=$0; podman=$1; shift; tar -C "$root" -c . | "$podman" import "$@"';
	const options = changes.map((change) => `--change=${change}`);
	const words = [root, join(programs(), "podman"), ...options, "-", name];
	execFileSync("sh", ["-c", command, ...words], { stdio: "pipe" });
}

function cleanUp(): void {
	try {
		podman("pod", "rm", "--all", "--force", "--time=0");
		podman("rm", "--all", "--force", "--time=0");
	} finally {
		for (const folder of folders) removeFolder(folder);
		rmSync(home, { recursive: true, force: true });
	}
}

/** Runs a command of Podman's to its end, and returns its output. */
export function podman(...words: string[]): string {
	return execFileSync(join(programs(), "podman"), words, {
		encoding: "utf8",
		timeout: PATIENCE,
		stdio: ["ignore", "pipe", "pipe"],
	}).trim();
}

/** How a container ended. After a signal, `code` is 128 plus the signal's number. */
export interface Ending {
	code: number | null;
	output: string;
	errors: string;
}

/**
 * A container with a Node process: it is process 1, not under root, with a read-only root file system of its own,
 * no capabilities and no network.
 */
export class Container {
	readonly name = `dhmem-${process.pid}-${++started}`;
	readonly ended: Promise<Ending>;
	readonly #process: ChildProcess;
	readonly #lines: AsyncIterator<string>;

	/** @param words a file in the package, and its parameters */
	constructor(words: readonly (string | number)[], options: Options = {}) {
		const { user = ALICE, group = user, environment: variables = {}, flags = [] } = options;
		const set = Object.entries(variables).map(([name, value]) => `--env=${name}=${value}`);
		this.#process = spawn(
			join(programs(), "podman"),
			[
				...["run", "--rm", `--name=${this.name}`, `--user=${user}:${group}`, `--workdir=${APP}`],
				...confined,
				...set,
				...flags,
				...["--rootfs", rootFileSystem(), "/usr/bin/node", ...words.map(String)],
			],
			{ stdio: ["ignore", "pipe", "pipe"] },
		);
		let output = "";
		let errors = "";
		this.#process.stdout?.on("data", (text) => {
			output += text;
		});
		this.#process.stderr?.on("data", (text) => {
			errors += text;
		});
		const input = this.#process.stdout as NodeJS.ReadableStream;
		this.#lines = createInterface({ input })[Symbol.asyncIterator]();
		this.ended = once(this.#process, "close").then(([code]) => {
			running.delete(this);
			return { code, output, errors };
		});
		running.add(this);
	}

	/** Runs a scenario of `scenarios.ts`. */
	static run(scenario: string, parameters: readonly (string | number)[], options: Options = {}): Container {
		return new Container([scenarios, scenario, ...parameters], options);
	}

	/** Runs the command `dhmem`. */
	static dhmem(words: readonly (string | number)[], options: Options = {}): Container {
		return new Container([`${APP}/dist/src/cli/main.js`, ...words], options);
	}

	/** Its next line, as JSON. */
	async hear<T>(): Promise<T> {
		return JSON.parse(await this.hearLine()) as T;
	}

	/** Its next line; fails if it ends without one. */
	async hearLine(): Promise<string> {
		const { done, value } = await within(PATIENCE, `hearing of ${this.name}`, this.#lines.next());
		if (!done) return value;
		const { code, errors } = await this.ended;
		throw new Error(`${this.name} ended with ${code}: ${errors}`);
	}

	/** Resolves when it has ended; fails if it ended otherwise. */
	async finish(code = 0): Promise<Ending> {
		const ending = await within(PATIENCE, `the end of ${this.name}`, this.ended);
		if (ending.code !== code) {
			throw new Error(`${this.name} ended with ${ending.code}: ${ending.errors}${ending.output}`);
		}
		return ending;
	}

	/** The process id, outside, of its process 1. */
	pid(): number {
		return Number(podman("inspect", "--format={{.State.Pid}}", this.name));
	}

	/** Ends and removes all containers. */
	static async removeAll(): Promise<void> {
		const endings = Array.from(running, ({ ended }) => ended);
		podman("rm", "--all", "--force", "--time=0");
		await Promise.all(endings);
	}
}

/** A folder in shared memory that a group shares; gone with `removeFolder`, or when this process ends. */
export function makeSharedFolder(group = GROUP, mode = 0o2770): string {
	prepare();
	const folder = mkdtempSync("/dev/shm/dhmem-containers-");
	folders.add(folder);
	chownSync(folder, 0, group);
	chmodSync(folder, mode);
	return folder;
}

export function removeFolder(folder: string): void {
	rmSync(folder, { recursive: true, force: true });
	folders.delete(folder);
}

/** The flags that give a container a folder of the host, as documented. */
export function sharing(folder: string, group = GROUP): Options {
	return {
		environment: { DHMEM_DIR: INSIDE },
		flags: [`--volume=${folder}:${INSIDE}`, `--group-add=${group}`],
	};
}
