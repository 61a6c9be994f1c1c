// Makes the native shim of a clone usable. Nothing has to be compiled while prebuilds/ was made from the sources that
// are here. Otherwise the local C compiler, $CC or cc, makes dist/shim.node, which the library then loads instead.
// Setting $SHIM_FLAGS (further flags, for example for sanitizers) or $SHIM_OUTPUT (the output file) always compiles.
import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { include_dir as headers } from "node-api-headers";
import { filesOf, isPrebuilt, root } from "./shim-sources.mjs";

const { CC = "cc", SHIM_FLAGS, SHIM_OUTPUT } = process.env;
const own = join(root, "dist/shim.node");

function compile(output) {
	const flags =
		"-std=c11 -O2 -g -fPIC -shared -pthread -fvisibility=hidden -Wl,-z,now -Wall -Wextra -Werror".split(" ");
	const further = SHIM_FLAGS?.split(" ") ?? [];
	const sources = filesOf([".c"]).map((file) => join(root, file));
	mkdirSync(dirname(output), { recursive: true });
	execFileSync(CC, [...flags, ...further, `-I${headers}`, ...sources, "-o", output, "-ldl"], {
		stdio: "inherit",
	});
}

if (process.platform !== "linux" || !["x64", "arm64"].includes(process.arch)) {
	console.warn("dhmem: the native shim is for Linux on x64 and arm64; building without it");
} else if (SHIM_FLAGS !== undefined || SHIM_OUTPUT !== undefined) {
	compile(SHIM_OUTPUT ?? own);
} else if (isPrebuilt()) {
	rmSync(own, { force: true });
} else {
	console.log("prebuilds/ has no shim that was made from native-shim/ as it is: compiling one");
	try {
		compile(own);
	} catch (error) {
		if (error.code !== "ENOENT") throw error;
		console.error(`There is no C compiler ${CC}. Install one, or take back the changes of native-shim/`);
		process.exit(1);
	}
}
