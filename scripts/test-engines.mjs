/**
 * Runs the library's own tests in other engines than Node: `node scripts/test-engines.mjs bun|deno [PART OF A PATH…]`. With
 * parts of paths, all files of the rooms in test/engines/exceptions.mjs that match; else those that take little time. Every
 * test must pass there except those that are listed, and these must fail.
 *
 * Needs a built clone with dist/bundled/; the engines are installed into test/frameworks/.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { exceptions, reasons, rooms, slow } from "../test/engines/exceptions.mjs";

const [engine = "", ...parts] = process.argv.slice(2);
const commands = { bun: ["bun"], deno: ["deno", "run", "--no-prompt", "--allow-all"] };
if (!(engine in commands)) throw new Error(`The engine is "${engine}"; it must be bun or deno`);
const [name, ...flags] = commands[engine];
const program = resolve("test/frameworks/node_modules/.bin", name);
if (!existsSync(program)) spawnSync("npm", ["ci", "--prefix", "test/frameworks"], { stdio: "inherit" });

const folder = "dist/bundled/dist/test";
const listed = exceptions[engine];
const files = rooms
	.flatMap((room) => readdirSync(join(folder, room)).map((file) => `${room}/${file}`))
	.filter((file) => file.endsWith(".test.js"))
	.filter((file) =>
		parts.length > 0
			? parts.some((part) => file.includes(part))
			: listed[file]?.tests !== "endless" && !slow.some((part) => file.includes(part)),
	);
/** Milliseconds for a file, and for one that is listed because it never ends. */
const LIMIT = 300_000;
const ENDLESS = 30_000;
const wrong = [];
let passed = 0;
let expected = 0;

/** Everything that a file wrote, and the names of the tests that failed; all of its tests, if it did not come to its end. */
async function run(file, directory) {
	const child = spawn(program, [...flags, join(folder, file)], {
		env: { ...process.env, DHMEM_DIR: directory },
		stdio: ["ignore", "pipe", "pipe"],
		detached: true,
	});
	const isEndless = listed[file]?.tests === "endless";
	// With its children, which hold its output open.
	const timer = setTimeout(() => process.kill(-child.pid, "SIGKILL"), isEndless ? ENDLESS : LIMIT);
	const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
	clearTimeout(timer);
	const [, total = 0] = /Total: +(\d+)/.exec(output) ?? [];
	const [, count = 0] = /Passed: +(\d+)/.exec(output) ?? [];
	const failed = [...output.matchAll(/^ +FAIL +"(.*)"$/gm)].map(([, test]) => test);
	const isWhole = Number(total) > 0 && Number(total) === Number(count) + failed.length;
	return { said: `${output}${errors}`, count: Number(count), failed: isWhole ? failed : undefined };
}

async function check(file) {
	const began = performance.now();
	const directory = mkdtempSync("/dev/shm/dhmem-engines-");
	const { said, count, failed } = await run(file, directory);
	rmSync(directory, { recursive: true });
	const { tests = [] } = listed[file] ?? {};
	const complaints = [];
	if (tests === "endless") {
		if (failed !== undefined) complaints.push("it is listed as endless, but came to its end");
	} else if (failed === undefined) complaints.push("it did not come to its end");
	else if (tests === "all") {
		if (count > 0) complaints.push(`${count} tests passed, but all are listed`);
	} else {
		for (const test of failed) if (!tests.includes(test)) complaints.push(`"${test}" failed`);
		for (const test of tests)
			if (!failed.includes(test)) complaints.push(`"${test}" is listed, but did not fail`);
	}
	passed += count;
	expected += failed === undefined ? 1 : failed.length;
	const seconds = ((performance.now() - began) / 1000).toFixed(1);
	console.log(`${file}: ${count} passed, ${seconds} s`);
	if (complaints.length === 0) return;
	wrong.push(...complaints.map((complaint) => `${file}: ${complaint}`));
	console.log(`${said}${file}: ${complaints.join("; ")}`);
}

for (const [file, { reason }] of Object.entries(listed)) {
	if (!existsSync(join(folder, file))) wrong.push(`${file} is listed, but is not there`);
	if (!(reason in reasons)) wrong.push(`${file} has the reason ${reason}, which is not there`);
}
let next = 0;
async function work() {
	while (next < files.length) await check(files[next++]);
}
await Promise.all(Array.from({ length: availableParallelism() + 1 }, work));
console.log(`${engine}: ${passed} tests of ${files.length} files passed; ${expected} failed as listed`);
for (const complaint of wrong) console.log(`\t${complaint}`);
process.exitCode = wrong.length > 0 || files.length === 0 ? 1 : 0;
