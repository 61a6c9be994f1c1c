// Makes dist/bundled/, where `npm test` runs: this folder over again, but with the modules of src/ bundled. Tests start
// about a thousand processes, and most of the time of a short one goes into loading 120 modules.
// Every module is still where it was, exports what it did, and has its own `import.meta.url`. Only its code is in a chunk.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { rollup } from "rollup";

process.chdir(new URL("..", import.meta.url).pathname);
const folder = "dist/bundled";
const { imports } = JSON.parse(readFileSync("package.json", "utf8"));

/** What is bundled: the library, what it takes of the core's sources, and what tests share. */
const bundled = ["dist/src", "dist/assembly", "dist/test/fixture"];
/** What tests use besides. They may copy and then change it, and a link would be copied as a link. */
const copied = [
	...["dist/test", "dist/bench", "dist/examples", "dist/conformance", "dist/schema", "dist/core.wasm"],
	...[
		"dist/shim.node",
		"asconfig.json",
		"package.json",
		"README.md",
		"assembly",
		"bench",
		"bin",
		"docs",
		"examples",
	],
	...["native-shim", "prebuilds", "schema", "scripts", "src", "test"],
];
/** What they only read. It may be built later. */
const linked = ["dist/package", "dist/bench/native", "node_modules", "bench/peers/node_modules"];
/** What is in a chunk: these modules, and all that they import and no chunk before has. */
const manualChunks = {
	library: ["dist/src/index.js"],
	workflow: ["dist/src/workflow/index.js"],
	fixture: ["dist/test/fixture/index.js"],
};

const modules = {
	name: "modules",
	resolveId(name) {
		if (name === "dhmem") return resolve("dist/src/index.js");
		if (name === "@assemblyscript/loader") return resolve("node_modules", name, "index.js");
		return name in imports ? resolve(imports[name].default) : null;
	},
	resolveImportMeta(property, { chunkId, moduleId }) {
		if (property !== "url")
			throw new Error(`import.meta.${property} in ${moduleId} would be that of a chunk`);
		const path = relative(dirname(chunkId), relative("dist", moduleId));
		return `new URL(${JSON.stringify(path)}, import.meta.url).href`;
	},
};

rmSync(folder, { recursive: true, force: true });
for (const path of [...copied, ...bundled].filter(existsSync)) {
	cpSync(path, join(folder, path), {
		recursive: true,
		filter: (name) => !/\.map$/.test(name) && !linked.includes(name),
	});
}
for (const path of linked) symlinkSync(resolve(path), join(folder, path));
const made = await rollup({
	input: Object.fromEntries(bundled.flatMap(modulesIn).map((path) => [relative("dist", path), path])),
	external: (name) => isBuiltin(name) || (/^[@a-z]/.test(name) && modules.resolveId(name) === null),
	plugins: [modules],
	preserveEntrySignatures: "strict",
	treeshake: false,
	// tsc's helpers for `using` ask for `this`, which modules do not have.
	onLog: (level, log, print) => log.code === "THIS_IS_UNDEFINED" || print(level, log),
});
await made.write({
	dir: join(folder, "dist"),
	entryFileNames: "[name]",
	chunkFileNames: "src/chunks/[name].js",
	manualChunks,
	hoistTransitiveImports: false,
	minifyInternalExports: false,
});
await made.close();

function modulesIn(path) {
	const names = readdirSync(path, { recursive: true }).filter((name) => name.endsWith(".js"));
	return names.map((name) => join(path, name));
}
