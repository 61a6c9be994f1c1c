/** What a published package contains, and what it does not. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("tarball");
/** What is published; "npm run build" makes it. */
const project = fileURLToPath(new URL("../../package/", import.meta.url));
const manifest = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));

let files: string[];
test.before(() => {
	const flags = ["pack", "--dry-run", "--json"];
	const output = JSON.parse(execFileSync("npm", flags, { cwd: project, encoding: "utf8" }));
	// npm 12 names the package; earlier ones list it.
	const [packed] = Object.values(output) as { files: { path: string }[] }[];
	files = packed?.files.map(({ path }) => path) ?? [];
});

test("everything that package.json points to is in the tarball", () => {
	const targets = (value: unknown): string[] =>
		typeof value === "string" ? [value] : Object.values(value as object).flatMap(targets);
	const wanted = [manifest.exports, manifest.imports, manifest.bin].flatMap(targets);
	for (const path of wanted) assert.ok(files.includes(path.replace("./", "")), path);
	for (const path of [
		"README.md",
		"CHANGELOG.md",
		"SECURITY.md",
		"LICENSE",
		"bin/dhmem",
		"dist/bench/main.js",
		"dist/assembly/layout.js",
		"assembly/layout.h",
		"prebuilds/linux-x64/shim.node",
		"prebuilds/linux-arm64/shim.node",
	])
		assert.ok(files.includes(path), path);
});

/** The files that a file imports by a relative path. */
const relative = /(?:from |import |import\()"(\.[^"]+)"/g;

test("every file that a module imports is in the tarball", () => {
	for (const path of files.filter((file) => file.endsWith(".js") && file.startsWith("dist/"))) {
		const text = readFileSync(join(project, path), "utf8");
		for (const [, to = ""] of text.matchAll(relative))
			assert.ok(files.includes(join(dirname(path), to)), `${path}: ${to}`);
	}
});

test("the declarations are those that an entry point needs, and show no internals", () => {
	const declarations = files.filter((path) => path.startsWith("dist/src/") && path.endsWith(".d.ts"));
	const imported = new Set(
		Object.values(manifest.exports).map((to) => join((to as { types?: string }).types ?? "")),
	);
	for (const path of declarations) {
		const text = readFileSync(join(project, path), "utf8");
		for (const [, to = ""] of text.matchAll(relative)) {
			const target = join(dirname(path), to.replace(/js$/, "d.ts"));
			assert.ok(files.includes(target), `${path}: ${to}`);
			imported.add(target);
		}
		// A handle has the type of its value in a field that exists only for the compiler.
		if (path !== "dist/src/handles/handle.d.ts") assert.not.match(text, /^\s*protected /m, path);
	}
	assert.equal(
		declarations.filter((path) => !imported.has(path)),
		[],
	);
});

test("every source map leads to a source in the tarball", () => {
	const maps = files.filter((path) => path.endsWith(".map"));
	assert.ok(maps.includes("dist/src/index.d.ts.map"));
	for (const map of maps) {
		const { sources } = JSON.parse(readFileSync(join(project, map), "utf8")) as { sources: string[] };
		for (const source of sources) assert.ok(files.includes(join(dirname(map), source)), `${map}: ${source}`);
	}
});

test("tests, sources of benchmarks, examples, scripts and the proof's report stay out", () => {
	const unwanted =
		/^((dist\/)?(test|examples)\/|scripts\/|\.|bench\/|docs\/proof\.txt|dist\/bench\/native\/|dist\/shim\.node)|\.c$/;
	assert.equal(
		files.filter((path) => unwanted.test(path)),
		[],
	);
	assert.equal(
		files.filter((path) => path.startsWith("dist/bench/") && !path.endsWith(".js")),
		[],
	);
});

test("installing the package runs no script", () => {
	const names = ["preinstall", "install", "postinstall", "prepare"];
	assert.equal(
		names.filter((name) => name in (manifest.scripts ?? {})),
		[],
	);
	assert.not(files.includes("binding.gyp"), "npm would run node-gyp");
});

test.run();
