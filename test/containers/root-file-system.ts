/** A root file system for containers: this machine's Node, and the built package. It needs no registry. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Its place outside. */
export const PROJECT = fileURLToPath(new URL("../../..", import.meta.url));

/** What runs here needs these too: the loader, which is bundled, is not the package's; the client of NATS is optional. */
const others = [
	...["@assemblyscript/loader", "csv-parse", "d3-scale-chromatic", "fast-png", "pure-rand"],
	...["@nats-io/transport-node", "@nats-io/jetstream", "@nats-io/kv"],
];

/** Where the package is in a container. */
export const APP = "/app";

/** A program that does nothing. */
export const IDLE = "/usr/bin/idle";

/** Makes it in `root`, a folder of its own. */
export function makeRootFileSystem(root: string): void {
	for (const folder of ["dev", "etc", "proc", "run", "sys", "tmp", "var/tmp"]) {
		mkdirSync(join(root, folder), { recursive: true });
	}
	copyProgram(root, process.execPath, "/usr/bin/node");
	writeProgram(root, IDLE, 'setInterval(() => {}, 2 ** 30); process.on("SIGTERM", () => process.exit());');
	writeProgram(root, "/usr/bin/dhmem", `import("${APP}/dist/src/cli/main.js");`);
	// These contain links to files outside of them.
	const linking = ["dist/package", "dist/bundled"].map((path) => join(PROJECT, path));
	const filter = (path: string) => !linking.includes(path);
	for (const part of ["package.json", "dist", "prebuilds", "examples", "schema", ...dependencies()]) {
		cpSync(join(PROJECT, part), join(root, APP, part), { recursive: true, dereference: true, filter });
	}
}

function writeProgram(root: string, path: string, text: string): void {
	writeFileSync(join(root, path), `#!/usr/bin/node\n${text}\n`, { mode: 0o755 });
}

/** Copies a program, and the libraries of it and its `modules` to where they look for them. */
export function copyProgram(root: string, from: string, to: string, modules: readonly string[] = []): void {
	const libraries = execFileSync("ldd", [from, ...modules], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g);
	const copies = new Map([[from, to], ...Array.from(libraries, ([, path = ""]) => [path, path] as const)]);
	for (const [source, target] of copies) {
		mkdirSync(dirname(join(root, target)), { recursive: true });
		cpSync(realpathSync(source), join(root, target));
	}
}

interface Lock {
	packages: Record<string, { dependencies?: Record<string, string> }>;
}

/** The folders that the package and its examples need at run time. */
function dependencies(): string[] {
	const read = (file: string): unknown => JSON.parse(readFileSync(join(PROJECT, file), "utf8"));
	const { packages } = read("package-lock.json") as Lock;
	const { dependencies } = read("package.json") as { dependencies: Record<string, string> };
	const folders = new Set<string>();
	const add = (name: string) => {
		const folder = `node_modules/${name}`;
		const entry = packages[folder];
		if (entry === undefined || folders.has(folder)) return;
		folders.add(folder);
		for (const other of Object.keys(entry.dependencies ?? {})) add(other);
	};
	for (const name of [...Object.keys(dependencies), ...others]) add(name);
	return [...folders];
}
