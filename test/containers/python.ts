/** This machine's Python for containers, with the package for Python in it, built from its sources. It needs no registry. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { copyProgram, PROJECT } from "./root-file-system.js";

/** Where the package is in a container. */
const PACKAGES = "/python";

/** How a container runs Python. */
export interface Python {
	/** The interpreter, outside and in the container. */
	readonly program: string;
	/** Flags of Podman. The standard library and the package are mounted for reading only. */
	readonly options: readonly string[];
}

/** Its path, and those of the standard library and of the library's modules in C. */
const ask = `
import os, sys, sysconfig
print(os.path.realpath(sys._base_executable))
print(os.path.dirname(os.__file__))
print(sysconfig.get_config_var("DESTSHARED"))
`;

/**
 * Puts the interpreter into the root file system, and builds the package in `folder`.
 *
 * @param root the root file system
 */
export function preparePython(root: string, folder: string): Python {
	const [program = "", library = "", shared = ""] = run("python3", "-c", ask).trim().split("\n");
	const modules = readdirSync(shared).filter((name) => name.endsWith(".so"));
	copyProgram(
		root,
		program,
		program,
		modules.map((name) => join(shared, name)),
	);
	const sources = run(process.execPath, join(PROJECT, "scripts/pack-python.mjs"), folder).trim();
	const packages = join(folder, "packages");
	const install = "-m pip install --quiet --no-deps --disable-pip-version-check --root-user-action=ignore";
	run("python3", ...install.split(" "), "--target", packages, sources);
	const mounts = [`--volume=${library}:${library}:ro`, `--volume=${packages}:${PACKAGES}:ro`];
	return { program, options: [...mounts, `--env=PYTHONPATH=${PACKAGES}`] };
}

function run(program: string, ...args: string[]): string {
	return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}
