/**
 * The join lock: it protects the name of a region.
 *
 * A process may replace or remove a name only while it holds the write lock of the file with that name, and
 * after it has checked under the lock that the file still has the name. Creating a region never replaces a
 * file. So the name stays while the lock is held, and no process removes the name of a different region by
 * mistake. Linux has no call for "unlink if it is this file".
 *
 * Readers can't take the join lock, because their read lock would keep writers out. They read-lock a byte of
 * their own, and then check that the file still has the name. A process that removes a file write-locks that
 * byte too.
 */
import { performance } from "node:perf_hooks";
import { DhmemError, errnoOf } from "../errors.js";
import { type File, shim } from "../host/shim.js";
import { isRefusal, systemError } from "../host/system-error.js";
import { debug } from "./debug.js";

/**
 * Index of the join lock's byte, behind those of the slots. A process holds it while it joins, leaves a
 * "last-close" region, or replaces or removes the file.
 */
export const JOIN_LOCK = 1024;
/** Milliseconds to wait for a lock byte. Only a stopped process holds one of these for long. */
const TIMEOUT = 10_000;
/** How often to open a path again that is another file each time. */
const MOST_OPENINGS = 100;
/** Errors for files without usable locks: not a regular file, or leased to another process. */
const WITHOUT_LOCKS = ["ENOTREG", "ELOOP", "EAGAIN"];

/** Opens the file without following symbolic links. Undefined if there is no such file. */
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
			// Without /proc the shim opens the path twice, and the file was replaced in between.
			if (errnoOf(error) !== "ESTALE" || turn >= MOST_OPENINGS) throw error;
		}
	}
}

/** Waits until a lock byte is free, and takes it. @throws DHMEM_TIMEOUT */
export function waitForLock(file: File, index: number, path: string): void {
	const deadline = performance.now() + TIMEOUT;
	const pause = new Int32Array(new SharedArrayBuffer(4));
	for (let turn = 0; !shim().tryLock(file, index); turn++) {
		if (turn === 0) debug("%s: waiting for lock byte %d", path, index);
		if (performance.now() > deadline) {
			throw new DhmemError(
				"DHMEM_TIMEOUT",
				`Another process has been opening, closing or removing ${path} for ${TIMEOUT / 1000} s, so it is ` +
					"probably stopped (SIGSTOP, a frozen container, a debugger); resume it, or end it",
			);
		}
		Atomics.wait(pause, 0, 0, 0.2 + Math.random());
	}
}

/**
 * Tells whether another process is joining, replacing or removing the region at `path`. It does so for long only if it
 * is stopped.
 */
export function isBeingJoined(path: string): boolean {
	const file = openFile(path, false);
	if (file === undefined) return false;
	try {
		return shim().isLocked(file, JOIN_LOCK);
	} finally {
		shim().closeFile(file);
	}
}

/** Drops a lock byte. If the core threw meanwhile, the file is closed and the lock is already dropped. */
export function dropLock(file: File, index: number): void {
	try {
		shim().unlock(file, index);
	} catch (error) {
		if (errnoOf(error) !== "ECLOSED") throw error;
	}
}

/** Runs `body` while holding the file's join lock. @throws DHMEM_TIMEOUT */
export function whileJoining<T>(file: File, path: string, body: () => T): T {
	waitForLock(file, JOIN_LOCK, path);
	try {
		return body();
	} finally {
		dropLock(file, JOIN_LOCK);
	}
}

/**
 * Runs `body` with the file, while no other process can replace or remove it. False if there is no such file.
 *
 * If this user may only read the file, it is read-locked, which keeps the others out too. `body` runs without
 * a lock if the file can't be opened or locked: another user's file in this user's folder, a link, a socket.
 * It also runs without a lock if `isWaitedFor` is false, as for strangers' files, and another process holds
 * the lock.
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
		`Others keep creating and removing ${path}; stop them, or choose another name`,
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
