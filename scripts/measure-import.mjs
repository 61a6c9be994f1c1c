// Measures what the import of a package costs: `node scripts/measure-import.mjs [PACKAGE …]`. Each is installed into an
// empty folder, without running its scripts. Prints a table: packages, their size, and the time of the import in a
// fresh process, taken by turns (the median of 21).
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROUNDS = 21;
const folder = mkdtempSync(join(tmpdir(), "dhmem-import-"));
process.on("exit", () => rmSync(folder, { recursive: true }));

function install(name, source) {
	const path = join(folder, name);
	mkdirSync(path);
	writeFileSync(join(path, "package.json"), '{ "private": true }');
	const run = (program, ...args) => execFileSync(program, args, { cwd: path, encoding: "utf8" });
	run("npm", "install", "--silent", "--ignore-scripts", source);
	const packages = run("npm", "ls", "--all", "--parseable").trim().split("\n").length - 1;
	const kilobytes = Number.parseInt(run("du", "-sk", "--apparent-size", "node_modules"), 10);
	return { name, path, packages, kilobytes, times: [] };
}

function time({ name, path }) {
	const program = `const began = performance.now(); await import("${name}"); console.log(performance.now() - began)`;
	const flags = ["--input-type=module", "-e", program];
	return Number(execFileSync(process.execPath, flags, { cwd: path, encoding: "utf8" }));
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

const root = fileURLToPath(new URL("..", import.meta.url));
execFileSync("npm", ["run", "--silent", "build:stale"], { cwd: root, stdio: "inherit" });
execFileSync("npm", ["pack", "--silent", "./dist/package", "--pack-destination", folder], { cwd: root });
const tarball = readdirSync(folder).find((file) => file.endsWith(".tgz"));
const others = process.argv.slice(2);
const measured = [
	install("dhmem", join(folder, tarball)),
	...others.map((name) => install(name.replace(/(.)@.*/, "$1"), name)),
];
for (let round = 0; round < ROUNDS; round++) for (const each of measured) each.times.push(time(each));
console.log("| package | packages | kB installed | ms for `import` |\n| --- | ---: | ---: | ---: |");
for (const { name, packages, kilobytes, times } of measured) {
	console.log(`| ${name} | ${packages} | ${kilobytes.toLocaleString("en")} | ${median(times).toFixed(0)} |`);
}
