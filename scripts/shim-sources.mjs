// The C files of the native shim, and whether the prebuilt shims were made from them.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export const root = join(import.meta.dirname, "..");

/** What prebuilds/ was made from: a line for each file, as sha256sum writes them. */
export const record = join(root, "prebuilds/SOURCES");

/** The paths of the C files with one of the endings, from `folder`. */
export function filesOf(endings, folder = root) {
	return readdirSync(join(folder, "native-shim"), { recursive: true })
		.filter((file) => endings.some((ending) => file.endsWith(ending)))
		.map((file) => `native-shim/${file}`)
		.sort();
}

/** The text of the record for the sources as they are now. */
export function sourcesNow() {
	const line = (file) => {
		const hash = createHash("sha256").update(readFileSync(join(root, file)));
		return `${hash.digest("hex")}  ${file}\n`;
	};
	return filesOf([".c", ".h"]).map(line).join("");
}

/** True if there is a prebuilt shim for this machine, made from the sources as they are now. */
export function isPrebuilt() {
	const shim = join(root, `prebuilds/linux-${process.arch}/shim.node`);
	return existsSync(shim) && existsSync(record) && readFileSync(record, "utf8") === sourcesNow();
}
