/* Functions that the files of this folder share. */
#ifndef DHMEM_HOST_INTERNAL_H
#define DHMEM_HOST_INTERNAL_H

#include "host.h"

#include <errno.h>

/* failure.c: both return false, so that a failing function ends in `return failed(...)`. */

/* Fills in the errno of the system call. */
bool failed(struct failure *failure, const char *syscall);
/* `error` is a negated errno or NOT_REGULAR. */
bool failed_with(struct failure *failure, const char *syscall, int error);

/* clock.c */

#define NANOSECONDS 1000000000LL

int64_t clock_now(void);

/*
 * fork.c: no fork happens between forks_hold() and forks_release(). The latter also registers the file's lock
 * descriptor.
 */

bool forks_hold(struct failure *failure);
void forks_release(struct file *file);
/* Closes the lock descriptor, if there is one. */
void forks_close(struct file *file);

/* guard.c: the ranges that the handler for SIGBUS answers for. */

/* -EBUSY if the range overlaps one that is guarded already. */
bool guard_add(void *start, size_t length, struct guard **guard, struct failure *failure);
void guard_remove(struct guard *guard);
bool guard_is_broken(const struct guard *guard);
/* Replaces the range by private zero pages. Safe in a signal handler. */
bool lay_zeros(void *start, size_t length);

/* descriptor.c */

/* Like open(), but it never waits, and signals do not interrupt it. -1 and errno if it fails. */
int open_descriptor(const char *path, int flags);
/* A path under which the file of a descriptor can be opened and linked again. */
void descriptor_path(int fd, char path[32]);
/*
 * True if the errno means that /proc is not mounted, or that this process may not enter it, as after a
 * setuid() from root.
 */
bool is_without_proc(int number);
/* Opens `lock_fd` for the file of `fd`. `path` is for systems without /proc, or NULL. */
bool open_lock_descriptor(struct file *file, const char *path, struct failure *failure);

#endif
