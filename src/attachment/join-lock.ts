/**
 * Who may change what a name means.
 *
 * A name is replaced or removed only by a participant that holds the join lock of the file that has the name now, for
 * writing, and that has looked under this lock that it does. Making a region never replaces anything. So while the
 * lock is held the name stays, and nobody removes a name that means another region by now: Linux has no call for
 * "unlink if it is this file".
 *
 * Readers can't take that lock, because a read lock of theirs would keep writers out. They read-lock the byte of the
 * readers, and then look whether the file still has the name; whoever removes a file write-locks that byte too.
 */
import { performance } from "node:perf_hooks";
import { DhmemError, errnoOf } from "../errors.js";
import { type File, shim } from "../host/shim.js";
import { isRefusal, systemError } from "../host/system-error.js";
import { debug } from "./debug.js";

/** Index of the lock byte behind the slots'. Whoever joins, leaves last, replaces or removes holds it. */
export const JOIN_LOCK = 1024;
/** Milliseconds to wait for a lock byte: only a stopped process holds one of these longer than a moment. */
const TIMEOUT = 10_000;
/** How often a path may name another file each time it is opened. */
const MOST_OPENINGS = 100;
/** What is no regular file, or is leased to somebody: it has no locks that could be taken. */
const WITHOUT_LOCKS = ["ENOTREG", "ELOOP", "EAGAIN"];

/** Opens the file, without following a link; undefined if nothing has the name. */
export function openFile(path: string, writable: boolean): File | undefined {
	try {
		return openOnce(path, writable);
	} catch (error) {
		throw systemError(error, path, "Opening");
	}
}

function openOnce(path: string, writable: boolean): File | undefined {
	for (let turn = 0; ; turn++) {
		try {
			return shim().openFile(path, writable);
		} catch (error) {
			if (errnoOf(error) === "ENOENT") return undefined;
			// Without /proc it is opened twice by its path, and was replaced between.
			if (errnoOf(error) !== "ESTALE" || turn >= MOST_OPENINGS) throw error;
		}
	}
}

/** Takes a lock byte as soon as it is free. @throws DHMEM_TIMEOUT */
export function waitForLock(file: File, index: number, path: string): void {
	const deadline = performance.now() + TIMEOUT;
	const pause = new Int32Array(new SharedArrayBuffer(4));
	for (let turn = 0; !shim().tryLock(file, index); turn++) {
		if (turn === 0) debug("%s: waiting for lock byte %d", path, index);
		if (performance.now() > deadline) {
			throw new DhmemError(
				"DHMEM_TIMEOUT",
				`Another process has been opening, closing or removing ${path} for ${TIMEOUT / 1000} s, so it must be stopped ` +
					"(SIGSTOP, a frozen container, a debugger); let it go on, or end it",
			);
		}
		Atomics.wait(pause, 0, 0, 0.2 + Math.random());
	}
}

/** Drops a lock byte. Where the core threw meanwhile the file is closed, and the lock dropped with it. */
export function dropLock(file: File, index: number): void {
	try {
		shim().unlock(file, index);
	} catch (error) {
		if (errnoOf(error) !== "ECLOSED") throw error;
	}
}

/** Runs `body` holding the file's join lock. @throws DHMEM_TIMEOUT */
export function whileJoining<T>(file: File, path: string, body: () => T): T {
	waitForLock(file, JOIN_LOCK, path);
	try {
		return body();
	} finally {
		dropLock(file, JOIN_LOCK);
	}
}

/**
 * Runs `body` while nobody else can change what has the name, and gives it the file; false if nothing has the name.
 *
 * A file that may only be read is locked for reading, which is enough to keep the others out. What can't be opened or
 * locked at all is changed without: another user's file in our folder, a link, a socket. So are files whose locks are
 * not waited for, such as strangers', where somebody has them.
 */
export function whileNamed(
	path: string,
	isWaitedFor: (file: File) => boolean,
	body: (file: File | undefined) => void,
): boolean {
	for (let turn = 0; turn < MOST_OPENINGS; turn++) {
		const file = openToLock(path);
		if (file === undefined) return false;
		if (file === "without locks") {
			body(undefined);
			return true;
		}
		try {
			if (isWaitedFor(file)) waitForLock(file, JOIN_LOCK, path);
			else shim().tryLock(file, JOIN_LOCK);
			if (!shim().isNamed(file, path)) continue;
			body(file);
			return true;
		} finally {
			shim().closeFile(file);
		}
	}
	throw new DhmemError(
		"DHMEM_TIMEOUT",
		`Others keep making and removing ${path}; stop them, or choose another name`,
	);
}

function openToLock(path: string): File | "without locks" | undefined {
	for (const writable of [true, false]) {
		try {
			return openOnce(path, writable);
		} catch (error) {
			if (WITHOUT_LOCKS.includes(errnoOf(error) ?? "")) return "without locks";
			if (!isRefusal(error)) throw error;
		}
	}
	return "without locks";
}
