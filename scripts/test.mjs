/**
 * Runs the test files, each in a process of its own: `npm test [-- PART OF A PATH…]`. There is one more at a time than
 * there are cores, because tests often wait. Tests that compile C are in files named *.compiled.test.ts. Without a C
 * compiler, which nothing else needs, they are left out, but not in CI. With DHMEM_TEST_LONG=1 those are left out that
 * have no long counts; without it a file that uses some, but would be left out there, fails.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { hasLongCounts } from "./long-tests.mjs";

const folder = "dist/test";
const bundled = "dist/bundled/dist/test";
// Tests of the command line run the package as it is published: npm has built it before this.
const env = { ...process.env, DHMEM_TEST_COMMAND: resolve("dist/package/dist/src/cli/main.js") };
const parts = process.argv.slice(2);
const isLong = process.env.DHMEM_TEST_LONG === "1";
const hasCompiler = spawnSync(process.env.CC ?? "cc", ["--version"]).status === 0;
const leftOut = hasCompiler || process.env.CI === "true" ? /^$/ : /\.compiled\.test\.js$/;
const found = readdirSync(folder, { recursive: true })
	.filter(
		(file) => file.endsWith(".test.js") && (parts.length === 0 || parts.some((part) => file.includes(part))),
	)
	// The longest are in workflow/, waiting/ and torture/. They come first, so that none is the last one for long.
	.sort()
	.reverse()
	.filter((file) => !leftOut.test(file));
const files = isLong ? found.filter((file) => hasLongCounts(join(folder, file))) : found;
/** Where files of tests say that they have used long counts. */
const uses = mkdtempSync(join(tmpdir(), "dhmem-uses-"));
const failed = [];
let passed = 0;

/** Tests of the project's own files, or of single modules of dist/src/. All others run where the library is bundled. */
const asBuilt = /^package\/|^host-steps\/|^host\/restricted\./;

function pathOf(file) {
	return join(asBuilt.test(file) ? folder : bundled, file);
}

/** Runs a file, and prints how many of its tests passed; everything that it wrote, if one failed. */
async function run(file) {
	const began = performance.now();
	const used = join(uses, file.replaceAll("/", "."));
	const child = spawn(process.execPath, [pathOf(file)], {
		env: isLong ? env : { ...env, DHMEM_TEST_USES: used },
		stdio: ["ignore", "pipe", "pipe"],
	});
	const [output, errors, [code]] = await Promise.all([
		text(child.stdout),
		text(child.stderr),
		once(child, "exit"),
	]);
	const seconds = ((performance.now() - began) / 1000).toFixed(1);
	const tests = Number(/Passed:\s+(\d+)/.exec(output)?.[1] ?? 0);
	passed += tests;
	console.log(`${file}: ${tests} passed, ${seconds} s`);
	const isMissed = existsSync(used) && !hasLongCounts(join(folder, file));
	if (isMissed) console.log("It has long counts, but scripts/long-tests.mjs does not find them");
	if (code === 0 && tests > 0 && !isMissed) return;
	failed.push(file);
	console.log(`${output}${errors}${file} FAILED`);
}

let next = 0;
async function work() {
	while (next < files.length) await run(files[next++]);
}

await Promise.all(Array.from({ length: availableParallelism() + 1 }, work));
rmSync(uses, { recursive: true });
console.log(
	`\n${passed} tests passed in ${files.length - failed.length} files; ${failed.length} files failed`,
);
if (leftOut.test(".compiled.test.js"))
	console.log("Without a C compiler, tests that compile C were left out");
if (isLong) {
	const same = found.filter((file) => !files.includes(file));
	console.log(
		`${same.length} files without long counts, which npm test runs, were left out: ${same.join(", ")}`,
	);
}
for (const file of failed) console.log(`\t${file}`);
process.exitCode = failed.length > 0 || found.length === 0 ? 1 : 0;
