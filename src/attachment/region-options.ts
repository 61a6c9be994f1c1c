/** The options for opening a region: checks them, and converts them for the region's file. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { badArgument, DhmemError } from "../errors.js";
import { checkReading } from "../host/engines.js";
import process from "../host/process.js";
import { checkTrust, type Trust } from "../host/trust.js";
import { checkCount, optionNames, type Size } from "../values/arguments.js";
import { parseRegionSize } from "../values/region-size.js";
import type { FileOptions } from "./files.js";
import { type Trim, trimPolicies } from "./trimmer.js";

/**
 * The options for opening a region.
 *
 * @example
 * ```ts
 * using region = Region.open("results", { size: "256MiB", permissions: 0o660, label: "simulation" });
 * ```
 */
export interface RegionOptions {
	/**
	 * `"open-or-create"` (default), `"create"` (fails if the region exists), `"open"` (fails if it does not
	 * exist) or `"force-create"` (replaces it; participants of the old region keep that one). Two more modes
	 * need no write permission and never affect other participants: `"read-only"` (must exist; shows changes by
	 * others) and `"copy-on-write"` (the same, but you can change elements of structs, arrays and vectors
	 * privately; a memory page that you have changed no longer shows changes by others).
	 */
	mode?: FileOptions["mode"] | undefined;
	/**
	 * The maximum size of the region: a number of bytes or a string such as `"64MiB"`. It reserves address
	 * space, not memory. `"4GiB"` is the default; it means 4 GiB less 128 KiB, so that views can be posted to worker
	 * threads. `"16TiB"` is the maximum. Above 4 GiB, large blocks and arrays lie behind the first 4 GiB, in steps of
	 * 2 MiB; each almost 4 GiB of them takes about 10 GiB of address space once they are used.
	 */
	size?: Size | undefined;
	/** The file's mode when it is created, regardless of the umask. `0o600` by default. */
	permissions?: number | undefined;
	/** The folder of the region's file. By default `$DHMEM_DIR`, else `/dev/shm`. */
	directory?: string | undefined;
	/**
	 * `"persistent"` (default): the region stays until it is unlinked. `"last-close"`: it is removed after its
	 * last participant has left or died.
	 */
	lifetime?: "persistent" | "last-close" | undefined;
	/** This participant's name for others. By default the task's name, else `hostname:pid`. */
	label?: string | undefined;
	/**
	 * The owners whose regions are accepted in a folder where anyone can create files, such as `/dev/shm`: this
	 * user and root (`"owner"`), also certain users or groups (their numbers), or everyone (`"any"`). By
	 * default `$DHMEM_TRUST`, else `"owner"`. It does not apply to a folder that others can't write to.
	 */
	trust?: Trust | undefined;
	/**
	 * When freed memory goes back to the machine. `"lazy"` (default): when more than 64 MiB, and more than a
	 * quarter of what the region occupies, was not used for a second, and at close. `"eager"`: after each free
	 * of 64 KiB or more, in steps between which the event loop runs; the next block there takes longer to fill.
	 * `"never"`: only when `region.trim()` is called, or the file system is full.
	 */
	trim?: Trim | undefined;
}

/**
 * The options of a temporary region, which is always new, and is removed with its last participant.
 *
 * @example
 * ```ts
 * using region = Region.temporary({ size: "16MiB", label: "test" });
 * ```
 */
export type TemporaryOptions = Omit<RegionOptions, "mode" | "lifetime">;

/**
 * The options of a call that only needs the folder.
 *
 * @example
 * ```ts
 * console.log(Region.list({ directory: "/dev/shm" }));
 * ```
 */
export type FolderOptions = Pick<RegionOptions, "directory">;

export const regionOptionNames = optionNames<RegionOptions>({
	mode: true,
	size: true,
	permissions: true,
	directory: true,
	lifetime: true,
	label: true,
	trust: true,
	trim: true,
});
export const temporaryOptionNames = optionNames<TemporaryOptions>({
	size: true,
	permissions: true,
	directory: true,
	label: true,
	trust: true,
	trim: true,
});
export const folderOptionNames = optionNames<FolderOptions>({ directory: true });

const modes = ["open-or-create", "create", "open", "force-create", "read-only", "copy-on-write"] as const;
const lifetimes = ["persistent", "last-close"] as const;

function oneOf<T extends string>(what: string, value: T | undefined, allowed: readonly T[], usual: T): T {
	if (value === undefined) return usual;
	if (allowed.includes(value)) return value;
	throw badArgument(what, value, `one of ${allowed.join(", ")}`);
}

/**
 * The folder's absolute path, so that changing the working directory does not affect it.
 *
 * @throws DHMEM_BAD_ARGUMENT, DHMEM_NOT_FOUND
 */
export function directoryOf(options: FolderOptions): string {
	const directory = options.directory ?? (process.env.DHMEM_DIR || "/dev/shm");
	if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
		throw badArgument("directory", directory, "a folder's path");
	}
	try {
		return resolve(directory);
	} catch (cause) {
		throw new DhmemError(
			"DHMEM_NOT_FOUND",
			`The folder ${directory} is relative, but the working directory of this process was removed; give an ` +
				"absolute path, or change into a folder that exists",
			{ cause },
		);
	}
}

/** The owners whose regions may be joined. @throws DHMEM_BAD_ARGUMENT */
export function trustOf({ trust }: Pick<RegionOptions, "trust">): Trust {
	if (trust !== undefined) return checkTrust("trust", trust);
	return checkTrust("DHMEM_TRUST", process.env.DHMEM_TRUST || "owner");
}

/** @throws DHMEM_BAD_ARGUMENT */
export function fileOptions(options: RegionOptions): FileOptions {
	const { mode: givenMode, size, permissions = 0o600, lifetime, label, trim } = options;
	if (label !== undefined && typeof label !== "string") throw badArgument("label", label, "a string");
	const mode = oneOf("mode", givenMode, modes, "open-or-create");
	if (mode === "read-only" || mode === "copy-on-write") checkReading(mode);
	return {
		mode,
		extent: size === undefined ? undefined : parseRegionSize(size),
		permissions: checkCount("permissions", permissions, 0, 0o777),
		lifetime: oneOf("lifetime", lifetime, lifetimes, "persistent"),
		label: label ?? process.env.DHMEM_TASK ?? `${hostname()}:${process.pid}`,
		trust: trustOf(options),
		trim: oneOf("trim", trim, trimPolicies, "lazy"),
	};
}
