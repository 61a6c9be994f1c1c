// Packs the library for C as FOLDER/dhmem-c-VERSION.tar.gz: its sources, the core translated to C, and the licences.
// `node scripts/pack-c.mjs [FOLDER]`; by default dist/. Needs a built clone.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./shim-sources.mjs";

const into = process.argv[2] ?? join(root, "dist");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const name = `dhmem-c-${version}`;
const stage = mkdtempSync(join(tmpdir(), "dhmem-c-"));
try {
	const folder = join(stage, name);
	const c = join(root, "bindings/c");
	const [, its] = readFileSync(join(c, "Makefile"), "utf8").match(/^VERSION = (.*)$/m) ?? [];
	if (its !== version) throw new Error(`bindings/c/Makefile has version ${its}, and package.json ${version}`);
	mkdirSync(folder, { recursive: true });
	for (const part of ["include", "src", "Makefile", "dhmem.pc.in", "README.md"])
		cpSync(join(c, part), join(folder, part), { recursive: true });
	cpSync(join(root, "native-shim/host"), join(folder, "host"), { recursive: true });
	copyFileSync(join(root, "assembly/layout.h"), join(folder, "layout.h"));
	copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
	execFileSync(process.execPath, [join(root, "scripts/translate-core.mjs"), join(folder, "core")]);
	mkdirSync(into, { recursive: true });
	const file = join(into, `${name}.tar.gz`);
	execFileSync("tar", [
		"--sort=name",
		"--owner=0",
		"--group=0",
		"--numeric-owner",
		"-czf",
		file,
		"-C",
		stage,
		name,
	]);
	console.log(file);
} finally {
	rmSync(stage, { recursive: true });
}
