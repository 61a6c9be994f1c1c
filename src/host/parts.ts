/**
 * Finds the two built files beside the JavaScript, the core and the shim, and explains what to do if one
 * can't be used.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath, URL } from "node:url";
import { DhmemError, errnoOf } from "../errors.js";

const parts = { "core.wasm": "The core", "shim.node": "The native shim" };

type Part = keyof typeof parts;

/** The path of a part, once it is known to be readable. @throws DHMEM_UNSUPPORTED, DHMEM_PERMISSION */
export function pathOfPart(part: Part): string {
	// It is undefined if a bundler has converted this module to CommonJS.
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
			return notReadable(
				part,
				path,
				"give this user permission to read it and to enter every folder above it",
				cause,
			);
		case "ERR_ACCESS_DENIED":
			return notReadable(part, path, `run Node with --allow-fs-read for ${dirname(path)}`, cause);
		default:
			return cause;
	}
}

function missing(part: Part, path: string, cause?: unknown): DhmemError {
	return new DhmemError(
		"DHMEM_UNSUPPORTED",
		`${parts[part]} is missing (${path}); ${howToGetParts()}. If you bundle your program, keep dhmem outside the bundle`,
		{ cause },
	);
}

function notReadable(part: Part, path: string, advice: string, cause: unknown): DhmemError {
	return new DhmemError("DHMEM_PERMISSION", `${parts[part]} can't be read (${path}); ${advice}`, { cause });
}

/** The error for a damaged part, such as one that was copied incompletely. */
export function damaged(part: Part, cause: unknown): DhmemError {
	return new DhmemError(
		"DHMEM_UNSUPPORTED",
		`${parts[part]} is damaged (${pathOfPart(part)}: ${(cause as Error).message}); ${howToGetParts()}`,
		{ cause },
	);
}

/** Explains how to get the parts: a clone can build them, an installed package can't. */
export function howToGetParts(): string {
	const here: string | undefined = import.meta.url;
	const isClone =
		here !== undefined && existsSync(fileURLToPath(new URL("../../../scripts/build-shim.mjs", here)));
	return isClone
		? 'run "npm run build"'
		: 'reinstall dhmem; or run "npm ci && npm pack" in a clone on this machine, and install that package';
}
