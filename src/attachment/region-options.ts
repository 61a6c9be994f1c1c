/** How a region is opened: what users say, checked, and what that means for its file. */
import { hostname } from "node:os";
import { resolve } from "node:path";
import { badArgument, DhmemError } from "../errors.js";
import { checkReading } from "../host/engines.js";
import process from "../host/process.js";
import { checkTrust, type Trust } from "../host/trust.js";
import { checkCount, optionNames, parseRegionSize, type Size } from "../values/arguments.js";
import type { FileOptions } from "./files.js";

export interface RegionOptions {
	/**
	 * `"open-or-create"` (default), `"create"` (must be new), `"open"` (must exist), `"force-create"` (replaces;
	 * who has the old one keeps it). And two that need no permission to write, and take part in nothing:
	 * `"read-only"` (must exist; what others change is seen) and `"copy-on-write"` (the same, but elements of structs,
	 * arrays and vectors may be changed for oneself: after that, what others change on the same page of memory is not
	 * seen any more).
	 */
	mode?: FileOptions["mode"] | undefined;
	/**
	 * The most it may grow to: address space, not memory. `"4GiB"` by default, which is also the most. It means two
	 * pages of 64 KiB less, so that views can be posted to worker threads.
	 */
	size?: Size | undefined;
	/** File mode when creating, exactly: the umask does not apply. `0o600` by default. */
	permissions?: number | undefined;
	/** Where the file is. By default `$DHMEM_DIR`, else `/dev/shm`. */
	directory?: string | undefined;
	/** `"last-close"`: the region is gone once its last participant has left or died. */
	lifetime?: "persistent" | "last-close" | undefined;
	/** What others see this participant as. By default the task's name, else hostname and process id. */
	label?: string | undefined;
	/**
	 * Whose regions are joined in a folder where everybody can make names, such as `/dev/shm`: those of this user and
	 * of root (`"owner"`), of these users and groups too (their numbers), or of anybody (`"any"`). By default
	 * `$DHMEM_TRUST`, else `"owner"`. In a folder that others can't write to it is not asked.
	 */
	trust?: Trust | undefined;
}

/** A temporary region is always made anew, and gone with its last participant. */
export type TemporaryOptions = Omit<RegionOptions, "mode" | "lifetime">;

/** Where the files are. */
export type FolderOptions = Pick<RegionOptions, "directory">;

export const regionOptionNames = optionNames<RegionOptions>({
	mode: true,
	size: true,
	permissions: true,
	directory: true,
	lifetime: true,
	label: true,
	trust: true,
});
export const temporaryOptionNames = optionNames<TemporaryOptions>({
	size: true,
	permissions: true,
	directory: true,
	label: true,
	trust: true,
});
export const folderOptionNames = optionNames<FolderOptions>({ directory: true });

const modes = ["open-or-create", "create", "open", "force-create", "read-only", "copy-on-write"] as const;
const lifetimes = ["persistent", "last-close"] as const;

function oneOf<T extends string>(what: string, value: T | undefined, allowed: readonly T[], usual: T): T {
	if (value === undefined) return usual;
	if (allowed.includes(value)) return value;
	throw badArgument(what, value, `one of ${allowed.join(", ")}`);
}

/** The folder's absolute path, so that it stays the same when the process changes its own. @throws DHMEM_BAD_ARGUMENT */
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
			`The folder ${directory} is relative, and the working directory of this process was removed; give an ` +
				"absolute path, or change into a folder that exists",
			{ cause },
		);
	}
}

/** Whose regions are joined. @throws DHMEM_BAD_ARGUMENT */
export function trustOf({ trust }: Pick<RegionOptions, "trust">): Trust {
	if (trust !== undefined) return checkTrust("trust", trust);
	return checkTrust("DHMEM_TRUST", process.env.DHMEM_TRUST || "owner");
}

/** @throws DHMEM_BAD_ARGUMENT */
export function fileOptions(options: RegionOptions): FileOptions {
	const { mode: givenMode, size, permissions = 0o600, lifetime, label } = options;
	if (label !== undefined && typeof label !== "string") throw badArgument("label", label, "a string");
	const mode = oneOf("mode", givenMode, modes, "open-or-create");
	if (mode === "read-only" || mode === "copy-on-write") checkReading(mode);
	return {
		mode,
		spans: size === undefined ? undefined : parseRegionSize(size),
		permissions: checkCount("permissions", permissions, 0, 0o777),
		lifetime: oneOf("lifetime", lifetime, lifetimes, "persistent"),
		label: label ?? process.env.DHMEM_TASK ?? `${hostname()}:${process.pid}`,
		trust: trustOf(options),
	};
}
