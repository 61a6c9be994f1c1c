/*
 * What dhmem needs of Linux: region files, locks, mappings, futexes, and a thread that waits. Plain C: it compiles
 * without Node-API, so that a binding for another language can use the same code. This header is the whole
 * interface; internal.h is for the files of this folder.
 *
 * A file calls only into files above it in this list (scripts/check-shim-layers.sh):
 *
 *	failure.c	what a function says when it fails
 *	clock.c		the clock of every deadline
 *	futex.c		sleeping on a word of shared memory
 *	fork.c		what a forked child must not keep
 *	lock.c		locks on bytes of the file: who is alive
 *	guard.c		the handler for SIGBUS
 *	descriptor.c	opening the two descriptors of a file
 *	file.c		an open file
 *	new-file.c	making a file and naming it
 *	pages.c		giving a file its pages, and taking them back
 *	mapping.c	the file laid over memory
 *	waiter.c	the thread that sleeps so that an event loop need not
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

/* An error of our own, outside the range of negated errnos: the path does not name a regular file. */
#define NOT_REGULAR (-4096)

struct failure {
	/* A negated errno, or NOT_REGULAR. */
	int error;
	/* The system call that failed. */
	const char *syscall;
};

/* clock.c */

#define NEVER INT64_MAX

/* The time in `milliseconds` from now; a fraction counts, and infinity gives NEVER. */
int64_t clock_after(double milliseconds);

/* futex.c */

enum awaited { AWAITED_RING, AWAITED_TIMEOUT, AWAITED_ERROR };

/*
 * Sleeps while `*word` is `expected`. AWAITED_RING when woken or when the word differs, AWAITED_TIMEOUT at the
 * deadline; only AWAITED_ERROR fills in `failure`. A signal does not end it.
 */
enum awaited futex_wait(const _Atomic uint32_t *word, uint32_t expected, int64_t deadline,
	struct failure *failure);
/* Wakes every thread that sleeps on the word, in any process; `woken` is how many. */
bool futex_wake(const _Atomic uint32_t *word, uint32_t *woken, struct failure *failure);

/*
 * A region file. It has two open file descriptions of one inode. A mapping pins the description that it was made
 * through, and with it that description's locks; so locks are taken through the other one, which close() ends.
 */
struct file {
	int fd;
	int lock_fd;
	bool writable;
	/* Created here, and without its final name so far. */
	bool nameless;
	/* The name of a nameless file where O_TMPFILE is missing, else NULL. */
	char *temporary;
	/* When it was opened. A peer can truncate the file, so the size that counts is what fstat() says. */
	off_t size;
	/* Opened by the process that this one was forked from: its locks, mapping and waiter thread are not here. */
	bool inherited;
	/* The list in fork.c. */
	struct file *previous;
	struct file *next;
};

/* lock.c: indexes are below LOCK_BYTES. */

#define LOCK_BYTES 65536
/* Held by the maker of a file until the file has its name. A temporary name without this lock is litter. */
#define MAKER_LOCK 1025

/*
 * Takes the write lock on byte `index`, or the read lock if the file was opened read-only; `taken` is false when
 * another open file has it.
 */
bool lock_try(const struct file *file, uint32_t index, bool *taken, struct failure *failure);
bool lock_drop(const struct file *file, uint32_t index, struct failure *failure);
/*
 * Whether another open file has byte `index`. Our own locks do not count. Read locks count only from byte 4096 on,
 * so that a read-only opener cannot make a dead participant look alive.
 */
bool lock_is_held(const struct file *file, uint32_t index, bool *held, struct failure *failure);
/* Drops all of this file's locks. Needs no memory. */
void lock_drop_all(const struct file *file);

/* file.c */

/* Makes `file` a closed one. file_create() and file_open() begin with this. */
void file_clear(struct file *file);
/* Opens an existing regular file, never through a symbolic link. A failure leaves nothing open. */
bool file_open(struct file *file, const char *path, bool writable, struct failure *failure);
bool file_status(const struct file *file, struct stat *status, struct failure *failure);
/* Whether `path` still names this file. A symbolic link to it does not. */
bool file_is_named(const struct file *file, const char *path, bool *named, struct failure *failure);
/* Reads up to `length` bytes; `done` is less only at the end of the file. */
bool file_read(const struct file *file, void *into, size_t length, off_t position, size_t *done,
	struct failure *failure);
