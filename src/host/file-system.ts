/** What there is to know about where a region's file is to be: what is mounted there, how full it is, and whose. */
import { readFileSync, realpathSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import process from "./process.js";

/** A line of `/proc/self/mountinfo`. */
export interface Mount {
	/** Where it is. */
	point: string;
	/** What of its file system is there: `/` for all of it, else a folder, as `-v` mounts one. */
	root: string;
	type: string;
	source: string;
	readOnly: boolean;
}

/** A file or folder as `stat` sees it. */
export interface Item {
	path: string;
	isFolder: boolean;
	user: number;
	group: number;
	/** Permission bits, and the sticky one. */
	mode: number;
}

export interface Room {
	/** Bytes. */
	size: number;
	free: number;
	/** How many files it may have in all, and how many more; both 0 where it keeps no count. */
	files: number;
	freeFiles: number;
}

/** Who this process is, to the file system. */
export interface User {
	user: number;
	groups: number[];
}

/** @param text `/proc/self/mountinfo` */
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

/** Blanks and the like are there as octal numbers. */
function unquote(field: string): string {
	return field.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The mount that `path` is on: the longest, and of several at one point the last, which covers the others. */
export function mountOf(path: string, mounts: readonly Mount[]): Mount | undefined {
	return mounts
		.filter(({ point }) => path === point || path.startsWith(point === "/" ? "/" : `${point}/`))
		.reduce<Mount | undefined>(
			(best, mount) => (best === undefined || mount.point.length >= best.point.length ? mount : best),
			undefined,
		);
}

/** The mount under `path`, which need not exist. Undefined where it can't be known. */
export function findMount(path: string): Mount | undefined {
	return known(() => mountOf(realPath(path), parseMounts(readFileSync("/proc/self/mountinfo", "utf8"))));
}

function realPath(path: string): string {
	const real = known(() => realpathSync(path));
	return real ?? (dirname(path) === path ? path : realPath(dirname(path)));
}

/** Undefined where it can't be looked at. */
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

export function findRoom(path: string): Room | undefined {
	return known(() => {
		const { bsize, blocks, bavail, files, ffree } = statfsSync(path);
		return { size: bsize * blocks, free: bsize * bavail, files, freeFiles: ffree };
	});
}

export function findUser(): User {
	return { user: process.geteuid?.() ?? 0, groups: process.getgroups?.() ?? [] };
}

/** A limit of this process, in bytes, by its name in `/proc/self/limits`; undefined if there is none. */
export function findLimit(name: "Max address space" | "Max file size"): number | undefined {
	return known(() => {
		const line = readFileSync("/proc/self/limits", "utf8")
			.split("\n")
			.find((each) => each.startsWith(name));
		const limit = Number(line?.slice(name.length).trim().split(/\s+/)[0]);
		return Number.isNaN(limit) ? undefined : limit;
	});
}

/** What can be found out without having to: an error about an error would hide the first. */
function known<T>(find: () => T): T | undefined {
	try {
		return find();
	} catch {
		return undefined;
	}
}
