// Checks that a shim loads on glibc from 2.28 on and on musl: `node scripts/shim-symbols.mjs FILE …`.
//
// - Whatever it takes of the C library has a version, of 2.28 at most. Without a version, glibc's loader takes the
//   oldest function of that name: on x64 a pthread_cond_init() that knows no monotonic clock. musl ignores versions.
// - Whatever else it takes is of Node-API 8.
// - It gives nothing but what Node looks for, and needs no other library.
//
// Needs binutils.
import { execFileSync } from "node:child_process";
import { symbols } from "node-api-headers";

const newest = [2, 28];
const libraries = ["libc.so.6", "libpthread.so.0", "libdl.so.2"];
const exported = ["napi_register_module_v1", "node_api_module_get_api_version_v1"];
const ofNode = new Set([...symbols.v8.js_native_api_symbols, ...symbols.v8.node_api_symbols]);

function linesOf(command, ...args) {
	return execFileSync(command, args, { encoding: "utf8" }).split("\n");
}

function isTooNew(version) {
	const [, major, minor] = /^GLIBC_(\d+)\.(\d+)/.exec(version) ?? [];
	return major === undefined || Number(major) !== newest[0] || Number(minor) > newest[1];
}

function problemOf(symbol) {
	const [name, version] = symbol.split("@");
	if (version !== undefined) return isTooNew(version) ? `${symbol} is newer than glibc 2.28` : undefined;
	return ofNode.has(name) ? undefined : `${name} has no version, and is not of Node-API 8`;
}

/** What would keep the shim from being loaded somewhere, or let it bind to the wrong function. */
export function problemsOf(file) {
	const names = (...flags) =>
		linesOf("nm", "-D", ...flags, file).flatMap((line) => line.trim().split(/\s+/).at(-1) || []);
	const dynamic = linesOf("readelf", "-dW", file);
	const needed = dynamic.flatMap((line) => /\(NEEDED\).*\[(.*)\]/.exec(line)?.[1] ?? []);
	return [
		...names("--undefined-only").flatMap((symbol) => problemOf(symbol) ?? []),
		...names("--defined-only")
			.filter((name) => !exported.includes(name))
			.map((name) => `${name} is exported`),
		...needed.filter((name) => !libraries.includes(name)).map((name) => `${name} is needed`),
		...(dynamic.some((line) => /\(FLAGS_1\).*\bNOW\b/.test(line)) ? [] : ["it is not linked with -z now"]),
	];
}

if (process.argv[1] === import.meta.filename) {
	for (const file of process.argv.slice(2)) {
		const problems = problemsOf(file);
		for (const problem of problems) console.log(`${file}: ${problem}`);
		if (problems.length > 0) process.exitCode = 1;
	}
}
