/**
 * The native shim: what dhmem needs of the operating system, and nothing else.
 *
 * Every function checks its arguments and throws a `TypeError` for a wrong one. A failing system call
 * throws an `Error` whose `code` is the name of the errno (`"ENOENT"`), with `syscall` and, where there
 * is one, `path`. Offsets and lengths are bytes from the start of the file.
 */

/** A region file that this thread has open: two open file descriptions of one inode, and a mapping. */
export type File = object & { readonly __file: unique symbol };

export interface FileStatus {
	/** Bytes the file spans, and bytes the file system has given it. */
	size: number;
	committed: number;
	/** Permission bits, owner and group. */
	mode: number;
	uid: number;
	gid: number;
}

/**
 * A new file of `size` bytes without a name (`O_TMPFILE`; where that is missing, the temporary name
 * `.dhmem-<16 hexadecimal digits>.tmp`). Holds the lock byte `makerLock` until it is published.
 */
export function createFile(directory: string, size: number, mode: number): File;
/**
 * Gives a created file its name, whole, in one step. `replace` renames over what is there; without it a
 * name that is taken gives `false`. A file that has been published, or that was opened: `"EINVAL"`.
 */
export function publishFile(file: File, path: string, replace: boolean): boolean;
/** Opens an existing file. Not a regular file: `code` is `"ENOTREG"`; a symbolic link: `"ELOOP"`. */
export function openFile(path: string, writable: boolean): File;
export function statFile(file: File): FileStatus;
/** Whether `path` still names this file. A symbolic link to it does not. */
export function isNamed(file: File, path: string): boolean;
/** Reads into `into` from `position`; returns the number of bytes read. */
export function readFile(file: File, into: Uint8Array, position: number): number;

/**
 * Lays the file over the pages of `memory`, which must begin a shared WebAssembly memory and be as long as the file.
 * `isPrivate` maps it copy-on-write; a file opened read-only can't be mapped otherwise (`"EACCES"`). A file is
 * mapped once, and a memory takes one file at a time (`"EBUSY"`). The file keeps the memory alive until it
 * is closed.
 */
export function mapFile(file: File, memory: Uint8Array, isPrivate: boolean): void;
/**
 * Stops the waiter, lays private zero pages over the mapping, drops every lock, closes the descriptors.
 * Views that are left read zeros. Doing it twice does nothing. It also happens when the file is collected, and
 * when its thread ends. Any other function then throws `"ECLOSED"`, but for `abandonFile` and `isBroken`.
 */
export function closeFile(file: File): void;
/**
 * Drops every lock at once and does nothing else: for a participant that cannot go on. It works even when
 * memory or stack has run out. `tryLock` throws `"ECLOSED"` from then on.
 */
export function abandonFile(file: File): void;
/** Whether a fault was caught in the mapping (a truncated file, a full file system): zero pages lie there now. */
export function isBroken(file: File): boolean;
/**
 * Puts the handler of faults before another one that the process has installed since. To be called whenever a listener
 * for SIGBUS is the first one or was the last one: Node replaces the handler then.
 */
export function renewGuard(): void;

/**
 * Gives the range pages of its own (`fallocate`, at most 16 MiB in each call), or throws `"ENOSPC"`; then part
 * of the range may have its pages. A file that a peer has truncated to less than the range: `"ENXIO"`.
 */
export function commit(file: File, offset: number, length: number): void;
/** Gives the range's pages back to the file system; it reads as zeros then. */
export function punch(file: File, offset: number, length: number): void;

/**
 * Takes the write lock on lock byte `index` (0 to 65535) if nobody has it. A file opened read-only takes a read
 * lock, which others may hold too.
 */
export function tryLock(file: File, index: number): boolean;
export function unlock(file: File, index: number): void;
/**
 * Whether another open file has lock byte `index`. Do not ask about a lock that `file` itself holds: it reads as free.
 * Read locks count only from byte 4096 on, so that a read-only opener cannot make a dead participant look alive.
 */
export function isLocked(file: File, index: number): boolean;

/**
 * Sleeps while the 32-bit word at `offset` is `expected`: at most `timeout` milliseconds.
 * `true` when woken or when the word differed, `false` when the time ran out. `expected` may be signed or
 * unsigned; `timeout` may be a fraction, or `Infinity`.
 */
export function wait(file: File, offset: number, expected: number, timeout: number): boolean;
/** Wakes every thread, in any process, that sleeps on the word at `offset`; returns how many there were. */
export function wake(file: File, offset: number): number;

/**
 * Names the doorbell word and the function to call when it rings. One for each file. The thread that
 * watches is started at the first `arm`, and keeps the process alive only while armed.
 */
export function watch(file: File, offset: number, onRing: () => void): void;
/**
 * Calls `onRing` once, on this thread's event loop, when the doorbell differs from `expected` or after
 * `slice` milliseconds, whichever is first. Arming again does nothing while the earlier arming has not fired. If it
 * has fired and its call is still under way, both figures are replaced; and if the new arming fires before that call,
 * the one call counts for both.
 */
export function arm(file: File, expected: number, slice: number): void;
/** Cancels the call, even one that is under way; the process may end. */
export function disarm(file: File): void;

/** Bytes in a page of this machine. */
export const pageSize: number;
/** The lock byte that the maker of a file holds. A file under a temporary name whose byte is free is litter. */
export const makerLock: number;
/** How many files this process has open and mapped through the shim, in all threads. */
export function openFiles(): number;
