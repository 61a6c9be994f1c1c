/**
 * Finds the two files that dhmem needs beside its JavaScript, the core and the shim of this machine, and explains
 * what to do if one can't be used.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, URL } from "node:url";
import { DhmemError, errnoOf } from "../errors.js";
import process from "./process.js";

const parts = { "core.wasm": "The core", "shim.node": "The native shim" };

export type Part = keyof typeof parts;

/** Where a part lies. Bundlers understand an address that is written in just this way, and copy the file. */
function addressOf(part: Part): URL {
	if (part === "core.wasm") return new URL("../../core.wasm", import.meta.url);
	if (process.arch === "arm64") return new URL("../../../prebuilds/linux-arm64/shim.node", import.meta.url);
	return new URL("../../../prebuilds/linux-x64/shim.node", import.meta.url);
}

/** In a clone, a shim that was compiled there (scripts/build-shim.mjs) goes before the prebuilt one. */
function ownShim(prebuilt: string): string | undefined {
	if (!/\/prebuilds\/linux-[^/]+\/shim\.node$/.test(prebuilt)) return undefined;
	const own = join(prebuilt, "../../../dist/shim.node");
	return existsSync(own) ? own : undefined;
}

/** Where parts lie that were given by `useAssets`; and the parts that were loaded. */
const given = new Map<Part, string>();
const loaded = new Map<Part, string>();

/** Sets the path of a part. Returns the path that it was loaded from before, if it was: that one stays. */
export function usePart(part: Part, path: string): string | undefined {
	given.set(part, path);
	return loaded.get(part);
}

/** The path of a part, once it is known to be readable. @throws DHMEM_UNSUPPORTED, DHMEM_PERMISSION */
export function pathOfPart(part: Part): string {
	const path = loaded.get(part) ?? given.get(part) ?? pathBeside(part);
	try {
		accessSync(path, constants.R_OK);
		loaded.set(part, path);
		return path;
	} catch (cause) {
		throw unusable(part, path, cause);
	}
}

/** The path of a part beside this module. */
function pathBeside(part: Part): string {
	// It is undefined if a bundler has converted this module to CommonJS.
	const here: string | undefined = import.meta.url;
	if (here === undefined) throw missing(part, part);
	// Some bundlers put a path in place of the address (ncc), or the bytes themselves into it (vite).
	const address: URL | string = addressOf(part);
	if (typeof address !== "string" && address.protocol !== "file:") throw missing(part, part);
	const path = typeof address === "string" ? address : fileURLToPath(address);
	return (part === "shim.node" && ownShim(path)) || path;
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
		`${parts[part]} is missing (${path}); ${howToGetParts()}. If you bundle your program, use the plugin of dhmem/esbuild, ` +
			"call useAssets of dhmem/assets, or keep dhmem outside the bundle",
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

/** Explains how to get the parts: a clone builds them, an installed package has them. */
export function howToGetParts(): string {
	const here: string | undefined = import.meta.url;
	const isClone =
		here !== undefined && existsSync(fileURLToPath(new URL("../../../scripts/build-shim.mjs", here)));
	return isClone ? 'run "npm run build"' : "reinstall dhmem";
}
