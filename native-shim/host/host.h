/*
 * The functions of Linux that dhmem needs: region files, locks, mappings, futexes, and a thread that waits.
 * It is plain C without Node-API, so a binding for another language can use the same code. This header is the
 * whole interface; internal.h is for the files of this folder.
 *
 * A file calls only into files above it in this list (scripts/check-shim-layers.mjs):
 *
 *	failure.c	recording a failure
 *	clock.c		the clock of every deadline
 *	futex.c		sleeping on a word of shared memory
 *	fork.c		what a forked child must not keep
 *	lock.c		locks on bytes of the file: who is alive
 *	guard.c		the handler for SIGBUS
 *	descriptor.c	opening the two descriptors of a file
 *	pipe.c		named pipes, which wake event loops
 *	file.c		an open file
 *	new-file.c	creating a file and naming it
 *	pages.c		allocating the pages of a file, and freeing them
 *	mapping.c	mapping a file over memory
 *	waiter.c	a thread that sleeps in place of an event loop
 *
 * Conventions, unless a function says otherwise:
 *
 *	- A function that can fail returns false and fills in `failure`; the results it would have set are undefined.
 *	- Sizes, offsets and lengths are bytes. Offsets count from the start of the file.
 *	- Deadlines are nanoseconds of CLOCK_MONOTONIC, or NEVER.
 *	- Paths are null-terminated, and relative to the current directory of the process.
 *	- Any thread may call any function, but only one thread at a time uses the same file, mapping or waiter.
 */
#ifndef DHMEM_HOST_H
#define DHMEM_HOST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

_Static_assert(sizeof(off_t) == 8 && sizeof(size_t) == 8, "64-bit only");

/* failure.c */

/* Our own error code, outside the range of negated errnos: the path does not name a regular file. */
#define NOT_REGULAR (-4096)

struct failure {
	/* A negated errno, or NOT_REGULAR. */
	int error;
	/* The system call that failed. */
	const char *syscall;
};

/* clock.c */

#define NEVER INT64_MAX

/* The deadline `milliseconds` from now. Fractions count; infinity gives NEVER. */
int64_t clock_after(double milliseconds);

/* futex.c */

enum awaited { AWAITED_RING, AWAITED_TIMEOUT, AWAITED_ERROR };

/*
 * Sleeps while `*word` is `expected`. Returns AWAITED_RING if it was woken or the word differs, and
 * AWAITED_TIMEOUT at the deadline. Only AWAITED_ERROR fills in `failure`. Signals do not end the sleep.
 */
enum awaited futex_wait(const _Atomic uint32_t *word, uint32_t expected, int64_t deadline,
	struct failure *failure);
/* Wakes every thread that sleeps on the word, in any process; `woken` is their number. */
bool futex_wake(const _Atomic uint32_t *word, uint32_t *woken, struct failure *failure);

/* How many pipes of peers a file keeps open. */
#define PEER_PIPES 16

/*
 * A region file. It has two open file descriptions of one inode. A mapping pins the description that it was made
 * through, and with it that description's locks; so locks are taken through the other one, which close() ends.
 */
struct file {
	int fd;
	int lock_fd;
	bool writable;
	/* Created by this process, and without its final name so far. */
	bool nameless;
	/* The temporary name of a nameless file if O_TMPFILE is missing, else NULL. */
	char *temporary;
	/*
	 * The size when the file was opened. A peer can truncate the file, so only fstat() gives the current size.
	 */
	off_t size;
	/*
	 * Opened by the process that this one was forked from. This process does not have its locks, mapping and
	 * waiter thread.
	 */
	bool inherited;
	/* The named pipe that wakes this file's event loop, or -1, and its path, or NULL. */
	int pipe_fd;
	char *pipe_path;
	/* Pipes of peers, open for writing, or -1. */
	int peer_fds[PEER_PIPES];
	/* The list in fork.c. */
	struct file *previous;
	struct file *next;
};

/* lock.c: indexes are below LOCK_BYTES. */

#define LOCK_BYTES 65536
/* Held by the maker of a file until the file has its name. A temporary name without this lock is litter. */
#define MAKER_LOCK 1025

/*
 * Takes the write lock on byte `index`, or the read lock if the file was opened read-only. `taken` is false
 * if another open file has it.
 */
bool lock_try(const struct file *file, uint32_t index, bool *taken, struct failure *failure);
bool lock_drop(const struct file *file, uint32_t index, struct failure *failure);
/*
 * Sets `held` if another open file has a lock on byte `index`; this file's own locks do not count. Read locks
 * count only from byte 4096 on, so that a process that opens the file read-only can't make a dead participant
 * look alive.
 */
bool lock_is_held(const struct file *file, uint32_t index, bool *held, struct failure *failure);
/* Drops all of this file's locks. Needs no memory. */
void lock_drop_all(const struct file *file);

/* pipe.c: `index` is below PEER_PIPES. */

/*
 * Makes the pipe of this file at `path`: those who may write the file may write to the pipe. A failure leaves nothing
 * behind. The file must be open and have no pipe.
 */
bool pipe_make(struct file *file, const char *path, struct failure *failure);
/* Empties the pipe. Read the doorbell after this: a ring in between wakes the event loop again. */
void pipe_drain(const struct file *file);
/* Closes the pipe and removes its name, if there is one. */
void pipe_remove(struct file *file);
/*
 * Opens a peer's pipe, in place of the one that had this index. `status` says who owns it. -ENXIO if no process reads
 * it, and NOT_REGULAR if it is no pipe.
 */
bool pipe_connect(struct file *file, uint32_t index, const char *path, struct stat *status,
	struct failure *failure);
