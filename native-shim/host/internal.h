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
/*
 * Ends the process if a pthread function has returned an error that only a mistake of ours can cause: without its
 * lock the process must not go on.
 */
void must_succeed(int error);

/* clock.c */

#define NANOSECONDS 1000000000LL

int64_t clock_now(void);

/* fork.c: no fork happens between forks_hold() and forks_release(). */

bool forks_hold(struct failure *failure);
void forks_release(void);
/* Registers an open file while forks are held: a child closes its descriptors. */
void forks_add(struct file *file);
/* Closes the lock descriptor, if there is one, and forgets the file. */
void forks_close(struct file *file);
/* Calls `act` for each registered file while forks are held, unless another thread holds them. For the end of the process. */
void forks_each(void (*act)(const struct file *file));
/* Closes another descriptor of a registered file, if it is open, and sets it to -1. */
void forks_close_descriptor(int *fd);
/* A number that a forked child has other than its parent. */
unsigned forks_generation(void);

/* guard.c: the ranges that the handler for SIGBUS answers for. */

/*
 * Guards another range of the file that `first` guards a range of; NULL if it is the file's first. -EBUSY if the range
 * overlaps one that is guarded already.
 */
bool guard_add(void *start, size_t length, struct guard *first, struct guard **guard,
	struct failure *failure);
/* After this no handler touches the range. The first guard of a file is removed last. */
void guard_remove(struct guard *guard);
/* True after a fault in the range, or, for a file's first guard, in any range of the file. */
bool guard_is_broken(const struct guard *guard);
/* Replaces the range by private zero pages. Safe in a signal handler. */
bool lay_zeros(void *start, size_t length);

/* descriptor.c */

/* Like open(), but it never waits, and signals do not interrupt it. -1 and errno if it fails. */
int open_descriptor(const char *path, int flags);
/*
 * fstat(), and lstat() by a path. They are system calls, because glibc has functions for them only since 2.33, and
 * one binary is for older ones too.
 */
int status_of(int fd, struct stat *status);
int status_of_path(const char *path, struct stat *status);
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
