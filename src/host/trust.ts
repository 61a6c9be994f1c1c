/** Whose files are opened, where strangers can make names: a file may lie there to be joined by mistake. */

import { statSync } from "node:fs";
import { dirname } from "node:path";
import { badArgument, DhmemError, errnoOf } from "../errors.js";
import { howToTrust } from "./advice.js";
import process from "./process.js";
import { type File, shim } from "./shim.js";

/**
 * Beside this user and root: nobody (`"owner"`), everybody (`"any"`), or users and groups by their numbers. A group
 * counts only where the folder does not give its own group to every file (setgid).
 */
export type Trust = "owner" | "any" | number | readonly number[];

const OTHERS_MAY_WRITE = 0o002;
const SETGID = 0o2000;
/** What users and groups without a number in this user namespace look like: all the same. */
const NOBODY = 65534;
const LARGEST_ID = 2 ** 32 - 2;

/** @throws DHMEM_BAD_ARGUMENT, with `what` in it */
export function checkTrust(what: string, value: unknown): Trust {
	if (value === "owner" || value === "any") return value;
	const list = typeof value === "string" ? idsIn(value) : Array.isArray(value) ? value : [value];
	if (list.length > 0 && list.every(isId)) return list;
	throw badArgument(what, value, '"owner", "any", or numbers of users and groups, such as 1001,12000');
}

function idsIn(text: string): number[] {
	return text.split(",").map((id) => (/^\s*\d+\s*$/.test(id) ? Number(id) : Number.NaN));
}

function isId(value: unknown): value is number {
	return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= LARGEST_ID;
}

/** Throws DHMEM_PERMISSION unless the file that was opened at `path` may be used. */
export function checkTrusted(file: File, path: string, trust: Trust): void {
	if (isTrusted(file, path, trust)) return;
	const { uid, gid } = shim().statFile(file);
	throw new DhmemError("DHMEM_PERMISSION", howToTrust(path, uid, gid));
}

/** Whether the file that was opened at `path` may be used: asked only where everybody can make names. */
export function isTrusted(file: File, path: string, trust: Trust): boolean {
	return trust === "any" || isTrustedOwner(shim().statFile(file), path, trust);
}

/** The same of a file that may not be opened. */
export function isTrustedOwner(
	{ uid, gid }: { uid: number; gid: number },
	path: string,
	trust: Trust,
): boolean {
	if (trust === "any" || uid === 0 || uid === process.geteuid?.()) return true;
	const mode = folderMode(dirname(path));
	if ((mode & OTHERS_MAY_WRITE) === 0) return true;
	const listed = trust === "owner" ? [] : [trust].flat();
	const counts = (id: number) => id !== NOBODY && listed.includes(id);
	return counts(uid) || ((mode & SETGID) === 0 && counts(gid));
}

/** A folder that can't be looked at may be anybody's. */
function folderMode(folder: string): number {
	try {
		return statSync(folder).mode;
	} catch (error) {
		if (errnoOf(error) === undefined) throw error;
		return OTHERS_MAY_WRITE | SETGID;
	}
}
