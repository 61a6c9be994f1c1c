/**
 * The native shim: the functions of the operating system that dhmem needs, and nothing else.
 *
 * Every function checks its arguments, and throws a `TypeError` for a wrong one. If a system call fails, the
 * function throws an `Error` with the name of the errno (`"ENOENT"`) as its `code`, with `syscall`, and with
 * `path` if there is one. Offsets and lengths are in bytes; offsets count from the start of the file.
 */

/** A region file that this thread has open: two open file descriptions of one inode, and a mapping. */
export type File = object & { readonly __file: unique symbol };

export interface FileStatus {
	/** The length of the file, and the space that the file system has allocated for it, in bytes. */
	size: number;
	committed: number;
	/** Permission bits, owner and group. */
	mode: number;
	uid: number;
	gid: number;
}

/**
 * Creates a file of `size` bytes without a name (`O_TMPFILE`), or with the temporary name `.dhmem-<16
 * hexadecimal digits>.tmp` if the file system lacks `O_TMPFILE`. It holds the lock byte `makerLock` until it
 * is published.
 */
export function createFile(directory: string, size: number, mode: number): File;
/**
 * Gives a finished file its name, in one step. With `replace` it replaces a file of that name; otherwise it
 * returns `false` if the name is taken. `"EINVAL"` for a file that was published before, or that was opened.
 */
export function publishFile(file: File, path: string, replace: boolean): boolean;
/**
 * Opens an existing file. The code is `"ENOTREG"` if it is not a regular file, and `"ELOOP"` if it is a
 * symbolic link.
 */
export function openFile(path: string, writable: boolean): File;
export function statFile(file: File): FileStatus;
/** Tells whether `path` still names this file. A symbolic link to the file does not count. */
export function isNamed(file: File, path: string): boolean;
/** Reads from `position` into `into`, and returns the number of bytes read. */
export function readFile(file: File, into: Uint8Array, position: number): number;

/**
 * Maps the file, up to the length of `memory`, over the pages of `memory`, which must be at the beginning of a shared
 * WebAssembly memory, and no longer than the file. `isPrivate` maps it copy-on-write; a file that was opened read-only can't be
 * mapped otherwise (`"EACCES"`). A file can be mapped only once, and a memory takes only one file at a time
 * (`"EBUSY"`). The file keeps the memory alive until it is closed.
 */
export function mapFile(file: File, memory: Uint8Array, isPrivate: boolean): void;
/**
 * Maps another part of a mapped file, in the same way, over pages of `memory`, which must be at the beginning of a shared
 * WebAssembly memory. Returns where in the memory it begins: at the next address that is a multiple of 2 MiB. `offset` and
 * `length` are multiples of the page size. A fault in any part replaces all of them by zero pages.
 */
export function mapWindow(file: File, memory: Uint8Array, offset: number, length: number): number;
/**
 * Stops the waiter, replaces the mappings by private zero pages, drops every lock, and closes the descriptors.
 * Remaining views then read zeros. Closing twice does nothing. A file is also closed when it is
 * garbage-collected, and when its thread ends. After that every other function except `abandonFile` and
 * `isBroken` throws `"ECLOSED"`.
 */
export function closeFile(file: File): void;
/**
 * Drops every lock at once and does nothing else, for a participant that can't continue. It works even after
 * memory or stack has run out. After that `tryLock` throws `"ECLOSED"`.
 */
export function abandonFile(file: File): void;
/**
 * True if there was a fault in a mapping (a truncated file, a full file system). All mappings of the file were then
 * replaced by zero pages.
 */
export function isBroken(file: File): boolean;
/**
 * Installs the SIGBUS handler again, in front of one that the process has installed since. Call it after the
 * first listener for SIGBUS is added and after the last one is removed, because Node then replaces the
 * handler.
 */
export function renewGuard(): void;

/**
 * Allocates the pages of the range (`fallocate`, in steps of at most 16 MiB). After `"ENOSPC"`, part of the
 * range may have its pages. `"ENXIO"` if a peer has truncated the file so that it ends inside the range.
 */
