/** Core and shim in other places than beside the library, as in bundles. */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { some } from "./fixture/index.js";

const test = suite("assets");
const project = fileURLToPath(new URL(".", import.meta.resolve("dhmem/package.json")));
const shimOf = (processor: string) => join(project, `prebuilds/linux-${processor}/shim.node`);

let folder: string;
let core: string;
let shim: string;
test.before(() => {
	folder = mkdtempSync(join(tmpdir(), "dhmem-assets-"));
	core = join(folder, "my.wasm");
	shim = join(folder, "my.node");
	copyFileSync(join(project, "dist/core.wasm"), core);
	copyFileSync(shimOf(process.arch), shim);
	writeFileSync(join(folder, "text"), "neither of the two");
	mkdirSync(join(folder, "folder"));
});
test.after(() => rmSync(folder, { recursive: true }));

/** What a program prints, in which a region is used by `use()`; the code and message of what it throws. */
function run(body: string): string {
	const program = `
		import { readFileSync } from "node:fs";
		const { Region } = await import(${JSON.stringify(import.meta.resolve("dhmem"))});
		const { useAssets } = await import(${JSON.stringify(import.meta.resolve("dhmem/assets"))});
		const use = () => Region.temporary({ size: "1MiB" }).close();
		try { ${body} } catch (error) { console.log(error.code, error.message) }
	`;
	const flags = ["--no-warnings", "--input-type=module", "-e", program];
	return execFileSync(process.execPath, flags, { cwd: folder, encoding: "utf8" }).trim();
}

test("the files that useAssets names are loaded, by path or URL", () => {
	const url = JSON.stringify(pathToFileURL(shim));
	const maps = run(
		`useAssets({ core: "my.wasm", shim: new URL(${url}) }); use(); console.log(readFileSync("/proc/self/maps", "utf8"))`,
	);
	assert.ok(maps.includes(shim), maps);
	assert.not.match(maps, /prebuilds|dist\/shim/);
	rmSync(core);
	assert.match(
		run('useAssets({ core: "my.wasm" })'),
		/^DHMEM_NOT_FOUND .*my\.wasm, given as the core, is not/,
	);
	copyFileSync(join(project, "dist/core.wasm"), core);
});

test("a file that goes after useAssets is named when it would be loaded", () => {
	const output = run(
		'const { rmSync } = await import("node:fs"); useAssets({ core: "my.wasm" }); rmSync("my.wasm"); use()',
	);
	assert.match(output, /^DHMEM_UNSUPPORTED The core is missing \(.*my\.wasm\)/);
	copyFileSync(join(project, "dist/core.wasm"), core);
});

test("after dhmem has loaded its files, useAssets is too late for others", () => {
	const late = run('use(); useAssets({ core: "my.wasm" })');
	assert.match(late, /^DHMEM_BAD_ARGUMENT useAssets comes too late: .*core\.wasm is loaded already/);
	assert.match(run('use(); useAssets({ shim: "my.node" })'), /^DHMEM_BAD_ARGUMENT .*comes too late/);
	const same =
		'useAssets({ shim: "my.node" }); use(); useAssets({ shim: "./my.node" }); console.log("right")';
	assert.is(run(same), "right");
	assert.is(
		run('useAssets({ core: "my.wasm" }); useAssets({ core: "./my.wasm" }); console.log("right")'),
		"right",
	);
});

const other = process.arch === "x64" ? "arm64" : "x64";
for (const [what, given, expected] of some(
	[
		[
			"a text as the core",
			'core: "text"',
			/^DHMEM_BAD_ARGUMENT core is .*text.* a copy of dhmem\/dist\/core\.wasm/,
		],
		["a folder as the core", 'core: "folder"', /^DHMEM_BAD_ARGUMENT core is /],
		["the core as the shim", 'shim: "my.wasm"', /^DHMEM_BAD_ARGUMENT shim is .*linux-\w+\/shim\.node/],
		[
			"a shim for another processor",
			`shim: ${JSON.stringify(shimOf(other))}`,
			/^DHMEM_BAD_ARGUMENT shim is /,
		],
		["a file that is not there", 'shim: "none.node"', /^DHMEM_NOT_FOUND .*none\.node, given as the shim/],
		[
			"an address on a server",
			'core: new URL("https://example.com/core.wasm")',
			/^DHMEM_BAD_ARGUMENT .*file: URL/,
		],
		["a number", "core: 1", /^DHMEM_BAD_ARGUMENT core is 1; it must be a path, or a file: URL/],
		["an unknown option", 'wasm: "my.wasm"', /^DHMEM_BAD_ARGUMENT .*wasm/],
	] as const,
	4,
)) {
	test(`useAssets refuses ${what}, and sets nothing`, () => {
		assert.match(run(`useAssets({ ${given} })`), expected);
		const after = `try { useAssets({ ${given} }) } catch {} use(); console.log("right")`;
		assert.is(run(after), "right");
	});
}

test.run();
