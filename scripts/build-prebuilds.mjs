// Makes prebuilds/: the native shim for Linux on x64 and on arm64, one file each for glibc from 2.28 on and for musl.
// `--check` compiles copies of the sources in another folder, and fails unless the outcome is prebuilds/, byte for byte.
//
// The compiler is Zig's, which has the headers and the symbols of every glibc in it. So everybody's machine makes the
// same bytes, whatever it has installed. Needs Python 3 with pip, binutils, and the network for the first time.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { include_dir as headers } from "node-api-headers";
import { filesOf, record, root, sourcesNow } from "./shim-sources.mjs";
import { problemsOf } from "./shim-symbols.mjs";
import { cache, zig } from "./zig.mjs";

const targets = [
	{ name: "linux-x64", zig: "x86_64-linux-gnu.2.28", flags: [] },
	// Not by functions that ask for the processor's kind, for musl has no __getauxval().
	{ name: "linux-arm64", zig: "aarch64-linux-gnu.2.28", flags: ["-mno-outline-atomics"] },
];
const flags = [
	"-std=c11 -O2 -g0 -mcpu=baseline -fPIC -shared -pthread -fvisibility=hidden -Wall -Wextra -Werror",
	"-Wl,-z,now -s",
].flatMap((line) => line.split(" "));

/** Compiles the sources below `folder`. Returns the shim's bytes. */
function compile(compiler, target, folder, scratch) {
	const output = join(scratch, `${target.name}.node`);
	const args = ["cc", "-target", target.zig, ...flags, ...target.flags, `-I${headers}`];
	execFileSync(compiler, [...args, ...filesOf([".c"], folder), "-ldl", "-o", output], {
		cwd: folder,
		env: { ...process.env, ZIG_GLOBAL_CACHE_DIR: join(cache, "zig"), ZIG_LOCAL_CACHE_DIR: scratch },
		stdio: "inherit",
	});
	const bytes = readFileSync(output);
	const problems = problemsOf(output);
	const text = bytes.toString("latin1");
	for (const path of [folder, scratch, root]) if (text.includes(path)) problems.push(`it names ${path}`);
	if (problems.length > 0) throw new Error(`${target.name}: ${problems.join("; ")}`);
	return bytes;
}

function build(compiler, scratch) {
	for (const target of targets) {
		const folder = join(root, "prebuilds", target.name);
		mkdirSync(folder, { recursive: true });
		writeFileSync(join(folder, "shim.node"), compile(compiler, target, root, scratch));
	}
	writeFileSync(record, sourcesNow());
}

function check(compiler, scratch) {
	const copy = join(scratch, "a folder elsewhere");
	cpSync(join(root, "native-shim"), join(copy, "native-shim"), { recursive: true });
	const differing = targets
		.filter((target) => {
			const path = join(root, "prebuilds", target.name, "shim.node");
			return !existsSync(path) || !readFileSync(path).equals(compile(compiler, target, copy, scratch));
		})
		.map(({ name }) => name);
	if (readFileSync(record, "utf8") !== sourcesNow()) differing.push("SOURCES");
	if (differing.length === 0) return console.log("prebuilds/ is what these sources make");
	console.error(
		`prebuilds/ is not what these sources make: ${differing.join(", ")}. ` +
			'Run "npm run build:prebuilds" and commit what it writes',
	);
	process.exitCode = 1;
}

const scratch = mkdtempSync(join(tmpdir(), "dhmem-prebuilds-"));
try {
	(process.argv[2] === "--check" ? check : build)(zig(), scratch);
} finally {
	rmSync(scratch, { recursive: true });
}