void pipe_disconnect(struct file *file, uint32_t index);
/* Wakes the peer's event loop. `rung` is false if no process reads the pipe, or it is not open. */
bool pipe_ring(const struct file *file, uint32_t index, bool *rung, struct failure *failure);
/* Removes the pipe at `path` if no process reads it: its owner has died. */
bool pipe_remove_litter(const char *path, bool *removed, struct failure *failure);

/* file.c */

/* Initialises `file` as closed. file_create() and file_open() begin with this. */
void file_clear(struct file *file);
/* Opens an existing regular file, never through a symbolic link. A failure leaves nothing open. */
bool file_open(struct file *file, const char *path, bool writable, struct failure *failure);
bool file_status(const struct file *file, struct stat *status, struct failure *failure);
/* Sets `named` if `path` still names this file. A symbolic link to the file does not count. */
bool file_is_named(const struct file *file, const char *path, bool *named, struct failure *failure);
/* Reads up to `length` bytes; `done` is less only at the end of the file. */
bool file_read(const struct file *file, void *into, size_t length, off_t position, size_t *done,
	struct failure *failure);
/* Closes the descriptors, which drops the locks, and removes a temporary name. Closing twice does nothing. */
void file_close(struct file *file);

/* new-file.c */

/*
 * Creates a file of `size` bytes in `directory`: without a name (O_TMPFILE), or else as `.dhmem-<16
 * hexadecimal digits>.tmp`. It holds MAKER_LOCK. A failure leaves nothing behind.
 */
bool file_create(struct file *file, const char *directory, off_t size, mode_t mode, struct failure *failure);
/*
 * Gives a created file its name in one step. If the name exists, `replace` renames over it; otherwise `taken` is
 * set, and that is no failure. A file that has its name already: -EINVAL.
 */
bool file_publish(struct file *file, const char *path, bool replace, bool *taken, struct failure *failure);

/* pages.c: both fail with -ENXIO when a peer has truncated the file to less than the range. */

/* Allocates the pages of the range. After a failure (-ENOSPC) part of the range may have its pages. */
bool file_commit(const struct file *file, off_t offset, off_t length, struct failure *failure);
/* Gives the range's pages back to the file system; it then reads as zeros. */
bool file_punch(const struct file *file, off_t offset, off_t length, struct failure *failure);

/* guard.c */

/*
 * Installs our handler for SIGBUS again, in front of one that the process has installed since. A handler that
 * does not know our ranges would return, and the same instruction would fault again, for ever.
 */
bool guard_renew(struct failure *failure);

/* mapping.c */

struct guard;

struct mapping {
	char *start;
	size_t length;
	/*
	 * The mapping for futex words. It is the mapping itself if that is shared; otherwise a second one,
	 * read-only and shared, because FUTEX_WAIT on a private page breaks the sharing.
	 */
	char *words;
	struct guard *guard;
	struct guard *words_guard;
	bool is_private;
	/* The file's first mapping, which has the futex words. */
	bool is_first;
};

/*
 * Maps the whole file, `file->size` bytes, over the pages at `start`, which is page-aligned memory of the
 * caller. `is_private` maps it copy-on-write. A fault in the mapping replaces all of it by zero pages instead
 * of killing the process. -EBUSY if a file is mapped there already. The mapping outlives file_close().
 */
bool mapping_open(struct mapping *mapping, const struct file *file, void *start, bool is_private,
	struct failure *failure);
/*
 * Maps `length` bytes of the file from `offset` on, both multiples of the page size. `first` is the file's first mapping,
 * NULL if this is it; only that one has futex words, and it is closed last. A fault in one mapping of a file replaces all of
 * them by zero pages, the first one last, so a fault is seen by looking at the first.
 */
bool mapping_open_part(struct mapping *mapping, const struct mapping *first, const struct file *file,
	void *start, off_t offset, size_t length, bool is_private, struct failure *failure);
/* True after a fault: a truncated file, or a full file system. Ask the file's first mapping. */
bool mapping_is_broken(const struct mapping *mapping);
/*
 * The word at `offset`, a multiple of 4 inside the mapping, for futex_wait(), futex_wake() and waiter_open().
 */
const _Atomic uint32_t *mapping_word(const struct mapping *mapping, size_t offset);
/* Replaces the mapping by private zero pages. Remaining views read zeros. */
void mapping_close(struct mapping *mapping);
/* The number of open mappings in the whole process, without those that are not the first of their file. */
uint32_t mappings_open(void);

/*
 * waiter.c: a thread that sleeps on a word. It starts at the first arming. An arming fires once: when the
 * word differs from `expected`, or when its time is over. The event loop then calls waiter_take() to learn
 * whether it still has to act.
 */

struct waiter;

/*
 * `fired` tells the event loop that an arming has fired. It runs on the waiter's thread, or inside
 * waiter_arm() if the word differs already. It must not block, and must not call the waiter. It is not called
 * again before waiter_take(). Returns NULL if memory has run out. The word must stay mapped until
 * waiter_close().
 */
struct waiter *waiter_open(const _Atomic uint32_t *word, void (*fired)(void *owner), void *owner);
/* `slice` is milliseconds. Does nothing while an earlier arming has not fired. */
bool waiter_arm(struct waiter *waiter, uint32_t expected, double slice, struct failure *failure);
/* Also cancels an arming that has fired, until waiter_take(). */
void waiter_disarm(struct waiter *waiter);
/* True if it is armed, or has fired without waiter_take() so far. */
bool waiter_is_armed(struct waiter *waiter);
/* True if an arming has fired and was not disarmed. Call it once for each call of `fired`. */
bool waiter_take(struct waiter *waiter);
/* Ends the thread and frees the waiter; `fired` is not called after this. */
void waiter_close(struct waiter *waiter);

#endif
