/** A root file system for containers: this machine's Node, and the package as it is built. No registry is needed. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, realpathSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const project = fileURLToPath(new URL("../../..", import.meta.url));

/** Where the package is in a container. */
export const APP = "/app";

/** Makes it in `root`, a folder of its own. */
export function makeRootFileSystem(root: string): void {
	for (const folder of ["dev", "etc", "proc", "run", "sys", "tmp", "var/tmp"]) {
		mkdirSync(join(root, folder), { recursive: true });
	}
	copyProgram(root, process.execPath, "/usr/bin/node");
	for (const part of ["package.json", "dist", "schema", ...dependencies()]) {
		cpSync(join(project, part), join(root, APP, part), { recursive: true, dereference: true });
	}
}

/** Copies a program, and the libraries that it is linked with to where it looks for them. */
function copyProgram(root: string, from: string, to: string): void {
	const libraries = execFileSync("ldd", [from], { encoding: "utf8" }).matchAll(/(\/\S+) \(0x/g);
	const copies = [[from, to], ...Array.from(libraries, ([, path]) => [path, path])] as [string, string][];
	for (const [source, target] of copies) {
		mkdirSync(dirname(join(root, target)), { recursive: true });
		cpSync(realpathSync(source), join(root, target));
	}
}

/** The folders of what the package needs when it runs. */
function dependencies(): string[] {
	const listed = execFileSync("npm", ["ls", "--omit=dev", "--all", "--parseable"], {
		cwd: project,
		encoding: "utf8",
	});
	return listed
		.split("\n")
		.map((path) => relative(project, path))
		.filter((path) => path.startsWith("node_modules"));
}
