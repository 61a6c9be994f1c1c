// Packs the package for Python: FOLDER/dhmem-VERSION.tar.gz, with the library for C and the core translated to C, so that
// a C compiler alone builds it. `node scripts/pack-python.mjs [FOLDER]`; by default dist/python/. Needs a built clone,
// and Python 3 with pip.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fromPyPI } from "./pypi.mjs";
import { root } from "./shim-sources.mjs";

/** Copies the sources into `folder`, as the source package has them. */
export function stage(folder) {
	const python = join(root, "bindings/python");
	for (const part of ["dhmem", "native", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md"])
		cpSync(join(python, part), join(folder, part), {
			recursive: true,
			filter: (path) => !path.endsWith("__pycache__"),
		});
	const library = join(folder, "libdhmem");
	for (const part of ["include", "src"])
		cpSync(join(root, "bindings/c", part), join(library, part), { recursive: true });
	cpSync(join(root, "native-shim/host"), join(library, "host"), { recursive: true });
	copyFileSync(join(root, "assembly/layout.h"), join(library, "layout.h"));
	copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
	execFileSync(process.execPath, [join(root, "scripts/translate-core.mjs"), join(library, "core")]);
}

function checkVersion() {
	const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
	for (const file of ["pyproject.toml", "dhmem/__init__.py"]) {
		const text = readFileSync(join(root, "bindings/python", file), "utf8");
		const [, its] = /^(?:__version__|version) = "(.*)"$/m.exec(text) ?? [];
		if (its !== version)
			throw new Error(`bindings/python/${file} has version ${its}, and package.json ${version}`);
	}
}

/** Packs the source package. Returns its path. */
export function packSources(folder, into) {
	const build = `import setuptools.build_meta as b; print(b.build_sdist(${JSON.stringify(into)}))`;
	const output = execFileSync("python3", ["-c", build], {
		cwd: folder,
		encoding: "utf8",
		env: { ...process.env, PYTHONPATH: fromPyPI("setuptools.txt") },
		stdio: ["ignore", "pipe", "ignore"],
	});
	return join(into, output.trim().split("\n").at(-1));
}

if (process.argv[1] === import.meta.filename) {
	const into = resolve(process.argv[2] ?? join(root, "dist/python"));
	const folder = mkdtempSync(join(tmpdir(), "dhmem-python-"));
	try {
		checkVersion();
		stage(folder);
		mkdirSync(into, { recursive: true });
		console.log(packSources(folder, into));
	} finally {
		rmSync(folder, { recursive: true });
	}
}
