/** What the operating system refused, in words of ours. */
import { statSync } from "node:fs";
import { join as joinPath } from "node:path";
import { DhmemError, errnoOf } from "./errors.js";

/** An error of a system call as a DhmemError; any other error as it is. */
export function systemError(error: unknown, path: string, doing: string): unknown {
	const errno = errnoOf(error);
	const cause = { cause: error };
	switch (errno) {
		case "EACCES":
		case "EPERM":
		case "EROFS":
			return new DhmemError("DHMEM_PERMISSION", `${doing} ${path} is not allowed: ${whoMay(path)}`, cause);
		case "ENOENT":
		case "ENOTDIR":
			return new DhmemError(
				"DHMEM_NOT_FOUND",
				`${doing} ${path}: it or its folder does not exist; check the name, and DHMEM_DIR`,
				cause,
			);
		case "ENOSPC":
		case "EDQUOT":
			return new DhmemError("DHMEM_NO_SPACE", `${doing} ${path}: its file system is full; make room`, cause);
		case "EAGAIN":
		case "EMFILE":
		case "ENFILE":
		case "ENOLCK":
		case "ENOMEM":
			return new DhmemError(
				"DHMEM_NO_SPACE",
				`${doing} ${path}: this process or machine has no room for more files, threads or mappings (${errno}); ` +
					"close some, or raise its limits (ulimit -a)",
				cause,
			);
		case "EISDIR":
		case "ELOOP":
		case "ENOTREG":
			return new DhmemError(
				"DHMEM_FORMAT",
				`${path} is not a regular file, so not a region; remove it, or choose another name`,
				cause,
			);
		case "ENAMETOOLONG":
			return new DhmemError(
				"DHMEM_BAD_ARGUMENT",
				`${doing} ${path}: the path is too long; shorten it`,
				cause,
			);
		default:
			if (!isSystemError(error)) return error;
			return new DhmemError(
				"DHMEM_UNSUPPORTED",
				`${doing} ${path} does not work here: ${error.message}; try a folder of another file system, ` +
					"or see what this process is forbidden (seccomp)",
				cause,
			);
	}
}

/** Whether the operating system did not allow it. */
export function isRefusal(error: unknown): boolean {
	return ["EACCES", "EPERM", "EROFS"].includes(errnoOf(error) ?? "");
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
	return error instanceof Error && "syscall" in error;
}

function whoMay(path: string): string {
	const me = `this is user ${process.getuid?.()} of groups ${process.getgroups?.().join(", ")}`;
	for (const place of [path, joinPath(path, "..")]) {
		try {
			const { mode, uid, gid } = statSync(place);
			const bits = (mode & 0o7777).toString(8);
			return `${place} is of user ${uid}, group ${gid}, mode ${bits}, and ${me}; open it as that user, or create it with other permissions`;
		} catch {
			// It can't be looked at either; perhaps its folder can.
		}
	}
	return me;
}
