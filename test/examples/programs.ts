/** For the tests of examples: their programs as processes, in a place of the test's own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Place, Ended as Whole } from "../fixture/index.js";

export type Ended = Omit<Whole, "bytes">;

/** The folder of the project. */
export const ROOT = fileURLToPath(new URL(".", import.meta.resolve("dhmem/package.json")));

/** Runs a program of the project to its end; it is killed if it takes too long. */
export async function node(
	place: Place,
	args: string[],
	environment: NodeJS.ProcessEnv = {},
): Promise<Ended> {
	const child = spawn(process.execPath, args, {
		cwd: ROOT,
		env: { ...process.env, DHMEM_DIR: place.regions, ...environment },
		stdio: ["ignore", "pipe", "pipe"],
		timeout: 300_000,
		killSignal: "SIGKILL",
	});
	const output = Promise.all([text(child.stdout), text(child.stderr)]);
	const [code]: (number | null)[] = await once(child, "exit");
	const [stdout, stderr] = await output;
	return { code: code ?? null, stdout, stderr };
}

/** What `dhmem run --print-env` says about a task of a workflow file. */
export async function environmentOf(
	place: Place,
	task: string,
	file: string,
): Promise<Record<string, string>> {
	const { stdout } = await place.run(["run", file, "--print-env", task]);
	const lines = stdout.matchAll(/^export (\w+)='(.*)'$/gm);
	return Object.fromEntries([...lines].map(([, name, value]) => [name, value]));
}

/** The id of the process that runs this script with the regions of this place. */
export function processOf(script: string, place: Place): number {
	for (const id of readdirSync("/proc").map(Number)) {
		if (!(id > 0) || id === process.pid) continue;
		if (!ofProcess(id, "cmdline").includes(script)) continue;
		if (ofProcess(id, "environ").includes(`DHMEM_DIR=${place.regions}`)) return id;
	}
	throw new Error("no such process");
}

function ofProcess(id: number, what: "cmdline" | "environ"): string {
	try {
		return readFileSync(`/proc/${id}/${what}`, "utf8");
	} catch {
		return ""; // gone in the meantime
	}
}
