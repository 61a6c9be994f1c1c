/** Engines with flags that forbid something, and bundles. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Failure } from "../attachment/region-scenarios.js";
import { start } from "../attachment/stage.js";
import { directory, eachInFolder, errorOf, limitedTest } from "../fixture/index.js";

eachInFolder();

/** What Node calls its permission model depends on its age. */
const permission =
	Number.parseInt(process.versions.node, 10) < 24 ? "--experimental-permission" : "--permission";

for (const [flags, expected, word] of [
	[["--disallow-code-generation-from-strings"], "nothing", ""],
	[["--jitless"], "DHMEM_UNSUPPORTED", "--jitless"],
	[["--no-addons"], "DHMEM_UNSUPPORTED", "--no-addons"],
	[[permission, "--allow-fs-read=*"], "DHMEM_UNSUPPORTED", "--allow-addons"],
	[[permission, "--allow-fs-read=*", "--allow-addons"], "DHMEM_PERMISSION", "--allow-fs-write"],
	[[permission, "--allow-fs-read=*", "--allow-fs-write=*", "--allow-addons"], "nothing", ""],
] as const) {
	limitedTest(`with ${flags.join(" ")} a region gives ${expected}`, async () => {
		const { code, message } = (await start("use", [], [...flags]).hear()) as Failure;
		assert.is(code, expected);
		assert.ok(message.includes(word), message);
	});
}

limitedTest("the error of a bundle that includes dhmem says to leave it outside", async () => {
	const source = new URL("../../src/host/parts.js", import.meta.url);
	const imported = (text: string, path: string) =>
		text.replace(`"${path}"`, `"${new URL(path, source).href}"`);
	const text = ["../errors.js", "./process.js"].reduce(imported, readFileSync(source, "utf8"));
	for (const url of ["undefined", '"file:///bundle/out.js"']) {
		const bundle = join(directory, `bundle-${url.length}.mjs`);
		writeFileSync(bundle, text.replaceAll("import.meta.url", url));
		const { pathOfPart } = (await import(bundle)) as typeof import("../../src/host/parts.js");
		const { code, message } = errorOf(() => pathOfPart("shim.node"));
		assert.is(code, "DHMEM_UNSUPPORTED");
		assert.ok(message.includes("keep dhmem outside the bundle"), message);
	}
});

test.run();
