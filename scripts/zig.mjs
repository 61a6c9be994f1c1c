// Installs Zig, the compiler of prebuilds/, from PyPI, in the version that zig.txt pins. `node scripts/zig.mjs` prints
// the path of its program.
import { join } from "node:path";
import { fromPyPI } from "./pypi.mjs";

export { cache } from "./pypi.mjs";

export function zig() {
	return join(fromPyPI("zig.txt"), "ziglang/zig");
}

if (process.argv[1] === import.meta.filename) console.log(zig());
