/**
 * A plugin for esbuild, rollup and vite. It puts the core and the native shims beside a bundle that contains
 * dhmem.
 *
 * @module dhmem/esbuild
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The part of esbuild's interface for plugins that this one uses. */
interface Build {
	readonly initialOptions: { readonly format?: string; readonly platform?: string };
	onResolve(options: { filter: RegExp }, callback: (file: { path: string }) => Resolved): void;
	onLoad(
		options: { filter: RegExp; namespace?: string },
		callback: (file: { path: string }) => Loaded | undefined,
	): void;
}

interface Resolved {
	path: string;
	namespace: string;
}

interface Loaded {
	contents: string | Uint8Array;
	loader: "js" | "file";
}

/** The part of rollup's interface for plugins that this one uses. */
interface Bundle {
	emitFile(file: { type: "asset"; name: string; source: Uint8Array }): string;
	getFileName(file: string): string;
}

/**
 * A plugin for esbuild.
 *
 * @example
 * ```ts
 * import dhmem from "dhmem/esbuild";
 *
 * const plugins: EsbuildPlugin[] = [dhmem()];
 * ```
 */
export interface EsbuildPlugin {
	readonly name: string;
	setup(build: Build): void;
}

/**
 * A plugin for rollup and vite.
 *
 * @example
 * ```ts
 * import dhmem from "dhmem/esbuild";
 *
 * const plugins: RollupPlugin[] = [dhmem.rollup()];
 * ```
 */
export interface RollupPlugin {
	readonly name: string;
	readonly enforce: "pre";
	readonly apply: "build";
	transform(this: Bundle, code: string, id: string): { code: string; map: null } | undefined;
	renderChunk(
		this: Bundle,
		code: string,
		chunk: { fileName: string },
	): { code: string; map: null } | undefined;
	writeBundle(this: Bundle, options: { dir?: string }, bundle: object): void;
}

/** The folder of dhmem's modules, and how one of them (host/parts.ts, or the chunk with it) writes the addresses. */
const FOLDER = fileURLToPath(new URL("./", import.meta.url));
const ADDRESS = /new URL\("([^"]+\.(?:wasm|node))", import\.meta\.url\)/g;

/**
 * Returns the text of that module, with each address replaced by what `replace` makes of the file's path. Undefined for
 * any other module.
 */
function rewritten(module: string, replace: (path: string, index: number) => string): string | undefined {
	if (!module.startsWith(FOLDER)) return undefined;
	let count = 0;
	const text = readFileSync(module, "utf8").replace(ADDRESS, (_, address: string) =>
		replace(fileURLToPath(new URL(address, pathToFileURL(module))), count++),
	);
	return count === 0 ? undefined : text;
}

/** Returns the plugin for esbuild. */
function dhmem(): EsbuildPlugin {
	return { name: "dhmem", setup };
}

/**
 * Returns the plugin for esbuild. `dhmem.rollup()` is the one for rollup and vite.
 *
 * @example
 * ```ts
 * import dhmem from "dhmem/esbuild";
 *
 * // for esbuild's build()
 * const options = {
 *   entryPoints: ["main.js"],
 *   bundle: true,
 *   platform: "node",
 *   outdir: "out",
 *   plugins: [dhmem()],
 * };
 * ```
 */
export default Object.assign(dhmem, {
	/** Returns the plugin for rollup and vite. */
	rollup: (): RollupPlugin => ({ name: "dhmem", enforce: "pre", apply: "build", ...rollupHooks() }),
});

/** Stands before what names a file, until it is known where the bundler puts it. */
const SCHEME = "dhmem-asset:";

function setup({ initialOptions: { format, platform }, onResolve, onLoad }: Build): void {
	// A bundle in CommonJS has no import.meta.url. Without a format, esbuild makes one for Node; Bun does not.
	const isCommonJs =
		format === "cjs" || (format === undefined && platform === "node" && process.versions.bun === undefined);
	onResolve({ filter: new RegExp(`^${SCHEME}`) }, ({ path }) => ({
		path: path.slice(SCHEME.length),
		namespace: "dhmem",
	}));
	onLoad({ filter: /./, namespace: "dhmem" }, ({ path }) => ({
		contents: readFileSync(path),
		loader: "file",
	}));
	onLoad({ filter: /[\\/]dist[\\/]src[\\/].*\.js$/ }, ({ path }) => {
		const imports: string[] = [];
		const text = rewritten(path, (asset, index) => {
			imports.push(`import asset${index} from ${JSON.stringify(SCHEME + asset)};`);
			return `new URL(asset${index}, import.meta.url)`;
		});
		if (text === undefined) return undefined;
		// In front of the first line, so that source maps stay right.
		if (!isCommonJs) return { contents: [...imports, text].join(" "), loader: "js" };
		imports.push('import { pathToFileURL as addressOfBundle } from "node:url";');
		const contents = text.replaceAll("import.meta.url", "addressOfBundle(__filename).href");
		return { contents: [...imports, contents].join(" "), loader: "js" };
	});
}

/** What rollup and vite call. */
function rollupHooks(): Pick<RollupPlugin, "transform" | "renderChunk" | "writeBundle"> {
	const emitted = new Map<string, Uint8Array>();
	return {
		transform(_code, id) {
			const code = rewritten(id.replace(/\?.*/, ""), (path) => {
				const source = readFileSync(path);
				const file = this.emitFile({ type: "asset", name: basename(path), source });
				emitted.set(file, source);
				return `new URL("${SCHEME}${file}", import.meta.url)`;
			});
			return code === undefined ? undefined : { code, map: null };
		},
		// Not rollup's own import.meta.ROLLUP_FILE_URL, for which vite writes an address on a web server.
		renderChunk(code, { fileName }) {
			let found = false;
			const replaced = code.replace(/dhmem-asset:([\w$-]+)/g, (_, file: string) => {
				found = true;
				return relative(dirname(fileName), this.getFileName(file));
			});
			return found ? { code: replaced, map: null } : undefined;
		},
		/** Vite drops the assets of bundles for servers. */
		writeBundle({ dir }, bundle) {
			for (const [file, source] of emitted) {
				const name = this.getFileName(file);
				if (dir === undefined || name in bundle) continue;
				mkdirSync(dirname(join(dir, name)), { recursive: true });
				writeFileSync(join(dir, name), source);
			}
		},
	};
}
