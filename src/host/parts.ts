/** The two built files beside the JavaScript, the core and the shim: where they lie, and what to do if one can't be used. */
import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath, URL } from "node:url";
import { DhmemError, errnoOf } from "../errors.js";

const parts = { "core.wasm": "The core", "shim.node": "The native shim" };

type Part = keyof typeof parts;

/** The path of a part that is there and may be read. @throws DHMEM_UNSUPPORTED, DHMEM_PERMISSION */
export function pathOfPart(part: Part): string {
	// Where it was bundled as CommonJS there is none.
	const here: string | undefined = import.meta.url;
	if (here === undefined) throw missing(part, part);
	const path = fileURLToPath(new URL(`../../${part}`, here));
	try {
		accessSync(path, constants.R_OK);
		return path;
	} catch (cause) {
		throw unusable(part, path, cause);
	}
}

function unusable(part: Part, path: string, cause: unknown): unknown {
	switch (errnoOf(cause)) {
		case "ENOENT":
		case "ENOTDIR":
			return missing(part, path, cause);
		case "EACCES":
		case "EPERM":
			return notReadable(part, path, "let this user read it, and enter every folder above it", cause);
		case "ERR_ACCESS_DENIED":
			return notReadable(part, path, `run Node with --allow-fs-read for ${dirname(path)}`, cause);
		default:
			return cause;
	}
}

function missing(part: Part, path: string, cause?: unknown): DhmemError {
	return new DhmemError(
		"DHMEM_UNSUPPORTED",
		`${parts[part]} is missing (${path}); ${howToGetParts()}. If dhmem is in a bundle, leave it outside`,
		{ cause },
	);
}

function notReadable(part: Part, path: string, advice: string, cause: unknown): DhmemError {
	return new DhmemError("DHMEM_PERMISSION", `${parts[part]} may not be read (${path}); ${advice}`, { cause });
}

/** The error for a part that was not copied whole. */
export function damaged(part: Part, cause: unknown): DhmemError {
	return new DhmemError(
		"DHMEM_UNSUPPORTED",
		`${parts[part]} is damaged (${pathOfPart(part)}: ${(cause as Error).message}); ${howToGetParts()}`,
		{ cause },
	);
}

/** What makes the parts, where this module is: only a clone has what they are built with. */
export function howToGetParts(): string {
	const here: string | undefined = import.meta.url;
	const isClone =
		here !== undefined && existsSync(fileURLToPath(new URL("../../../scripts/build-shim.mjs", here)));
	return isClone
		? 'run "npm run build"'
		: 'install dhmem again; or make the package on this machine, by "npm ci && npm pack" in a clone, and install that';
}
