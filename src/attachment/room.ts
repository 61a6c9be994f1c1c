/** Whether there is room for many pages, before any of them is committed. */
import { isInMemory } from "../host/advice.js";
import { findMount, findRoom } from "../host/file-system.js";
import { findMemoryLimit, type MemoryLimit } from "../host/memory-limit.js";
import { memoryLimited, noSpace } from "../host/system-error.js";

/** Before committing more than this, it is worth asking. */
const MUCH = 2 ** 24;
/** The kernel's tables for pages take this share of them. */
const TABLES = 1 / 128;

/**
 * Throws if the file system has no room for `bytes` more, before it is filled with many of them for nothing, or if the
 * kernel would kill this process for using as much memory.
 *
 * @throws DHMEM_NO_SPACE
 */
export function checkRoom(path: string, bytes: number): void {
	if (bytes <= MUCH) return;
	const free = findRoom(path)?.free;
	if (free !== undefined && bytes > free) throw noSpace(path, bytes);
	const limit = limitFor(path, bytes);
	if (limit !== undefined) throw memoryLimited(path, bytes, limit);
}

/** The limit of memory that allows fewer than `bytes` more in the file. Pages of a file on a disk need not stay in memory. */
function limitFor(path: string, bytes: number): MemoryLimit | undefined {
	const limit = findMemoryLimit();
	const isTight = limit !== undefined && bytes * (1 + TABLES) > limit.left;
	return isTight && isInMemory(findMount(path)) ? limit : undefined;
}

/** How many bytes the file could get. */
export function roomFor(path: string): number {
	const free = findRoom(path)?.free ?? 0;
	return limitFor(path, free)?.left ?? free;
}
