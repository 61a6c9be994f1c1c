/** The program in C that is copied for each try, and the operations that it plays. */
import { execFileSync } from "node:child_process";
import { readdirSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Operation } from "../operation.js";
import { operations, swept } from "../operations.js";
import { SOURCES } from "../steps.js";
import type { Program } from "../sweep.js";

/** What the library for C does not have: regions that are opened copy-on-write, and the option `trim`. */
const notInC = ["open copy-on-write", "close, and give back"];

/** Compiles the program into a folder, with the library that is built in the source package. */
export function buildProgram(sources: string, folder: string): Program {
	const command = join(folder, "victim");
	const library = join(resolve(sources), "build/libdhmem.so");
	const own = readdirSync(join(SOURCES, "c")).filter((name) => name.endsWith(".c"));
	const files = [...own.map((name) => join(SOURCES, "c", name)), join(SOURCES, "counting.c")];
	const flags = ["-std=gnu11", "-g", "-pthread", "-Wall", "-Wextra", "-Werror", `-I${sources}/include`];
	execFileSync(process.env.CC ?? "cc", [...flags, ...files, library, "-ldl", "-o", command]);
	symlinkSync(library, join(folder, "libdhmem.so.0"));
	// Memory that the C library keeps for later would count as in use.
	const tunables = ["malloc.tcache_count=0", "malloc.arena_max=1", "pthread.stack_cache_size=0"];
	const env = {
		LD_LIBRARY_PATH: folder,
		GLIBC_TUNABLES: tunables.map((tunable) => `glibc.${tunable}`).join(":"),
	};
	return { command, args: [folder], env };
}

/** The swept operations that the program plays. Throws if any is missing for another reason than that C does not have it. */
export function operationsOf({ command, env }: Program): readonly Operation[] {
	const names = execFileSync(command, ["--list"], { env: { ...process.env, ...env }, encoding: "utf8" })
		.trim()
		.split("\n");
	const unknown = names.filter((name) => !operations.some((operation) => operation.name === name));
	const missing = operations.map(({ name }) => name).filter((name) => !names.includes(name));
	if (unknown.length > 0 || missing.join() !== notInC.join())
		throw new Error(`In C there are also: ${unknown.join("; ")}. There are not: ${missing.join("; ")}`);
	return swept.filter(({ name }) => names.includes(name));
}
