/** How a clone builds its shim: not at all, unless its sources differ from those of the prebuilt one. */
import { spawnSync } from "node:child_process";
import {
	appendFileSync,
	chmodSync,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = join(import.meta.dirname, "../../..");

let clone = "";

test.before.each(() => {
	clone = mkdtempSync(join(tmpdir(), "dhmem-clone-"));
	for (const part of ["native-shim", "prebuilds", "scripts", "package.json"]) {
		cpSync(join(root, part), join(clone, part), { recursive: true });
	}
	symlinkSync(join(root, "node_modules"), join(clone, "node_modules"));
	mkdirSync(join(clone, "dist"));
	const compiler = join(clone, "compiler");
	// The argument behind -o is the output.
	writeFileSync(compiler, '#!/bin/sh\nwhile [ "$1" != -o ]; do shift; done\necho compiled >"$2"\n');
	chmodSync(compiler, 0o755);
});

test.after.each(() => rmSync(clone, { recursive: true }));

function build(compiler: string) {
	const env = { ...process.env, CC: join(clone, compiler) };
	return spawnSync(process.execPath, ["scripts/build-shim.mjs"], { cwd: clone, env, encoding: "utf8" });
}

const own = () => join(clone, "dist/shim.node");
const change = () => appendFileSync(join(clone, "native-shim/host/clock.c"), "/* Changed. */\n");

test("a clone needs no compiler, and removes a shim that it compiled before", () => {
	writeFileSync(own(), "of sources that were here before");
	const { status, stderr } = build("missing");
	assert.is(status, 0, stderr);
	assert.not.ok(existsSync(own()));
});

test("a clone that has changed the shim compiles it", () => {
	change();
	const { status, stdout, stderr } = build("compiler");
	assert.is(status, 0, stderr);
	assert.match(stdout, /made from native-shim\/ as it is: compiling one/);
	assert.ok(existsSync(own()));
});

test("a clone without a prebuilt shim for its machine compiles one", () => {
	rmSync(join(clone, "prebuilds", `linux-${process.arch}`), { recursive: true });
	assert.is(build("compiler").status, 0);
	assert.ok(existsSync(own()));
});

test("a clone that has changed the shim and has no compiler says so", () => {
	change();
	const { status, stderr } = build("missing");
	assert.is(status, 1);
	assert.match(stderr, /There is no C compiler .*missing/);
});

test.run();
