/** Errors of the operating system about a region's file, as ours: with the cause, and what mends it. */
import { dirname } from "node:path";
import { DhmemError, errnoOf } from "../errors.js";
import {
	howToChooseFolder,
	howToGetFolder,
	howToGetQuota,
	howToMakeRoom,
	isOutOfFiles,
	whyKept,
	whyNoRegion,
	whyReadOnly,
	whyRefused,
	whyTooLarge,
} from "./advice.js";
import { denied, isDenied } from "./engines.js";
import { findItem, findLimit, findMount, findRoom, findUser } from "./file-system.js";

/** What is done to the folder of the file, not to the file; of `Listing` the path is the folder. */
const withFolder = ["Creating", "Removing", "Listing"];

/** An error of a system call as ours; any other as it is. */
export function systemError(error: unknown, path: string, doing: string): unknown {
	const cause = { cause: error };
	const folder = doing === "Listing" ? path : dirname(path);
	if (isDenied(error)) return denied(error);
	const errno = errnoOf(error);
	switch (errno) {
		case "EROFS":
			return new DhmemError(
				"DHMEM_PERMISSION",
				`${doing} ${path} is not allowed: ${whyReadOnly(findMount(folder), folder)}`,
				cause,
			);
		case "EACCES":
		case "EPERM":
			return new DhmemError(
				"DHMEM_PERMISSION",
				`${doing} ${path} is not allowed: ${withFolder.includes(doing) ? whoMayChange(path, folder) : whoMay(path)}`,
				cause,
			);
		case "ERR_ACCESS_DENIED":
			return new DhmemError(
				"DHMEM_PERMISSION",
				`${doing} ${path} is not allowed to this process of Node; run it with --allow-fs-read and --allow-fs-write ` +
					`for ${folder}, or without --permission`,
				cause,
			);
		case "ENOENT":
		case "ENOTDIR":
			return notFound(path, folder, cause);
		case "ENOSPC":
			return noSpace(path, 1, cause);
		case "EDQUOT":
			return new DhmemError("DHMEM_NO_SPACE", `${doing} ${path}: ${howToGetQuota(findMount(folder))}`, cause);
		case "EFBIG":
			return new DhmemError(
				"DHMEM_NO_SPACE",
				`${doing} ${path}: ${whyTooLarge(findLimit("Max file size"))}`,
				cause,
			);
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
		case "ELOOP":
			if (findItem(folder) === undefined) {
				return new DhmemError(
					"DHMEM_NOT_FOUND",
					`${folder} is a link that leads to itself; ${howToChooseFolder}`,
					cause,
				);
			}
			return notRegular(path, cause);
		case "EISDIR":
		case "ENOTREG":
			return notRegular(path, cause);
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

function notRegular(path: string, cause: ErrorOptions): DhmemError {
	return new DhmemError(
		"DHMEM_FORMAT",
		`${path} is not a regular file, so not a region; remove it, or choose another name`,
		cause,
	);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
	return typeof error === "object" && error !== null && "syscall" in error;
}

/** Whether the operating system did not allow it. */
export function isRefusal(error: unknown): boolean {
	return ["EACCES", "EPERM", "EROFS"].includes(errnoOf(error) ?? "");
}

/** There is no region at `path`, or not even its folder. */
export function notFound(path: string, folder = dirname(path), options?: ErrorOptions): DhmemError {
	return new DhmemError("DHMEM_NOT_FOUND", whyNotFound(path, folder), options);
}

function whyNotFound(path: string, folder: string): string {
	const item = findItem(folder);
	if (item?.isFolder) return `There is no region at ${path}; ${whyNoRegion(findMount(folder))}`;
	if (item !== undefined) return `${folder} is no folder; ${howToChooseFolder}`;
	return `There is no folder ${folder}; ${howToGetFolder(folder)}`;
}

/** The file system of `path` has no `bytes` more. */
export function noSpace(path: string, bytes: number, options?: ErrorOptions): DhmemError {
	const folder = dirname(path);
	const room = findRoom(folder);
	const advice = howToMakeRoom(findMount(folder), room, bytes);
	const isFile = room !== undefined && isOutOfFiles(room) && room.free >= bytes;
	const wanted = isFile ? `${path} can't be made` : `${path} needs ${bytes} bytes more`;
	return new DhmemError("DHMEM_NO_SPACE", `${wanted}: ${advice}`, options);
}

/** Who may make, replace or remove the file; the path may be that of the folder. */
function whoMayChange(path: string, folder: string): string {
	const within = findItem(folder);
	const kept = within && path !== folder ? whyKept(findItem(path), within, findUser()) : undefined;
	return kept ?? whoMay(folder);
}

/** A file may be hidden by its folder; then the folder decides, or what is above that. */
function whoMay(path: string): string {
	const item = findItem(path);
	if (item !== undefined) return whyRefused(item, findUser());
	return path === dirname(path) ? "nothing of it can be looked at" : whoMay(dirname(path));
}
