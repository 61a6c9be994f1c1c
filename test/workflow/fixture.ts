/** For the tests of workflows and of the command line: `dhmem` as a process, in a folder of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { DhmemError, Region } from "dhmem";
import { test } from "uvu";
import * as assert from "uvu/assert";

export const DHMEM = fileURLToPath(new URL("../../src/cli/main.js", import.meta.url));

/** Milliseconds after which what hangs is killed. */
const TIMEOUT = 120_000;

/** The command that runs a program of the tests as a task. */
export function program(name: string): string {
	return `${process.execPath} ${fileURLToPath(new URL(`${name}.js`, import.meta.url))}`;
}

export interface Ended {
	code: number | null;
	stdout: string;
	/** Standard output as it came. */
	bytes: Buffer;
	stderr: string;
}

/** A folder for workflow files and results, and one in memory for regions; both are gone after the test. */
export class Place {
	readonly folder = mkdtempSync(join(tmpdir(), "dhmem-workflow-"));
	/** `DHMEM_DIR` of all that is started here. */
	readonly regions = mkdtempSync("/dev/shm/dhmem-workflow-");

	/** The path of a file with these contents. */
	write(name: string, content: string | object): string {
		const path = join(this.folder, name);
		writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content, null, 2));
		return path;
	}

	/** Starts `dhmem`; it is killed if it takes much too long. */
	start(args: readonly string[], environment: NodeJS.ProcessEnv = {}, timeout = TIMEOUT): Started {
		return this.#spawn([process.execPath, DHMEM, ...args], environment, timeout);
	}

	/** Starts a program of the tests. */
	program(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Started {
		return this.#spawn([process.execPath, ...args], environment);
	}

	/** Runs it, and reads nothing of its standard output. */
	unread(args: readonly string[]): { child: ChildProcess; ended: Promise<number | null> } {
		const child = spawn(process.execPath, [DHMEM, ...args], {
			cwd: this.folder,
			env: { ...process.env, DHMEM_DIR: this.regions },
			stdio: ["ignore", "pipe", "ignore"],
			timeout: TIMEOUT,
			killSignal: "SIGKILL",
		});
		return { child, ended: once(child, "exit").then(([code]) => code as number | null) };
	}

	/** Runs a line of the shell, which finds `dhmem`. */
	shell(line: string): Promise<Ended> {
		return this.#spawn(["/bin/sh", "-c", line], { PATH: `${this.bin}:${process.env.PATH}` }).ended;
	}

	#spawn(
		[program = "", ...args]: readonly string[],
		environment: NodeJS.ProcessEnv,
		timeout = TIMEOUT,
	): Started {
		const child = spawn(program, args, {
			cwd: this.folder,
			env: { ...process.env, DHMEM_DIR: this.regions, ...environment },
			stdio: ["pipe", "pipe", "pipe"],
			timeout,
			killSignal: "SIGKILL",
		});
		const output = Promise.all([buffer(child.stdout), text(child.stderr)]);
		const ended = once(child, "exit").then(async ([code]) => {
			const [bytes, stderr] = await output;
			return { code: code as number | null, stdout: bytes.toString(), bytes, stderr };
		});
		return { child, ended };
	}

	run(args: readonly string[], environment: NodeJS.ProcessEnv = {}, timeout = TIMEOUT): Promise<Ended> {
		const { child, ended } = this.start(args, environment, timeout);
		child.stdin?.end();
		return ended;
	}

	/** A folder with the command `dhmem`, for a `PATH`. */
	get bin(): string {
		const folder = join(this.folder, "bin");
		mkdirSync(folder, { recursive: true });
		const script = `#!/bin/sh\nexec ${process.execPath} ${DHMEM} "$@"\n`;
		writeFileSync(join(folder, "dhmem"), script, { mode: 0o755 });
		return folder;
	}

	/** Waits until the one region here has so many participants that live. */
	async participants(count: number): Promise<void> {
		const deadline = performance.now() + 60_000;
		for (;;) {
			const [file] = this.left();
			if ((file === undefined ? 0 : living(this.regions, file)) === count) return;
			assert.ok(performance.now() < deadline, `waited in vain for ${count} participants`);
			await new Promise((resolve) => setTimeout(resolve, 20));
		}
	}

	/** What is left of regions. */
	left(): string[] {
		return readdirSync(this.regions);
	}

	remove(): void {
		rmSync(this.folder, { recursive: true });
		rmSync(this.regions, { recursive: true });
	}
}

/** The ids of the processes that a process has started. */
export function childrenOf({ pid }: ChildProcess): number[] {
	return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").map(Number);
}

/** Resolves when a process has ended, whether or not its parent has looked. */
export async function processEnd(pid: number): Promise<void> {
	while (!hasEnded(pid)) await new Promise((resolve) => setTimeout(resolve, 10));
}

export function hasEnded(pid: number): boolean {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		return /^. Z/.test(stat.slice(stat.lastIndexOf(")")));
	} catch {
		return true;
	}
}

/** How many participants of a region live; looked at without becoming one. */
function living(directory: string, file: string): number {
	try {
		using region = Region.open(file.replace(/\.dhmem$/, ""), { directory, mode: "read-only" });
		return region.stats().participants.filter(({ alive }) => alive).length;
	} catch (error) {
		// Not there yet, or nobody in it any more.
		if (error instanceof DhmemError && error.code === "DHMEM_NOT_FOUND") return 0;
		throw error;
	}
}

export interface Started {
	child: ChildProcess;
	ended: Promise<Ended>;
}

/** A test in a place of its own, where nothing may be left of regions. */
export function placeTest(title: string, body: (place: Place) => Promise<void>): void {
	test(title, async () => {
		const place = new Place();
		try {
			await body(place);
			assert.equal(place.left(), []);
		} finally {
			place.remove();
		}
	});
}

/** The workflow of `newton.ts`, as the contents of a file. */
export function newton(order: readonly string[] = ["evaluate", "steer", "visualize"]) {
	return {
		name: "newton",
		region: { size: "16MiB" },
		tasks: Object.fromEntries(
			order.map((name) => [name, { command: program("newton") } as Record<string, unknown>]),
		),
		links: [
			{ from: "evaluate.values", to: "steer.values" } as Record<string, unknown>,
			{ from: "evaluate.values", to: "visualize.values" },
			{ from: "steer.guesses", to: "evaluate.guesses", capacity: "64KiB" },
		],
	};
}
