// Packs the module for Go as the folder FOLDER: its sources, with the library for C and the core translated to C, so that
// Go and a C compiler alone build it. `node scripts/pack-go.mjs [FOLDER]`; by default dist/go/. Needs a built clone.
import { execFileSync } from "node:child_process";
import {
	copyFileSync,
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { root } from "./shim-sources.mjs";

const folder = resolve(process.argv[2] ?? join(root, "dist/go"));
if (existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, "go.mod")))
	throw new Error(`${folder} has other files than those of the module; choose another folder, or empty it`);
rmSync(folder, { recursive: true, force: true });
cpSync(join(root, "bindings/go"), folder, { recursive: true });
copyFileSync(join(root, "LICENSE"), join(folder, "LICENSE"));

// Go compiles the C files of a package's folder, and of no folder below.
const native = join(folder, "internal/native");
execFileSync(process.execPath, [join(root, "scripts/translate-core.mjs"), native]);
// In it are functions that the core does not need.
const core = join(native, "core.c");
writeFileSync(core, `#pragma GCC diagnostic ignored "-Wunused"\n${readFileSync(core, "utf8")}`);
copyFileSync(join(root, "bindings/c/include/dhmem.h"), join(native, "dhmem.h"));
copyFileSync(join(root, "assembly/layout.h"), join(native, "layout.h"));
add(join(root, "bindings/c/src"), (name) => name);
add(join(root, "native-shim/host"), (name) => (name === "host.h" ? name : `host-${name}`));
console.log(folder);

/** Both libraries have an internal.h. */
function add(from, rename) {
	mkdirSync(native, { recursive: true });
	for (const name of readdirSync(from)) {
		const text = readFileSync(join(from, name), "utf8");
		const into = join(native, rename(name));
		if (existsSync(into)) throw new Error(`The module has two files ${rename(name)}`);
		writeFileSync(into, text.replace('#include "internal.h"', `#include "${rename("internal.h")}"`));
	}
}
