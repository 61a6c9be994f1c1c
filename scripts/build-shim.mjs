// Compiles the native shim with the local C compiler, $CC or cc, without Python or network. $SHIM_FLAGS are
// further flags, for example for sanitizers. $SHIM_OUTPUT is the output file, dist/shim.node by default.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { include_dir as headers } from "node-api-headers";

if (process.platform !== "linux") {
	console.warn("dhmem: the native shim is for Linux; building without it");
	process.exit(0);
}
const folder = new URL("../native-shim/", import.meta.url);
const sources = readdirSync(folder, { recursive: true })
	.filter((file) => file.endsWith(".c"))
	.map((file) => new URL(file, folder).pathname);
const output = new URL("../dist/", import.meta.url);
mkdirSync(output, { recursive: true });
const flags = "-std=c11 -O2 -g -fPIC -shared -pthread -fvisibility=hidden -Wall -Wextra -Werror";
execFileSync(
	process.env.CC ?? "cc",
	[
		...flags.split(" "),
		...(process.env.SHIM_FLAGS?.split(" ") ?? []),
		`-I${headers}`,
		...sources,
		"-o",
		process.env.SHIM_OUTPUT ?? new URL("shim.node", output).pathname,
	],
	{ stdio: "inherit" },
);
