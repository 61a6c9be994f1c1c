/** The layers of native-shim/: scripts/check-shim-layers.mjs finds nothing wrong there, and finds what is put there. */
import { spawnSync } from "node:child_process";
import { appendFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { long } from "../fixture/index.js";

const root = join(import.meta.dirname, "../../..");

function layersOf(shim: string) {
	const check = join(root, "scripts/check-shim-layers.mjs");
	const { status, stdout, stderr } = spawnSync(process.execPath, [check, shim], { encoding: "utf8" });
	return { status, said: stdout + stderr };
}

/** Checks a copy of the shim in which a file has additional text. */
function spoilt(file: string, text: string) {
	const copy = mkdtempSync(join(tmpdir(), "dhmem-shim-"));
	try {
		cpSync(join(root, "native-shim"), copy, { recursive: true });
		appendFileSync(join(copy, file), text);
		return layersOf(copy);
	} finally {
		rmSync(copy, { recursive: true });
	}
}

test("the host's part works without Node, and no file calls into one that calls it", () => {
	const { status, said } = layersOf(join(root, "native-shim"));
	assert.is(status, 0, said);
	assert.match(said, /host\/ works alone/);
});

test("detected: a cycle between two files", () => {
	const { status, said } = spoilt(
		"host/failure.c",
		"bool failed_late(int64_t deadline);\nbool failed_late(int64_t deadline) { return clock_after(0) > deadline; }\n" +
			"void lock_drop_late(const struct file *file);\nvoid lock_drop_late(const struct file *file) { lock_drop_all(file); }\n",
	);
	assert.is(status, 1, said);
	assert.match(said, /host\/failure\.c calls clock_after\(\) in host\/clock\.c, which is not above it/);
	assert.match(said, /host\/failure\.c calls lock_drop_all\(\) in host\/lock\.c/);
});

long(test)("detected: a header that includes itself by way of another", () => {
	const { status, said } = spoilt("host/host.h", '#include "internal.h"\n');
	assert.is(status, 1, said);
	assert.match(said, /host\/host\.h includes host\/internal\.h includes host\/host\.h/);
});

long(test)("detected: a file of the host's part that uses Node", () => {
	const { status, said } = spoilt("host/clock.c", "#include <node_api.h>\n");
	assert.is.not(status, 0);
	assert.match(said, /node_api\.h/);
});

test.run();
