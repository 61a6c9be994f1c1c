// Bundles a program with each bundler, with dhmem inside and outside, and runs the bundle.
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Programs that bundle main.mjs into the folder `out`, as out/main.mjs; `$outside` says where dhmem is to be. */
const scripts = {
	esbuild: `
		import dhmem from "dhmem/esbuild";
		const { build } = await import("$tools/esbuild/lib/main.js");
		await build({ entryPoints: ["main.mjs"], bundle: true, platform: "node", format: "esm", outdir: "$out",
			outExtension: { ".js": ".mjs" }, ...($outside ? { packages: "external" } : { plugins: [dhmem()] }) });`,
	rollup: `
		import dhmem from "dhmem/esbuild";
		const { rollup } = await import("$tools/rollup/dist/es/rollup.js");
		const { default: resolve } = await import("$tools/@rollup/plugin-node-resolve/dist/es/index.js");
		const external = $outside ? [/^node:/, /^dhmem/] : /^node:/;
		const bundle = await rollup({ input: "main.mjs", external, plugins: [resolve(), dhmem.rollup()], onwarn() {} });
		await bundle.write({ dir: "$out", entryFileNames: "main.mjs" });`,
	vite: `
		import dhmem from "dhmem/esbuild";
		const { build } = await import("$tools/vite/dist/node/index.js");
		await build({ configFile: false, logLevel: "error", plugins: [dhmem.rollup()],
			ssr: $outside ? { external: ["dhmem"] } : { noExternal: true },
			build: { ssr: "main.mjs", outDir: "$out", rollupOptions: { output: { entryFileNames: "main.mjs" } } } });`,
	webpack: `
		const { default: webpack } = await import("$tools/webpack/lib/index.js");
		const compiler = webpack({ mode: "production", target: "node20", entry: "./main.mjs",
			experiments: { outputModule: true },
			externals: $outside ? { dhmem: "module dhmem", "dhmem/workflow": "module dhmem/workflow" } : {},
			output: { path: "$out", filename: "main.mjs", module: true, chunkFormat: "module" } });
		const stats = await new Promise((resolve, reject) => compiler.run((error, s) => error ? reject(error) : resolve(s)));
		if (stats.hasErrors()) throw new Error(stats.toString());`,
	ncc: `
		import { mkdirSync, writeFileSync } from "node:fs";
		import { dirname, join } from "node:path";
		const { default: ncc } = await import("$tools/@vercel/ncc/dist/ncc/index.js");
		const externals = $outside ? ["dhmem", "dhmem/workflow"] : [];
		const { code, assets } = await ncc(process.cwd() + "/main.mjs", { externals, quiet: true });
		for (const [name, source] of [["main.mjs", code], ...Object.entries(assets).map(([n, a]) => [n, a.source])]) {
			mkdirSync(dirname(join("$out", name)), { recursive: true });
			writeFileSync(join("$out", name), source);
		}`,
};

/** Bun bundles only when Bun itself runs the script. */
const bunScript = `
	import dhmem from "dhmem/esbuild";
	const { success, logs } = await Bun.build({ entrypoints: ["main.mjs"], target: "node", outdir: "$out",
		naming: "[name].mjs", ...($outside ? { packages: "external" } : { plugins: [dhmem()] }) });
	if (!success) throw new AggregateError(logs);`;

export async function bundlers({ folder, tools, node, bun, project, succeeds, works }) {
	const rows = [];
	for (const [name, script] of Object.entries({ ...scripts, "Bun.build": bunScript })) {
		const row = [name];
		for (const outside of [false, true]) {
			const what = `${name}, dhmem ${outside ? "outside" : "inside"}`;
			const out = join(folder, what);
			mkdirSync(out);
			const values = { tools, out, outside };
			const text = script.replace(/\$(tools|out|outside)\b/g, (_, key) => String(values[key]));
			writeFileSync(join(project, "bundle.mjs"), text);
			const program = name === "Bun.build" ? bun : node;
			if ((await succeeds(what, project, [program, "bundle.mjs"])) === undefined) {
				row.push("**fails**");
				continue;
			}
			// A bundle without dhmem finds it as any program does.
			if (outside) symlinkSync(join(project, "node_modules"), join(out, "node_modules"));
			row.push(await works(what, out, [node, "main.mjs"]));
		}
		rows.push(row);
	}
	return rows;
}
