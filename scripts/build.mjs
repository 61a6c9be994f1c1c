// Builds what is older than its sources, or with --all everything. npm start and npm test call it, so that a fresh
// clone needs no other step.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

process.chdir(new URL("..", import.meta.url).pathname);
const isWhole = process.argv.includes("--all");

/**
 * What is built, each by an npm script: the sources that it reads, and the file that it writes. These need nothing of
 * each other, so they are built at the same time.
 */
const first = [
	{ script: "build:core", sources: ["assembly", "asconfig.json"], result: "dist/core.wasm" },
	// Compares the sources by itself, and mostly compiles nothing.
	{ script: "build:shim" },
	{ script: "build:schema", sources: ["schema", "scripts/build-schema.mjs"], result: "dist/schema/check.js" },
	{
		// Tests take what compiles, so that they begin sooner. `npm run lint` checks the types.
		script: isWhole ? "build:ts" : "build:js",
		sources: [
			"src",
			"test",
			"bench",
			"examples",
			"conformance",
			"assembly",
			"native-shim/index.d.ts",
			"schema",
			"tsconfig.json",
		],
		result: "dist/.tsbuildinfo",
	},
];

/** What is made of those, likewise. */
const second = [
	{
		script: "build:package",
		sources: [
			"dist/.tsbuildinfo",
			"dist/core.wasm",
			"src",
			"assembly",
			"schema",
			"bin",
			"docs",
			"prebuilds",
			"native-shim/index.d.ts",
			"README.md",
			"CHANGELOG.md",
			"SECURITY.md",
			"LICENSE",
			"package.json",
			"scripts/build-package.mjs",
		],
		result: "dist/package/package.json",
	},
	{
		script: "build:tests",
		sources: [
			"dist/.tsbuildinfo",
			"dist/core.wasm",
			"dist/schema",
			"assembly",
			"bench",
			"bin",
			"docs",
			"examples",
			"native-shim",
			"prebuilds",
			"schema",
			"scripts",
			"src",
			"test",
			"README.md",
			"package.json",
		],
		result: "dist/bundled/package.json",
	},
];

/** When the newest of these files and folders was changed. A folder changes when a file in it goes. */
function newest(paths) {
	const times = paths.map((path) => {
		const status = statSync(path);
		if (!status.isDirectory()) return status.mtimeMs;
		const names = readdirSync(path).filter((name) => name !== "node_modules");
		return Math.max(status.mtimeMs, newest(names.map((name) => join(path, name))));
	});
	return Math.max(...times);
}

/** What was made from sources that are gone: it would still be tested, and published. */
function removeOrphans() {
	for (const folder of ["src", "test", "bench", "examples", "conformance", "assembly"]) {
		const from = join("dist", folder);
		const files = existsSync(from) ? readdirSync(from, { recursive: true }) : [];
		for (const file of files.filter((name) => /\.(js|d\.ts)(\.map)?$/.test(name))) {
			if (!existsSync(join(folder, file.replace(/\.(js|d\.ts)(\.map)?$/, ".ts")))) rmSync(join(from, file));
		}
	}
}

function isFresh({ sources, result }) {
	return (
		result !== undefined &&
		existsSync(result) &&
		statSync(result).mtimeMs > newest([...sources, "package-lock.json"])
	);
}

/** Returns whether it succeeded. */
async function build(step) {
	if (!isWhole && isFresh(step)) return true;
	const [status] = await once(spawn("npm", ["run", "--silent", step.script], { stdio: "inherit" }), "exit");
	if (step.result === undefined) return status === 0;
	// Some compilers write a result beside their errors.
	if (status !== 0) rmSync(step.result, { force: true });
	// A compiler that finds nothing to do leaves its result as old as it was.
	else utimesSync(step.result, new Date(), new Date());
	return status === 0;
}

/** Returns whether all succeeded. */
async function buildAll(steps) {
	const built = await Promise.all(steps.map(build));
	return built.every(Boolean);
}

mkdirSync("dist", { recursive: true });
removeOrphans();
process.exitCode = (await buildAll(first)) && (await buildAll(second)) ? 0 : 1;
