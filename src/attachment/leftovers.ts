/** What dead processes left in a folder: regions that were to go with their last participant, and files half made. */
import { opendirSync, readdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
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

export const SUFFIX = ".dhmem";
/** What the shim calls a file before it has its name. */
const TEMPORARY = /^\.dhmem-[0-9a-f]{16}\.tmp$/;
/** How regions of `Region.temporary()` are called. */
export const TEMPORARY_REGION = "temporary-";
/** How many names an opening reads, and how many files of each kind it looks at: a bounded time in any folder. */
const MOST_NAMES = 1000;
const MOST_LOOKS = 16;

/** Names of the regions in `directory`, also of those that are left over. */
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

/** Names of the regions in `directory`. What dead ones left there is removed. Nobody is waited for. */
export function listRegions(directory: string, trust: Trust): string[] {
	const files = readdirSync(directory);
	removeLitter(directory, litterAmong(files));
	return regionsAmong(files)
		.sort()
		.filter((name) => !removeAbandoned(pathOf(directory, name), trust, "try"));
}

/**
 * Removes some of what dead ones left in `directory`, before a region is opened there: of regions that nobody would
 * open by name again nobody else would ever look after. It is in nobody's way if it can't.
 */
export function tidy(directory: string, trust: Trust, opening: string): void {
	if (onlyLooking) return;
	try {
		const files = someOf(directory);
		removeLitter(directory, some(litterAmong(files)));
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

let onlyLooking = false;

/** Runs `body`, in which regions are opened, and nothing is removed on that occasion. */
export function whileOnlyLooking<T>(body: () => T): T {
	onlyLooking = true;
	try {
		return body();
	} finally {
		onlyLooking = false;
	}
}

/** Some names in a folder: all, or the first that the file system gives, which on a tmpfs are the latest. */
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

/** So many of them, from anywhere: each has its turn. */
function some(names: readonly string[]): string[] {
	const start = Math.floor(Math.random() * names.length);
	return [...names.slice(start), ...names.slice(0, start)].slice(0, MOST_LOOKS);
}

function litterAmong(files: readonly string[]): string[] {
	return files.filter((file) => TEMPORARY.test(file));
}

/** Removes files that have a temporary name, and whose makers died. */
function removeLitter(directory: string, names: readonly string[]): void {
	for (const name of names) {
		const path = join(directory, name);
		let file: File | undefined;
		try {
			// For reading, which a living maker keeps out just as well, and more users may do. A temporary name is never
			// given twice, so it needs no lock that keeps it.
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

/** Whether nobody is in the region, which was to go with its last participant. */
export function isAbandoned(file: File, header: Uint32Array): boolean {
	return isEmptying(file, header) && !shim().isLocked(file, READER_LOCK);
}

/** As `isAbandoned`, and also where somebody reads it, or is removing it at this moment. */
function isEmptying(file: File, header: Uint32Array): boolean {
	return isLastClose(header) && !hasParticipants(file);
}

/** Whether others than this opening have a slot. */
function hasParticipants(file: File): boolean {
	for (let slot = 0; slot < SLOTS; slot++) if (shim().isLocked(file, slot)) return true;
	return false;
}

/**
 * Removes the name of a region that was to go with its last participant, if that one is gone. The caller holds the
 * join lock, and has looked that the file has the name. Throws what `unlink` does.
 */
export function removeIfEmpty(file: File, path: string): boolean {
	// A reader has it, or will find that the name is gone as soon as it gets it.
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

/** A user who can't open the file, but may write the folder, removes it without a lock. */
function unlinkUnlessGone(path: string): void {
	try {
		unlinkSync(path);
	} catch (error) {
		if (errnoOf(error) !== "ENOENT") throw error;
	}
}

/** Whether the region at `path` is an abandoned one. */
export function isLeftOver(path: string, trust: Trust): boolean {
	return withAbandoned(path, trust, "try", (file) => !shim().isLocked(file, READER_LOCK));
}

/** Removes the region at `path` if it is an abandoned one. @throws DHMEM_TIMEOUT, where it waits */
export function removeAbandoned(path: string, trust: Trust, patience: "try" | "wait"): boolean {
	return withAbandoned(path, trust, patience, (file) => removeIfEmpty(file, path));
}

/** Runs `body` if the region at `path` is an abandoned one, while nobody can join it. Strangers' are passed over. */
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
		// Only a region that looks abandoned is locked: nobody who joins a living one is held up.
		if (!isTrusted(file, path, trust) || !isEmptying(file, readHeader(file, path))) return false;
		if (patience === "wait") waitForLock(file, JOIN_LOCK, path);
		else if (!shim().tryLock(file, JOIN_LOCK)) return false;
		return shim().isNamed(file, path) && body(file);
	} catch (error) {
		if (error instanceof DhmemError && error.code === "DHMEM_TIMEOUT") throw error;
		// Not a region, or another user's: not ours to remove.
		if (error instanceof DhmemError || isRefusal(error)) return false;
		throw systemError(error, path, "Looking at");
	} finally {
		if (opened !== undefined) shim().closeFile(opened);
	}
}
