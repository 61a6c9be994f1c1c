/** Decides whose files are opened in a folder where strangers can create files: one of them may be a trap. */

import { statSync } from "node:fs";
import { dirname } from "node:path";
import { badArgument, DhmemError, errnoOf } from "../errors.js";
import { howToTrust } from "./advice.js";
import process from "./process.js";
import { type File, shim } from "./shim.js";

/**
 * The owners that are trusted besides this user and root: none (`"owner"`), all (`"any"`), or users and
 * groups by their numbers. A group is ignored if the folder gives its own group to every file (setgid).
 *
 * @example
 * ```ts
 * using region = Region.open("results", { trust: [1001] });
 * ```
 */
export type Trust = "owner" | "any" | number | readonly number[];

const OTHERS_MAY_WRITE = 0o002;
const SETGID = 0o2000;
/** The number that stands for every user or group without a mapping in this user namespace. */
const NOBODY = 65534;
const LARGEST_ID = 2 ** 32 - 2;

/** Checks a user's setting; `what` names it in the error. @throws DHMEM_BAD_ARGUMENT */
export function checkTrust(what: string, value: unknown): Trust {
	if (value === "owner" || value === "any") return value;
	const list = typeof value === "string" ? idsIn(value) : Array.isArray(value) ? value : [value];
	if (list.length > 0 && list.every(isId)) return list;
	throw badArgument(what, value, '"owner", "any", or user and group numbers such as 1001,12000');
}

function idsIn(text: string): number[] {
	return text.split(",").map((id) => (/^\s*\d+\s*$/.test(id) ? Number(id) : Number.NaN));
}

function isId(value: unknown): value is number {
	return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= LARGEST_ID;
}

/** Throws if the file that was opened at `path` is not trusted. @throws DHMEM_PERMISSION */
export function checkTrusted(file: File, path: string, trust: Trust): void {
	if (isTrusted(file, path, trust)) return;
	const { uid, gid } = shim().statFile(file);
	throw new DhmemError("DHMEM_PERMISSION", howToTrust(path, uid, gid));
}

/**
 * Tells whether the file that was opened at `path` is trusted. Every file is, unless anyone can create files
 * in its folder.
 */
export function isTrusted(file: File, path: string, trust: Trust): boolean {
	return trust === "any" || isTrustedOwner(shim().statFile(file), path, trust);
}

/** Tells whether what this user and group own at `path` is trusted. */
export function isTrustedOwner(
	{ uid, gid }: { readonly uid: number; readonly gid: number },
	path: string,
	trust: Trust,
): boolean {
	if (trust === "any") return true;
	if (uid === 0 || uid === process.geteuid?.()) return true;
	const mode = folderMode(dirname(path));
	if ((mode & OTHERS_MAY_WRITE) === 0) return true;
	const listed = trust === "owner" ? [] : [trust].flat();
	const counts = (id: number) => id !== NOBODY && listed.includes(id);
	return counts(uid) || ((mode & SETGID) === 0 && counts(gid));
}

/** A folder that can't be examined is taken for one that anyone can write to. */
function folderMode(folder: string): number {
	try {
		return statSync(folder).mode;
	} catch (error) {
		if (errnoOf(error) === undefined) throw error;
		return OTHERS_MAY_WRITE | SETGID;
	}
}