/* Closes the descriptors, which drops the locks, and removes a temporary name. Closing twice does nothing. */
void file_close(struct file *file);

/* new-file.c */

/*
 * Makes a file of `size` bytes without a name in `directory`: with O_TMPFILE, or else as
 * `.dhmem-<16 hexadecimal digits>.tmp`. It holds MAKER_LOCK. A failure leaves nothing behind.
 */
bool file_create(struct file *file, const char *directory, off_t size, mode_t mode, struct failure *failure);
/*
 * Gives a created file its name in one step. If the name exists, `replace` renames over it; otherwise `taken` is
 * set, and that is no failure. A file that has its name already: -EINVAL.
 */
bool file_publish(struct file *file, const char *path, bool replace, bool *taken, struct failure *failure);

/* pages.c: both fail with -ENXIO when a peer has truncated the file to less than the range. */

/* Gives the range pages of its own. After a failure (-ENOSPC) part of the range may have its pages. */
bool file_commit(const struct file *file, off_t offset, off_t length, struct failure *failure);
/* Gives the range's pages back to the file system; it then reads as zeros. */
bool file_punch(const struct file *file, off_t offset, off_t length, struct failure *failure);

/* guard.c */

/*
 * Puts our handler for SIGBUS back in front when the process has installed another one since: one that does not know
 * our ranges returns, and the same instruction faults again, for ever.
 */
bool guard_renew(struct failure *failure);

/* mapping.c */

struct guard;

struct mapping {
	char *start;
	size_t length;
	/*
	 * Where futex words are waited on. The mapping itself when it is shared; else a second one, read-only
	 * and shared, because FUTEX_WAIT on a private page breaks the sharing.
	 */
	char *words;
	struct guard *guard;
	struct guard *words_guard;
};

/*
 * Maps the whole file, `file->size` bytes, over the pages at `start`, which are the caller's and begin at a page;
 * `is_private` maps it copy-on-write. A fault in the mapping puts zero pages over all of it instead of killing the
 * process. -EBUSY when a file is mapped there already. The mapping outlives file_close().
 */
bool mapping_open(struct mapping *mapping, const struct file *file, void *start, bool is_private,
	struct failure *failure);
/* Whether a fault was caught: a truncated file, or a full file system. */
bool mapping_is_broken(const struct mapping *mapping);
/* The word at `offset`, a multiple of 4 inside the mapping, as futex_wait(), futex_wake() and waiter_open() want it. */
const _Atomic uint32_t *mapping_word(const struct mapping *mapping, size_t offset);
/* Puts private zero pages there instead. Views that are left read zeros. */
void mapping_close(struct mapping *mapping);
/* How many mappings are open in the whole process. */
uint32_t mappings_open(void);

/*
 * waiter.c: a thread that sleeps on a word. It starts at the first arming. An arming fires once: when the word differs
 * from `expected`, or when its time is over. The event loop then asks waiter_take() what to do.
 */

struct waiter;

/*
 * `fired` tells the event loop that an arming has fired. It runs on the waiter's thread, or inside waiter_arm() when
 * the word differs already; it must not block and must not call the waiter. It is not called again before
 * waiter_take(). NULL when out of memory. The word must stay mapped until waiter_close().
 */
struct waiter *waiter_open(const _Atomic uint32_t *word, void (*fired)(void *owner), void *owner);
/* `slice` is milliseconds. Does nothing while an earlier arming has not fired. */
bool waiter_arm(struct waiter *waiter, uint32_t expected, double slice, struct failure *failure);
/* Also undoes an arming that has fired, until waiter_take(). */
void waiter_disarm(struct waiter *waiter);
/* Armed, or fired without waiter_take() so far. */
bool waiter_is_armed(struct waiter *waiter);
/* Whether an arming has fired that was not disarmed. To be called once for each call of `fired`. */
bool waiter_take(struct waiter *waiter);
/* Ends the thread and frees the waiter; `fired` is not called after this. */
void waiter_close(struct waiter *waiter);

#endif
