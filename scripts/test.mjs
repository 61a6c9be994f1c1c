/**
 * Runs the test files, each in a process of its own: `npm test [-- PART OF A PATH…]`. There is one more at a time than
 * there are cores, because tests often wait. Tests that compile C are in files named *.compiled.test.ts. Without a C
 * compiler, which nothing else needs, they are left out, but not in CI.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";

const folder = "dist/test";
// Tests of the command line run the package as it is published: npm has built it before this.
const env = { ...process.env, DHMEM_TEST_COMMAND: resolve("dist/package/dist/src/cli/main.js") };
const parts = process.argv.slice(2);
const hasCompiler = spawnSync(process.env.CC ?? "cc", ["--version"]).status === 0;
const leftOut = hasCompiler || process.env.CI === "true" ? /^$/ : /\.compiled\.test\.js$/;
const files = readdirSync(folder, { recursive: true })
	.filter(
		(file) => file.endsWith(".test.js") && (parts.length === 0 || parts.some((part) => file.includes(part))),
	)
	.sort()
	.filter((file) => !leftOut.test(file));
const failed = [];
let passed = 0;

/** Runs a file, and prints how many of its tests passed; everything that it wrote, if one failed. */
async function run(file) {
	const began = performance.now();
	const child = spawn(process.execPath, [join(folder, file)], { env, stdio: ["ignore", "pipe", "pipe"] });
	const [output, errors, [code]] = await Promise.all([
		text(child.stdout),
		text(child.stderr),
		once(child, "exit"),
	]);
	const seconds = ((performance.now() - began) / 1000).toFixed(1);
	const tests = Number(/Passed:\s+(\d+)/.exec(output)?.[1] ?? 0);
	passed += tests;
	console.log(`${file}: ${tests} passed, ${seconds} s`);
	if (code === 0 && tests > 0) return;
	failed.push(file);
	console.log(`${output}${errors}${file} FAILED`);
}

let next = 0;
async function work() {
	while (next < files.length) await run(files[next++]);
}

await Promise.all(Array.from({ length: availableParallelism() + 1 }, work));
console.log(
	`\n${passed} tests passed in ${files.length - failed.length} files; ${failed.length} files failed`,
);
if (leftOut.test(".compiled.test.js"))
	console.log("Without a C compiler, tests that compile C were left out");
for (const file of failed) console.log(`\t${file}`);
process.exitCode = failed.length > 0 || files.length === 0 ? 1 : 0;
