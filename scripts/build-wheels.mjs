// Builds the package for Python: FOLDER/dhmem-VERSION.tar.gz and wheels for Linux on x64 and arm64, for glibc from 2.28 on
// and for musl, and checks what is in them. `node scripts/build-wheels.mjs [FOLDER]`; by default dist/python/.
//
// The compiler is Zig's, as for prebuilds/. Needs a built clone, Python 3.11 or newer with pip and headers, and binutils.
import { execFile, execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { packSources, stage } from "./pack-python.mjs";
import { fromPyPI } from "./pypi.mjs";
import { root } from "./shim-sources.mjs";
import { cache, zig } from "./zig.mjs";

const targets = [
	{ zig: "x86_64-linux-gnu.2.28", platform: "manylinux_2_28_x86_64", machine: "X86-64" },
	{ zig: "aarch64-linux-gnu.2.28", platform: "manylinux_2_28_aarch64", machine: "AArch64" },
	{ zig: "x86_64-linux-musl", platform: "musllinux_1_2_x86_64", machine: "X86-64" },
	{ zig: "aarch64-linux-musl", platform: "musllinux_1_2_aarch64", machine: "AArch64" },
];

/** Headers of Python for a Debian that has those of this machine's architecture only. 64-bit Linux is all alike. */
function headers(scratch) {
	const ask = "import sys, sysconfig; print(sysconfig.get_config_h_filename(), *sys.version_info[:2])";
	const [file, ...version] = execFileSync("python3", ["-c", ask], { encoding: "utf8" }).trim().split(" ");
	const folder = join(scratch, "include");
	for (const architecture of ["x86_64", "aarch64"]) {
		const into = join(folder, `${architecture}-linux-gnu/python${version.join(".")}`);
		mkdirSync(into, { recursive: true });
		copyFileSync(file, join(into, "pyconfig.h"));
	}
	return folder;
}

/** Builds a wheel in a copy of the sources, so that several can be built at once. */
async function build(target, sources, into, scratch) {
	const folder = join(scratch, target.platform);
	cpSync(sources, folder, { recursive: true });
	const compiler = `${zig()} cc -target ${target.zig} -mcpu=baseline`;
	const { stdout } = await promisify(execFile)(
		"python3",
		["setup.py", "bdist_wheel", `--plat-name=${target.platform}`, `--dist-dir=${into}`],
		{
			cwd: folder,
			encoding: "utf8",
			env: {
				...process.env,
				PYTHONPATH: fromPyPI("setuptools.txt"),
				CC: compiler,
				LDSHARED: `${compiler} -shared`,
				// Not by functions that ask for the processor's kind, for musl has no __getauxval().
				CFLAGS: `-O2 -g0 -I${headers(scratch)} ${target.machine === "AArch64" ? "-mno-outline-atomics" : ""}`,
				LDFLAGS: "-s",
				ZIG_GLOBAL_CACHE_DIR: join(cache, "zig"),
				ZIG_LOCAL_CACHE_DIR: join(scratch, "zig"),
			},
			maxBuffer: 2 ** 26,
		},
	);
	const [name] = /dhmem-\S+\.whl/.exec(stdout) ?? [];
	return join(into, name ?? `dhmem-${version}-cp311-abi3-${target.platform}.whl`);
}

const linesOf = (command, ...args) => execFileSync(command, args, { encoding: "utf8" }).split("\n");

const ofMusl = ["libc.so"];
const ofGlibc = ["libc.so.6", "libpthread.so.0", "libdl.so.2", "ld-linux-x86-64.so.2"];

/** Throws unless the wheel has what it must have, and nothing of the machine that made it. */
function check(wheel, target, scratch) {
	const folder = mkdtempSync(join(scratch, "wheel-"));
	execFileSync("python3", ["-m", "zipfile", "-e", wheel, folder]);
	const files = linesOf("find", folder, "-type", "f", "-printf", "%P\\n").filter((file) => file !== "");
	const info = `dhmem-${version}.dist-info`;
	const problems = [
		...[
			"dhmem/__init__.py",
			"dhmem/workflow.py",
			"dhmem/py.typed",
			"dhmem/_native.pyi",
			`${info}/licenses/LICENSE`,
		]
			.concat(`${info}/licenses/libdhmem/core/LICENSE.wabt`)
			.filter((file) => !files.includes(file))
			.map((file) => `${file} is missing`),
		...files
			.filter((file) => !/^dhmem\/(\w+\.pyi?|py\.typed|_native\.abi3\.so)$|\.dist-info\//.test(file))
			.map((file) => `${file} does not belong there`),
	];
	const native = join(folder, "dhmem/_native.abi3.so");
	const bytes = readFileSync(native, "latin1");
	for (const path of [root, scratch, cache]) if (bytes.includes(path)) problems.push(`it names ${path}`);
	if (
		!linesOf("readelf", "-hW", native).some(
			(line) => line.includes("Machine:") && line.includes(target.machine),
		)
	)
		problems.push(`it is not for ${target.machine}`);
	const allowed = target.platform.startsWith("musl") ? ofMusl : ofGlibc;
	for (const line of linesOf("readelf", "-dW", native)) {
		const [, library] = /\(NEEDED\).*\[(.*)\]/.exec(line) ?? [];
		if (library !== undefined && !allowed.includes(library)) problems.push(`it needs ${library}`);
	}
	for (const line of linesOf("nm", "-D", native)) {
		const [kind, symbol = ""] = line.trim().split(/\s+/).slice(-2);
		if (/^[TDBR]$/.test(kind) && symbol !== "PyInit__native") problems.push(`it exports ${symbol}`);
		const [, minor] = /@GLIBC_2\.(\d+)/.exec(symbol) ?? [];
		if (Number(minor) > 28) problems.push(`it needs ${symbol}`);
	}
	if (problems.length > 0) throw new Error(`${wheel}: ${problems.join("; ")}`);
	console.log(`${wheel}: ${files.length} files`);
}

const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const into = resolve(process.argv[2] ?? join(root, "dist/python"));
const scratch = mkdtempSync(join(tmpdir(), "dhmem-wheels-"));
try {
	const folder = join(scratch, "sources");
	stage(folder);
	mkdirSync(into, { recursive: true });
	console.log(packSources(folder, into));
	// Two at a time, as most machines have as many processors.
	for (let i = 0; i < targets.length; i += 2) {
		const pair = targets.slice(i, i + 2);
		const wheels = await Promise.all(pair.map((target) => build(target, folder, into, scratch)));
		for (const [index, wheel] of wheels.entries()) check(wheel, pair[index], scratch);
	}
} finally {
	rmSync(scratch, { recursive: true });
}
