// Packs the crates for Rust: FOLDER/dhmem-sys with the library for C and the core translated to C, so that a C compiler
// alone builds it, and FOLDER/dhmem. `node scripts/pack-rust.mjs [FOLDER]`; by default dist/rust/. Needs a built clone, and
// Python 3 with pip. A project uses them by `cargo add --path FOLDER/dhmem`.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { root } from "./shim-sources.mjs";

const into = resolve(process.argv[2] ?? join(root, "dist/rust"));
const rust = join(root, "bindings/rust");

function checkVersions() {
	const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
	for (const crate of ["dhmem", "dhmem-sys"]) {
		const text = readFileSync(join(rust, crate, "Cargo.toml"), "utf8");
		const [, its] = /^version = "(.*)"$/m.exec(text) ?? [];
		const [, needed = version] = /^dhmem-sys = \{ version = "(.*?)"/m.exec(text) ?? [];
		if (its !== version || needed !== version)
			throw new Error(
				`bindings/rust/${crate}/Cargo.toml has the versions ${its} and ${needed}, and package.json ${version}`,
			);
	}
}

function pack(crate, parts) {
	const folder = join(into, crate);
	rmSync(folder, { recursive: true, force: true });
	mkdirSync(folder, { recursive: true });
	for (const part of parts) cpSync(join(rust, crate, part), join(folder, part), { recursive: true });
	copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));
	return folder;
}

checkVersions();
const sys = pack("dhmem-sys", ["Cargo.toml", "build.rs", "src", "README.md"]);
const library = join(sys, "libdhmem");
for (const part of ["include", "src"])
	cpSync(join(root, "bindings/c", part), join(library, part), { recursive: true });
cpSync(join(root, "native-shim/host"), join(library, "host"), { recursive: true });
copyFileSync(join(root, "assembly/layout.h"), join(library, "layout.h"));
execFileSync(process.execPath, [join(root, "scripts/translate-core.mjs"), join(library, "core")]);
console.log(sys);
console.log(pack("dhmem", ["Cargo.toml", "src", "README.md"]));
