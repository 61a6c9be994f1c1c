/**
 * Says where the core and the native shim lie, for bundles that contain dhmem.
 *
 * @module dhmem/assets
 */
import { closeSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { badArgument, DhmemError, errnoOf } from "./errors.js";
import { type Part, usePart } from "./host/parts.js";
import process from "./host/process.js";
import { isSupported } from "./host/shim.js";
import { checkOptions, optionNames } from "./values/arguments.js";

/**
 * A path, or a `URL`.
 *
 * @example
 * ```ts
 * const addresses: Address[] = ["/app/core.wasm", new URL("file:///app/core.wasm")];
 * ```
 */
export type Address = string | { readonly href: string };

/**
 * The two files that dhmem loads at run time. Both must be of the same version as the bundled dhmem.
 *
 * @example
 * ```ts
 * const assets: Assets = { core: "/app/core.wasm", shim: "/app/shim.node" };
 * ```
 */
export interface Assets {
	/** The path or `file:` URL of a copy of `dist/core.wasm`. */
	core?: Address | undefined;
	/** The path or `file:` URL of a copy of `prebuilds/linux-<x64 or arm64>/shim.node`. */
	shim?: Address | undefined;
}

const names = optionNames<Assets>({ core: true, shim: true });

/** The values of `e_machine` in the header of an ELF file. */
const machines: Readonly<Record<string, number>> = { x64: 62, arm64: 183 };

/**
 * Says where the core and the shim lie. Call it in every thread that uses dhmem, before the first call that
 * opens, lists or unlinks regions. A program that does not bundle dhmem, or that bundles it with the plugin
 * `dhmem/esbuild` or with webpack, does not need it.
 *
 * @throws DHMEM_NOT_FOUND, DHMEM_PERMISSION for a file that is not there or can't be read; DHMEM_BAD_ARGUMENT
 * for a file that is something else, or a shim for another processor, and if dhmem has already loaded another
 * file
 * @example
 * ```ts
 * import { useAssets } from "dhmem/assets";
 *
 * // in a bundle: new URL("core.wasm", import.meta.url)
 * useAssets({ core: new URL(import.meta.resolve("dhmem/core.wasm")) });
 * ```
 */
export function useAssets(assets: Assets): void {
	checkOptions(assets, names, "useAssets");
	const { core, shim } = assets;
	const corePath = core === undefined ? undefined : checkedPath("core", core, isCore);
	const shimPath = shim === undefined ? undefined : checkedPath("shim", shim, isShim);
	if (corePath !== undefined) use("core.wasm", corePath);
	if (shimPath !== undefined) use("shim.node", shimPath);
}

function use(part: Part, path: string): void {
	const loaded = usePart(part, path);
	if (loaded === undefined || loaded === path) return;
	throw new DhmemError(
		"DHMEM_BAD_ARGUMENT",
		`useAssets comes too late: ${loaded} is loaded already; call it before the first use of a region`,
	);
}

/** Returns the absolute path of a file, whose first bytes `isRight` accepts. */
function checkedPath(what: string, given: Address, isRight: (start: Buffer) => boolean): string {
	const path = pathOf(what, given);
	const start = Buffer.alloc(20);
	try {
		const file = openSync(path, "r");
		try {
			readSync(file, start);
		} finally {
			closeSync(file);
		}
	} catch (error) {
		throw unreadable(what, path, error);
	}
	if (!isRight(start)) throw badArgument(what, path, expected(what));
	return path;
}

function pathOf(what: string, given: Address): string {
	if (typeof given === "string" && given !== "" && !given.includes("\0")) return resolve(given);
	try {
		return fileURLToPath((given as { href: string }).href);
	} catch {
		throw badArgument(what, given, "a path, or a file: URL");
	}
}

function unreadable(what: string, path: string, cause: unknown): unknown {
	switch (errnoOf(cause)) {
		case "ENOENT":
		case "ENOTDIR":
			return new DhmemError("DHMEM_NOT_FOUND", `${path}, given as the ${what}, is not there`, { cause });
		case "EACCES":
		case "EPERM":
			return new DhmemError("DHMEM_PERMISSION", `${path}, given as the ${what}, can't be read`, { cause });
		case "EISDIR":
			return badArgument(what, path, expected(what));
		default:
			return cause;
	}
}

function expected(what: string): string {
	if (what === "core") return "a copy of dhmem/dist/core.wasm";
	return `a copy of dhmem/prebuilds/linux-${isSupported() ? process.arch : "x64"}/shim.node`;
}

function isCore(start: Buffer): boolean {
	return start.readUInt32BE(0) === 0x0061736d;
}

/** Where there is no shim for the platform, the file will not be loaded, and may be for any processor. */
function isShim(start: Buffer): boolean {
	if (start.readUInt32BE(0) !== 0x7f454c46) return false;
	return !isSupported() || start.readUInt16LE(18) === machines[process.arch];
}
