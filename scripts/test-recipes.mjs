#!/usr/bin/env node
/**
 * Does with each page of docs/recipes/ what a reader would do: copies its programs into an empty folder where dhmem is
 * installed, runs its commands, and compares what they print. Needs nats-server from Debian.
 *
 * Usage: test-recipes.mjs [PAGE…]
 */
import { spawnSync } from "node:child_process";
import {
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("..", import.meta.url));
const pages = join(project, "docs/recipes");

function blocks(page, language) {
	return Array.from(page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, "gms")), ([, text]) => text);
}

/** What is wrong with a page; undefined if nothing is. */
function problemOf(page) {
	const folder = mkdtempSync("/dev/shm/dhmem-recipe-");
	try {
		const modules = join(folder, "node_modules");
		mkdirSync(join(modules, ".bin"), { recursive: true });
		symlinkSync(join(project, "dist/package"), join(modules, "dhmem"));
		const command = `#!/bin/sh\nexec node ${join(project, "dist/package/dist/src/cli/main.js")} "$@"\n`;
		writeFileSync(join(modules, ".bin/dhmem"), command, { mode: 0o755 });
		symlinkSync(join(project, "node_modules/@nats-io"), join(modules, "@nats-io"));
		for (const code of blocks(page, "js")) {
			const [, name] = /^\/\/ (\S+\.mjs)\n/.exec(code) ?? [];
			if (name === undefined) return "a program has no name in its first line";
			writeFileSync(join(folder, name), code);
		}
		const [commands, ...others] = blocks(page, "sh");
		const [expected] = blocks(page, "text");
		if (!commands || !expected || others.length > 0)
			return "it must have one block of commands and one of output";
		const { status, signal, stdout, stderr } = spawnSync("bash", ["-c", commands], {
			cwd: folder,
			env: { ...process.env, DHMEM_DIR: folder },
			encoding: "utf8",
			timeout: 120_000,
			killSignal: "SIGKILL",
		});
		if (stdout !== expected || status !== 0) {
			return `it ended with ${status ?? signal} and printed\n${stdout}${stderr}instead of\n${expected}`;
		}
		const left = readdirSync(folder).filter((name) => name.endsWith(".dhmem"));
		return left.length === 0 ? undefined : `it leaves ${left.join(", ")}`;
	} finally {
		rmSync(folder, { recursive: true, force: true });
	}
}

const names = process.argv.length > 2 ? process.argv.slice(2) : readdirSync(pages);
let failed = false;
for (const name of names) {
	const page = readFileSync(join(pages, name), "utf8");
	const problem = problemOf(page);
	console.log(`${name}: ${problem ?? "right"}`);
	failed ||= problem !== undefined;
}
// A page whose output is wrong must be noticed.
const wrong = readFileSync(join(pages, "cache.md"), "utf8").replace("0 computed", "1 computed");
if (problemOf(wrong) === undefined) {
	console.log("a page that promises other output is not noticed");
	failed = true;
}
if (failed) process.exit(1);
