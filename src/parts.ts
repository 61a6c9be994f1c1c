/** The two built files beside the JavaScript, the core and the shim: where they lie, and what to do if one can't be used. */
import { accessSync, constants, existsSync } from "node:fs";
import { fileURLToPath, URL } from "node:url";
import { DhmemError, errnoOf } from "./errors.js";

const parts = { "core.wasm": "The core", "shim.node": "The native shim" };

type Part = keyof typeof parts;

/** The path of a part that is there and may be read. @throws DHMEM_UNSUPPORTED, DHMEM_PERMISSION */
export function pathOfPart(part: Part): string {
	// Where it was bundled as CommonJS there is none.
	const here: string | undefined = import.meta.url;
	if (here === undefined) throw missing(part, part);
	const path = fileURLToPath(new URL(`../${part}`, here));
	try {
		accessSync(path, constants.R_OK);
		return path;
	} catch (cause) {
		throw errnoOf(cause) === "EACCES" ? unreadable(part, path, cause) : missing(part, path, cause);
	}
}

function missing(part: Part, path: string, cause?: unknown): DhmemError {
	return new DhmemError(
		"DHMEM_UNSUPPORTED",
		`${parts[part]} is missing (${path}); ${howToGetParts()}. If dhmem is in a bundle, leave it outside`,
		{ cause },
	);
}

function unreadable(part: Part, path: string, cause: unknown): DhmemError {
	return new DhmemError(
		"DHMEM_PERMISSION",
		`${parts[part]} can't be read by this user (${path}); let the user read it, and enter every folder above it`,
		{ cause },
	);
}

/** What makes the parts, where this module is: only a clone has what they are built with. */
export function howToGetParts(): string {
	const here: string | undefined = import.meta.url;
	const isClone =
		here !== undefined && existsSync(fileURLToPath(new URL("../../scripts/build-shim.mjs", here)));
	return isClone
		? 'run "npm run build"'
		: 'install dhmem again; or make the package on this machine, by "npm ci && npm pack" in a clone, and install that';
}
