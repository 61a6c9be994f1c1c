/**
 * Converts errors of the operating system about a region's file to DhmemErrors that say how to fix the cause.
 */
import { dirname } from "node:path";
import { DhmemError, errnoOf } from "../errors.js";
import {
	howToChooseFolder,
	howToGetFolder,
	howToGetQuota,
	howToMakeRoom,
	howToRaiseMemory,
	isOutOfFiles,
	whyKept,
	whyNoRegion,
	whyReadOnly,
	whyRefused,
	whyTooLarge,
} from "./advice.js";
import { denied, isDenied } from "./engines.js";
import { findItem, findLimit, findMount, findRoom, findUser, whyNoItem } from "./file-system.js";
import type { MemoryLimit } from "./memory-limit.js";

/**
 * Actions that need permissions of the file's folder instead of the file. For `Listing`, the path is the
 * folder.
 */
const withFolder = ["Creating", "Removing", "Listing"];

/** Converts an error of a system call; returns any other error unchanged. */
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
				`${doing} ${path} is forbidden by Node's permission model; run Node with --allow-fs-read and --allow-fs-write ` +
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
				`${doing} ${path}: this process or machine can't have more files, threads or mappings (${errno}); ` +
					"close some, or raise its limits (ulimit -a)",
				cause,
			);
		case "ELOOP":
			if (whyNoItem(folder) === "ELOOP") {
				return new DhmemError(
					"DHMEM_NOT_FOUND",
					`${folder} is a symbolic link that leads back to itself; ${howToChooseFolder}`,
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
				`${doing} ${path} fails here: ${error.message}; try a folder on another file system, ` +
					"or check which system calls this process may not make (seccomp)",
				cause,
			);
	}
}

function notRegular(path: string, cause: ErrorOptions): DhmemError {
	return new DhmemError(
		"DHMEM_FORMAT",
		`${path} is not a regular file, so it can't be a region; remove it, or choose another name`,
		cause,
	);
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
	return typeof error === "object" && error !== null && "syscall" in error;
}

/** Tells whether the operating system refused an action for lack of permission. */
export function isRefusal(error: unknown): boolean {
	return ["EACCES", "EPERM", "EROFS"].includes(errnoOf(error) ?? "");
}

/** The error for a missing region, or for a missing folder. */
export function notFound(path: string, folder = dirname(path), options?: ErrorOptions): DhmemError {
	return new DhmemError("DHMEM_NOT_FOUND", whyNotFound(path, folder), options);
}

function whyNotFound(path: string, folder: string): string {
	if (whyNoItem(folder) !== undefined) return `There is no folder ${folder}; ${howToGetFolder(folder)}`;
	if (findItem(folder)?.isFolder === false) return `${folder} is not a folder; ${howToChooseFolder}`;
	return `There is no region at ${path}; ${whyNoRegion(findMount(folder))}`;
}

/** The error for a file system without room for `bytes` more. */
export function noSpace(path: string, bytes: number, options?: ErrorOptions): DhmemError {
	const folder = dirname(path);
	const room = findRoom(folder);
	const advice = howToMakeRoom(findMount(folder), room, bytes);
	const isFile = room !== undefined && isOutOfFiles(room) && room.free >= bytes;
	const wanted = isFile ? `${path} can't be created` : `${path} needs ${bytes} more bytes`;
	return new DhmemError("DHMEM_NO_SPACE", `${wanted}: ${advice}`, options);
}

/** The error for `bytes` more in memory than the kernel lets this process use. */
export function memoryLimited(path: string, bytes: number, limit: MemoryLimit): DhmemError {
	return new DhmemError(
		"DHMEM_NO_SPACE",
		`${path} needs ${bytes} more bytes: ${howToRaiseMemory(limit, bytes)}`,
	);
}

/** Explains who may create, replace or remove the file. The path may be that of the folder. */
function whoMayChange(path: string, folder: string): string {
	const within = findItem(folder);
	const kept = within && path !== folder ? whyKept(findItem(path), within, findUser()) : undefined;
	return kept ?? whoMay(folder);
}

/** A folder may hide the file. Then the answer is about that folder, or about a folder above it. */
function whoMay(path: string): string {
	const item = findItem(path);
	if (item !== undefined) return whyRefused(item, findUser());
	return path === dirname(path) ? "its permissions can't be read" : whoMay(dirname(path));
}
