// Makes dist/package/, the package as it is published. Its JavaScript is bundled, because a program starts sooner the
// fewer files it loads. Modules that several entry points use are in chunks, so none is loaded twice.
import {
	cpSync,
	existsSync,
	mkdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { rollup } from "rollup";

process.chdir(new URL("..", import.meta.url).pathname);
const folder = "dist/package";
const manifest = JSON.parse(readFileSync("package.json", "utf8"));

/** What is copied as it is: files and folders, and of some folders the files that match. */
const copied = [
	["README.md"],
	["CHANGELOG.md"],
	["SECURITY.md"],
	["LICENSE"],
	["bin"],
	["docs", /^(?!docs\/proof\.txt$)/],
	["src"],
	["assembly"],
	["schema"],
	["native-shim/index.d.ts"],
	["prebuilds", /shim\.node$/],
	["dist/core.wasm"],
	["dist/assembly", /layout\.(js|d\.ts)(\.map)?$/],
	["dist/schema"],
	["dist/bench", /^(?!dist\/bench\/(native\/|network\/|watching\.)).*\.js$/],
];

/** The one package that is in the bundle. The compiler's package has the text of its licence. */
const LOADER = "node_modules/@assemblyscript/loader";

/** Finds modules that are not imported by a relative path, and the source maps of those that tsc wrote. */
const modules = {
	name: "modules",
	resolveId(name) {
		if (name === "@assemblyscript/loader") return resolve(LOADER, "index.js");
		return name in manifest.imports ? resolve(manifest.imports[name].default) : null;
	},
	load(path) {
		const map = existsSync(`${path}.map`) ? JSON.parse(readFileSync(`${path}.map`, "utf8")) : null;
		return { code: readFileSync(path, "utf8"), map };
	},
};

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
for (const [path, pattern = /./] of copied) {
	cpSync(path, join(folder, path), { recursive: true, filter: isWanted(pattern) });
}
for (const path of declarations(manifest.exports)) {
	for (const file of [path, `${path}.map`]) cpSync(file, join(folder, file));
}
cpSync(join(LOADER, "index.js"), join(folder, "dist/loader/index.js"));
cpSync("node_modules/assemblyscript/LICENSE", join(folder, "dist/loader/LICENSE"));
// A shim that was compiled in this clone is for dist/package/ too, but is not published: npm leaves links out.
symlinkSync("../../shim.node", join(folder, "dist/shim.node"));

const { private: _, scripts, devDependencies, ...published } = manifest;
writeFileSync(join(folder, "package.json"), `${JSON.stringify(published, null, "\t")}\n`);

// Each process loads one of these, so each may have a copy of what both need.
await bundle(programs(manifest.exports));
await bundle([manifest.bin.dhmem]);

/** Bundles programs, but not the packages that the published one depends on. */
async function bundle(entryPoints) {
	const made = await rollup({
		input: Object.fromEntries(entryPoints.map((path) => [relative("dist/src", path), path])),
		external: (name) => isBuiltin(name) || name in manifest.dependencies || name in manifest.peerDependencies,
		plugins: [modules],
		// tsc's helpers for `using` ask for `this`, which modules do not have.
		onLog: (level, log, print) => log.code === "THIS_IS_UNDEFINED" || print(level, log),
	});
	await made.write({
		dir: join(folder, "dist/src"),
		entryFileNames: "[name]",
		// Two folders below dist/, as the modules are: so `new URL("../../core.wasm", import.meta.url)` means the same there.
		chunkFileNames: "chunks/[name]-[hash].js",
		// By itself, because ncc does not find the core and the shim in the large chunk.
		manualChunks: (path) => (path.endsWith("/src/host/parts.js") ? "parts" : undefined),
		sourcemap: true,
		sourcemapExcludeSources: true,
		sourcemapPathTransform: sourceInPackage,
	});
	await made.close();
}

/** Where a source of the clone is in the package, both as seen from a source map in the package. */
function sourceInPackage(source, map) {
	const path = relative(".", join(dirname(map), source)).replace(LOADER, "dist/loader");
	return relative(dirname(map), join(folder, path));
}

function isWanted(pattern) {
	return (path) => statSync(path).isDirectory() || pattern.test(path);
}

/** The declarations that `exports` points to, and those that they import. */
function declarations(value) {
	const paths = new Set(Object.values(value).flatMap(({ types }) => (types ? [join(types)] : [])));
	// A set goes on with what is added to it meanwhile.
	for (const path of paths) {
		const imports = readFileSync(path, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g);
		for (const [, name] of imports) paths.add(join(dirname(path), `${name}.d.ts`));
	}
	return paths;
}

/** The programs that `exports` points to. */
function programs(value) {
	const paths = Object.values(value).map((target) => target.default ?? target);
	return paths.filter((path) => path.endsWith(".js"));
}