export function commit(file: File, offset: number, length: number): void;
/** Gives the pages of the range back to the file system. The range then reads as zeros. */
export function punch(file: File, offset: number, length: number): void;

/**
 * Takes the write lock on lock byte `index` (0 to 65535). Returns false if another open file has a lock on
 * it. A file that was opened read-only takes a read lock, which others may hold too.
 */
export function tryLock(file: File, index: number): boolean;
export function unlock(file: File, index: number): void;
/**
 * Tells whether another open file holds lock byte `index`. A lock that `file` itself holds reads as free.
 * Read locks count only from byte 4096 on, so that a process that opens the file read-only can't make a dead
 * participant look alive.
 */
export function isLocked(file: File, index: number): boolean;

/**
 * Sleeps while the 32-bit word at `offset` is `expected`, at most `timeout` milliseconds. Returns `true` if
 * it was woken or the word differed, and `false` after the timeout. `expected` may be signed or unsigned;
 * `timeout` may be a fraction, or `Infinity`.
 */
export function wait(file: File, offset: number, expected: number, timeout: number): boolean;
/**
 * Wakes every thread, in any process, that sleeps on the word at `offset`. Returns the number of threads
 * woken.
 */
export function wake(file: File, offset: number): number;

/**
 * Sets the doorbell word, and the function to call when it rings. A file has at most one. The first `arm`
 * starts a thread that watches the word. The watch keeps the process alive only while it is armed.
 */
export function watch(file: File, offset: number, onRing: (lostPeer?: number) => void): void;
/**
 * Calls `onRing` once, on this thread's event loop, when the doorbell differs from `expected` or after
 * `slice` milliseconds, whichever comes first. While an earlier arming has not fired, this does nothing. If
 * the earlier arming has fired but its call has not happened yet, this arms again; if the new arming fires
 * before that call, there is one call for both.
 */
export function arm(file: File, expected: number, slice: number): void;
/** Cancels the call, even one that is due already. The watch no longer keeps the process alive. */
export function disarm(file: File): void;

/**
 * Makes a named pipe at `path`, which must be new, and watches it on this thread's event loop: a ring calls the
 * function of `watch`. Those who may write the file may write to the pipe. A watched file has at most one pipe. It is
 * removed with `removePipe`, and when the file is closed. The code is `"ENOSYS"` where the event loop is not libuv's.
 */
export function makePipe(file: File, path: string): void;
/**
 * Calls the function of `watch` once when the pipe is rung, and keeps the process alive until then. The pipe is empty by
 * then, so a later ring is never lost. Rings while it is not armed are dropped. `disarm` cancels it.
 */
export function armPipe(file: File): void;
/** Removes the file's own pipe, if it has one. */
export function removePipe(file: File): void;
/**
 * Opens a peer's pipe for writing, in place of the one with this index, from 0 to `peerPipes` - 1, and says who owns it.
 * Never follows a symbolic link. The code is `"ENXIO"` if no process reads the pipe, and `"ENOTREG"` if the path is of
 * something else.
 */
export function connectPipe(file: File, index: number, path: string): { uid: number; gid: number };
export function disconnectPipe(file: File, index: number): void;
/** Wakes the event loop that reads this peer's pipe. Returns `false` if no process does. */
export function ringPipe(file: File, index: number): boolean;
/** Calls the function of `watch` with the index, once, when no process reads this peer's pipe any more. */
export function watchPipe(file: File, index: number): void;
/** Removes the pipe at `path` if no process reads it, and tells whether it was so. */
export function removeDeadPipe(path: string): boolean;

/** The size of a page on this machine, in bytes. */
export const pageSize: number;
/**
 * The lock byte that the creator of a file holds. A file with a temporary name whose byte is free is litter.
 */
export const makerLock: number;
/** How many pipes of peers a file keeps open. */
export const peerPipes: number;
/** The number of files that all threads of this process have open and mapped through the shim. */
export function openFiles(): number;
