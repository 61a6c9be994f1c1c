/**
 * Removes what dead processes left in a folder: "last-close" regions without participants, and half-made
 * files.
 */
import { opendirSync, readdirSync, unlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { SLOTS } from "../../assembly/layout.js";
import { DhmemError, errnoOf } from "../errors.js";
import { type File, shim } from "../host/shim.js";
import { isRefusal, systemError } from "../host/system-error.js";
import { isTrusted, type Trust } from "../host/trust.js";
import { isRegionName } from "../values/arguments.js";
import { debug } from "./debug.js";
import { isLastClose, readHeader } from "./header.js";
import { dropLock, JOIN_LOCK, openFile, waitForLock } from "./join-lock.js";
import { READER_LOCK } from "./participants.js";
import { PIPE, removeDeadPipe } from "./peer-pipes.js";

export const SUFFIX = ".dhmem";
/** The shim's name for a file that has no name of its own yet. */
const TEMPORARY = /^\.dhmem-[0-9a-f]{16}\.tmp$/;
/** The names of temporary regions begin with this. */
export const TEMPORARY_REGION = "temporary-";
/**
 * How many names an opening reads, and how many files of each kind it examines, so that its time is bounded
 * in any folder.
 */
const MOST_NAMES = 1000;
const MOST_LOOKS = 16;

/** The names of all regions in `directory`, including abandoned ones. */
export function namesIn(directory: string): string[] {
	return regionsAmong(readdirSync(directory)).sort();
}

function regionsAmong(files: readonly string[]): string[] {
	return files
		.filter((file) => file.endsWith(SUFFIX) && !file.startsWith("."))
		.map((file) => file.slice(0, -SUFFIX.length))
		.filter(isRegionName);
}

export function pathOf(directory: string, name: string): string {
	return join(directory, name + SUFFIX);
}

/** The names of the regions in `directory`, after removing what dead processes left there. Never waits. */
export function listRegions(directory: string, trust: Trust): string[] {
	const files = readdirSync(directory);
	removeLitter(directory, litterAmong(files));
	removePipes(directory, pipesAmong(files));
	return regionsAmong(files)
		.sort()
		.filter((name) => !removeAbandoned(pathOf(directory, name), trust, "try"));
}

/**
 * Removes some of what dead processes left in `directory`. Called before a region is opened there, because no
 * one else would ever remove regions whose names are not used again. Failures are ignored.
 */
export function tidy(directory: string, trust: Trust, opening: string): void {
	try {
		const files = someOf(directory);
		removeLitter(directory, some(litterAmong(files)));
		removePipes(directory, some(pipesAmong(files)));
		const names = regionsAmong(files).filter((name) => pathOf(directory, name) !== opening);
		const temporary = names.filter((name) => name.startsWith(TEMPORARY_REGION));
		const others = names.filter((name) => !name.startsWith(TEMPORARY_REGION));
		for (const name of [...some(temporary), ...some(others)].slice(0, MOST_LOOKS)) {
			removeAbandoned(pathOf(directory, name), trust, "try");
		}
	} catch (error) {
		debug("%s: it can't be tidied: %s", directory, error);
	}
}

/** Up to MOST_NAMES names in a folder. A tmpfs lists the newest ones first. */
function someOf(directory: string): string[] {
	const names: string[] = [];
	const folder = opendirSync(directory, { bufferSize: MOST_NAMES });
	try {
		while (names.length < MOST_NAMES) {
			const entry = folder.readSync();
			if (entry === null) break;
			names.push(entry.name);
		}
	} finally {
		folder.closeSync();
	}
	return names;
}

/** Up to MOST_LOOKS names from a random place, so that each gets its turn. */
function some(names: readonly string[]): string[] {
	const start = Math.floor(Math.random() * names.length);
	return [...names.slice(start), ...names.slice(0, start)].slice(0, MOST_LOOKS);
}

function litterAmong(files: readonly string[]): string[] {
	return files.filter((file) => TEMPORARY.test(file));
}

function pipesAmong(files: readonly string[]): string[] {
	return files.filter((file) => PIPE.test(file));
}

/** Removes pipes whose owners have died. */
function removePipes(directory: string, names: readonly string[]): void {
	for (const name of names) removeDeadPipe(join(directory, name));
}

/** Removes files with temporary names whose makers have died. */
function removeLitter(directory: string, names: readonly string[]): void {
	for (const name of names) {
		const path = join(directory, name);
		let file: File | undefined;
		try {
			// Opened for reading, because more users may do that, and a living maker keeps out readers too. A
			// temporary name is never used twice, so it needs no lock.
			file = openFile(path, false);
			if (file === undefined || !shim().tryLock(file, shim().makerLock)) continue;
			if (!shim().isNamed(file, path)) continue;
			unlinkSync(path);
			debug("%s: removed, its maker is dead", path);
		} catch (error) {
			debug("%s: it can't be removed: %s", path, error);
		} finally {
			if (file !== undefined) shim().closeFile(file);
		}
	}
}

/** Tells whether this is a "last-close" region that no participant or reader has open. */
export function isAbandoned(file: File, header: Uint32Array): boolean {
	return isEmptying(file, header) && !shim().isLocked(file, READER_LOCK);
}

/** Like `isAbandoned`, but also true while a reader has the region open, or a process is removing it. */
function isEmptying(file: File, header: Uint32Array): boolean {
	return isLastClose(header) && !hasParticipants(file);
}

/**
 * Like `isEmptying`, for a file whose header was not read. A temporary region of which another program has left nothing
 * counts too, since nobody else would ever remove it.
 */
function isUnused(file: File, path: string): boolean {
	const isTruncated = basename(path).startsWith(TEMPORARY_REGION) && shim().statFile(file).size === 0;
	return isTruncated ? !hasParticipants(file) : isEmptying(file, readHeader(file, path));
}

/** Tells whether other openings than this one hold a participant slot. */
function hasParticipants(file: File): boolean {
	for (let slot = 0; slot < SLOTS; slot++) if (shim().isLocked(file, slot)) return true;
	return false;
}

/**
 * Removes the name of a "last-close" region if it has no participants. The caller holds the join lock, and
 * has checked that the file has the name. Throws what `unlinkSync` throws.
 */
export function removeIfEmpty(file: File, path: string): boolean {
	// A reader has this lock, or is about to get it and will then see that the name is gone.
	if (!shim().tryLock(file, READER_LOCK)) return false;
	try {
		if (hasParticipants(file)) return false;
		unlinkUnlessGone(path);
		debug("%s: removed, its last participant is gone", path);
		return true;
	} finally {
		dropLock(file, READER_LOCK);
	}
}

/**
 * A user who can't open the file but may write to the folder removes it without a lock, so it may be gone.
 */
function unlinkUnlessGone(path: string): void {
	try {
		unlinkSync(path);
	} catch (error) {
		if (errnoOf(error) !== "ENOENT") throw error;
	}
}

/** Tells whether the region at `path` is abandoned. */
export function isLeftOver(path: string, trust: Trust): boolean {
	return withAbandoned(path, trust, "try", (file) => !shim().isLocked(file, READER_LOCK));
}

/** Removes the region at `path` if it is abandoned. @throws DHMEM_TIMEOUT with "wait" */
export function removeAbandoned(path: string, trust: Trust, patience: "try" | "wait"): boolean {
	return withAbandoned(path, trust, patience, (file) => removeIfEmpty(file, path));
}

/**
 * Runs `body` if the region at `path` is abandoned, while no process can join it. Skips strangers' regions.
 */
function withAbandoned(
	path: string,
	trust: Trust,
	patience: "try" | "wait",
	body: (file: File) => boolean,
): boolean {
	let opened: File | undefined;
	try {
		const file = openFile(path, true);
		if (file === undefined) return false;
		opened = file;
		// Lock only a region that looks abandoned, so that joining a living one is never delayed.
		if (!isTrusted(file, path, trust) || !isUnused(file, path)) return false;
		if (patience === "wait") waitForLock(file, JOIN_LOCK, path);
		else if (!shim().tryLock(file, JOIN_LOCK)) return false;
		return shim().isNamed(file, path) && body(file);
	} catch (error) {
		if (error instanceof DhmemError && error.code === "DHMEM_TIMEOUT") throw error;
		// Leave it if it is not a region, or is another user's.
		if (error instanceof DhmemError || isRefusal(error)) return false;
		throw systemError(error, path, "Looking at");
	} finally {
		if (opened !== undefined) shim().closeFile(opened);
	}
}
