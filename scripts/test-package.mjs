// Packs dhmem, installs it into empty folders as users do, and runs a program in each kind of project, in each engine
// and out of each bundler. Writes the tables of docs/installing.md; with `--check` it fails if they are not as written.
// Needs the npm registry, and Linux on x64. The tools are those of test/consumers/, installed once.
import { execFile, execFileSync } from "node:child_process";
import {
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { bundlers } from "./test-package/bundlers.mjs";
import { release } from "./test-package/release.mjs";
import { types } from "./test-package/types.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const consumers = join(root, "test/consumers");
const tools = join(consumers, "node_modules");
const folder = mkdtempSync(join(tmpdir(), "dhmem-package-"));
const regions = mkdtempSync("/dev/shm/dhmem-package-");
process.on("exit", () => {
	for (const each of [folder, regions]) rmSync(each, { recursive: true, force: true });
});

let failed = false;

function fails(what) {
	failed = true;
	console.log(`${what}: FAILED`);
}

/** Runs a command. Returns whether it succeeded; prints what it wrote if not. */
async function succeeds(what, cwd, [program, ...args], environment = {}) {
	const env = { ...process.env, DHMEM_DIR: regions, ...environment };
	try {
		const { stdout } = await promisify(execFile)(program, args, { cwd, env, timeout: 300_000 });
		return stdout;
	} catch (error) {
		fails(what);
		console.log(`${error.message}\n${error.stdout}${error.stderr}`);
		return undefined;
	}
}

/** Runs a program that uses dhmem. Returns the mark for the table. */
async function works(what, cwd, command, environment) {
	const output = await succeeds(what, cwd, command, environment);
	if (output === undefined) return "**fails**";
	if (/^right$/m.test(output)) return "✓";
	fails(`${what}: it printed ${JSON.stringify(output)}`);
	return "**fails**";
}

function installTools() {
	const installed = join(tools, ".package-lock.json");
	const lock = join(consumers, "package-lock.json");
	if (existsSync(installed) && statSync(installed).mtimeMs > statSync(lock).mtimeMs) return;
	execFileSync("npm", ["ci", "--silent", "--ignore-scripts"], { cwd: consumers, stdio: "inherit" });
}

function pack() {
	execFileSync("npm", ["run", "--silent", "build:stale"], { cwd: root, stdio: "inherit" });
	execFileSync("npm", ["pack", "--silent", "./dist/package", "--pack-destination", folder], { cwd: root });
	return join(
		folder,
		readdirSync(folder).find((file) => file.endsWith(".tgz")),
	);
}

/** Makes a project that depends on the tarball, with the programs in it. */
function project(name, tarball, files = {}) {
	const path = join(folder, name);
	mkdirSync(path);
	const manifest = { name: "consumer", private: true, dependencies: { dhmem: `file:${tarball}` } };
	writeFileSync(join(path, "package.json"), JSON.stringify(manifest));
	for (const file of ["main.mjs", "main.cjs", "main.mts", "use.mjs"]) {
		cpSync(join(consumers, file), join(path, file));
	}
	for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
	return path;
}

installTools();
const node = process.execPath;
const bun = join(tools, "@oven/bun-linux-x64/bin/bun");
const yarn = [node, join(tools, "@yarnpkg/cli-dist/bin/yarn.js")];
// Where CI is set, yarn refuses to write a lock file unless it is told that it may.
const yarnSettings = "enableTelemetry: false\nenableImmutableInstalls: false\n";
const managers = [
	{ name: "npm", install: ["npm", "install", "--silent", "--ignore-scripts"] },
	{ name: "pnpm", install: [node, join(tools, "pnpm/bin/pnpm.mjs"), "install", "--ignore-scripts"] },
	{
		name: "yarn, node_modules",
		install: [...yarn, "install"],
		files: { "yarn.lock": "", ".yarnrc.yml": `nodeLinker: node-modules\n${yarnSettings}` },
	},
	{
		name: "yarn, Plug'n'Play",
		install: [...yarn, "install"],
		run: [...yarn, "node"],
		files: { "yarn.lock": "", ".yarnrc.yml": `nodeLinker: pnp\n${yarnSettings}` },
	},
	{ name: "bun", install: [bun, "install", "--ignore-scripts"] },
];

/** Compiles main.mts, and runs what comes of it. */
async function compiled(what, path) {
	const tsc = join(tools, "typescript6.0/bin/tsc");
	const flags = "--strict --module nodenext --target es2022 --types node --ignoreConfig --outDir compiled";
	const roots = ["--typeRoots", join(tools, "@types")];
	if ((await succeeds(what, path, [node, tsc, "main.mts", ...flags.split(" "), ...roots])) === undefined) {
		return "**fails**";
	}
	cpSync(join(path, "use.mjs"), join(path, "compiled/use.mjs"));
	return works(what, path, [node, "compiled/main.mjs"]);
}

/** Bundles main.mjs with esbuild, and runs the bundle where there is no dhmem. */
async function bundled(what, path) {
	writeFileSync(
		join(path, "bundle.mjs"),
		`import dhmem from "dhmem/esbuild";
		import { build } from ${JSON.stringify(join(tools, "esbuild/lib/main.js"))};
		await build({ entryPoints: ["main.mjs"], bundle: true, platform: "node", format: "esm",
			outdir: "bundle", outExtension: { ".js": ".mjs" }, plugins: [dhmem()] });`,
	);
	if ((await succeeds(what, path, [node, "bundle.mjs"])) === undefined) return "**fails**";
	const elsewhere = join(folder, `bundle of ${what}`);
	renameSync(join(path, "bundle"), elsewhere);
	return works(what, elsewhere, [node, "main.mjs"]);
}

async function managerRow({ name, install, files, run = [node] }, tarball) {
	const path = project(name, tarball, files);
	if ((await succeeds(`${name} installs`, path, install)) === undefined) return [name, "**fails**"];
	const row = [name];
	row.push(await works(`${name}, ESM`, path, [...run, "main.mjs"]));
	// There, Node 20 does not find what an ES module imports that was loaded by require(): yarn's hooks are not asked.
	// And compilers and bundlers need plugins of yarn's.
	if (files?.[".yarnrc.yml"].includes("pnp")) {
		const newer = [join(tools, "node22/bin/node"), ...run.slice(1)];
		const mark = await works(`${name}, CommonJS in Node 22`, path, [...newer, "main.cjs"]);
		return [...row, mark === "✓" ? "from Node 22 on" : mark, "not tested", "not tested"];
	}
	row.push(await works(`${name}, CommonJS`, path, [...run, "main.cjs"]));
	row.push(await compiled(`${name}, TypeScript`, path));
	row.push(await bundled(`${name}, bundle`, path));
	return row;
}

const engines = [
	...["20", "22", "24", "26"].map((version) => {
		const program = join(tools, `node${version}/bin/node`);
		return {
			name: `Node ${execFileSync(program, ["--version"], { encoding: "utf8" }).trim().slice(1)}`,
			run: [program],
		};
	}),
	{
		name: "Deno",
		run: [
			join(tools, "@deno/linux-x64-glibc/deno"),
			..."run --no-prompt --allow-ffi --allow-read --allow-write --allow-env --allow-sys --allow-run".split(
				" ",
			),
		],
	},
	{ name: "Bun", run: [bun] },
];

async function engineRow({ name, run }, path, bundle) {
	const row = [name];
	row.push(await works(`${name}, ESM`, path, [...run, "main.mjs"]));
	row.push(await works(`${name}, CommonJS`, path, [...run, "main.cjs"]));
	row.push(await works(`${name}, TypeScript`, path, [...run, "compiled/main.mjs"]));
	row.push(await works(`${name}, bundle`, bundle, [...run, "main.mjs"]));
	return row;
}

const table = (head, rows) =>
	[head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

/** Puts the tables into the document, or with `--check` compares them with it. */
function publish(tables) {
	const path = join(root, "docs/installing.md");
	const text = readFileSync(path, "utf8");
	const fresh = text.replace(
		/(<!-- tested: begin -->\n\n).*?(\n\n<!-- tested: end -->)/s,
		(_, begin, end) => begin + tables.join("\n\n") + end,
	);
	if (fresh === text) return;
	if (!process.argv.includes("--check")) return writeFileSync(path, fresh);
	failed = true;
	console.log("docs/installing.md: its tables are not what was found; run scripts/test-package.mjs\n");
	console.log(tables.join("\n\n"));
}

const tarball = pack();
await release({ folder, root, succeeds, fails });
const kinds = [];
for (const manager of managers) kinds.push(await managerRow(manager, tarball));
const npmProject = join(folder, "npm");
const found = [];
for (const engine of engines)
	found.push(await engineRow(engine, npmProject, join(folder, "bundle of npm, bundle")));
const context = { folder, tools, node, bun, project: npmProject, succeeds, works };
const [bundles] = await Promise.all([bundlers(context), types(context, tarball)]);
publish([
	table(["installed by", "ESM", "CommonJS", "TypeScript", "bundle"], kinds),
	table(["run by", "ESM", "CommonJS", "TypeScript", "bundle"], found),
	table(["bundled by", "dhmem inside", "dhmem outside"], bundles),
]);
const left = readdirSync(regions);
if (left.length > 0) {
	failed = true;
	console.log(`left behind: ${left.join(", ")}`);
}
process.exit(failed ? 1 : 0);
