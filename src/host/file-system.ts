/** Collects facts about the place of a region's file: its mount, its free space, and its owner. */
import { readFileSync, realpathSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "../errors.js";
import { isDenied } from "./engines.js";
import process from "./process.js";

/** A line of `/proc/self/mountinfo`. */
export interface Mount {
	/** The mount point. */
	point: string;
	/** The folder of the file system that is mounted there: `/` for all of it, else a folder, as with `-v`. */
	root: string;
	type: string;
	source: string;
	readOnly: boolean;
}

/** What `stat` says about a file or folder. */
export interface Item {
	path: string;
	isFolder: boolean;
	user: number;
	group: number;
	/** The permission bits and the sticky bit. */
	mode: number;
}

export interface Room {
	/** Bytes. */
	size: number;
	free: number;
	/**
	 * The number of files (inodes) that the file system can have, and that are free. Both are 0 if it does not
	 * count them.
	 */
	files: number;
	freeFiles: number;
}

/** The user and the groups of this process, as the file system sees them. */
export interface User {
	user: number;
	groups: number[];
}

/** @param text the contents of `/proc/self/mountinfo` */
export function parseMounts(text: string): Mount[] {
	return text
		.split("\n")
		.map((line) => line.split(" "))
		.filter((fields) => fields.includes("-"))
		.map((fields) => {
			const rest = fields.slice(fields.indexOf("-") + 1);
			const field = (value: string | undefined) => unquote(value ?? "");
			const options = `${fields[5]},${rest[2]}`.split(",");
			return {
				point: field(fields[4]),
				root: field(fields[3]),
				type: field(rest[0]),
				source: field(rest[1]),
				readOnly: options.includes("ro"),
			};
		});
}

/** The kernel writes blanks and similar characters as octal numbers. */
function unquote(field: string): string {
	return field.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/**
 * The mount that `path` is on: the one with the longest mount point. Of several at one point, the last covers
 * the others.
 */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
	return mounts
		.filter(({ point }) => path === point || path.startsWith(point === "/" ? "/" : `${point}/`))
		.reduce<Mount | undefined>(
			(best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
			undefined,
		);
}

/** The mount that `path` is on; `path` need not exist. Undefined if the mount can't be determined. */
export function findMount(path: string): Mount | undefined {
	return known(() => mountOf(realPath(path), parseMounts(readFileSync("/proc/self/mountinfo", "utf8"))));
}

function realPath(path: string): string {
	const real = known(() => realpathSync(path));
	return real ?? (dirname(path) === path ? path : realPath(dirname(path)));
}

/** Undefined if `stat` fails. */
export function findItem(path: string): Item | undefined {
	return known(() => {
		const status = statSync(path);
		return {
			path,
			isFolder: status.isDirectory(),
			user: status.uid,
			group: status.gid,
			mode: status.mode & 0o7777,
		};
	});
}

/** The error number of a failing `stat`; undefined if it does not fail, or if this runtime does not allow it. */
export function whyNoItem(path: string): string | undefined {
	try {
		statSync(path);
		return undefined;
	} catch (error) {
		return isDenied(error) ? undefined : errnoOf(error);
	}
}

export function findRoom(path: string): Room | undefined {
	return known(() => {
		const { bsize, blocks, bavail, files, ffree } = statfsSync(path);
		return { size: bsize * blocks, free: bsize * bavail, files, freeFiles: ffree };
	});
}

export function findUser(): User {
	return { user: process.geteuid?.() ?? 0, groups: process.getgroups?.() ?? [] };
}

/**
 * A limit of this process in bytes, by its name in `/proc/self/limits`; undefined if it is unlimited or
 * unknown.
 */
export function findLimit(name: "Max address space" | "Max data size" | "Max file size"): number | undefined {
	return known(() => {
		const line = readFileSync("/proc/self/limits", "utf8")
			.split("\n")
			.find((each) => each.startsWith(name));
		const limit = Number(line?.slice(name.length).trim().split(/\s+/)[0]);
		return Number.isNaN(limit) ? undefined : limit;
	});
}

/**
 * Returns undefined instead of throwing: these facts explain an error, and a second error would hide the
 * first.
 */
function known<T>(find: () => T): T | undefined {
	try {
		return find();
	} catch {
		return undefined;
	}
}
