/* What the files of this folder share among themselves. */
#ifndef DHMEM_HOST_INTERNAL_H
#define DHMEM_HOST_INTERNAL_H

#include "host.h"

#include <errno.h>

/* failure.c: both return false, so that a failing function ends in `return failed(...)`. */

/* With the errno of the system call. */
bool failed(struct failure *failure, const char *syscall);
/* `error` is a negated errno or NOT_REGULAR. */
bool failed_with(struct failure *failure, const char *syscall, int error);

/* clock.c */

#define NANOSECONDS 1000000000LL

int64_t clock_now(void);

/* fork.c: no fork happens between forks_hold() and forks_release(), which takes note of the file's lock descriptor. */

bool forks_hold(struct failure *failure);
void forks_release(struct file *file);
/* Closes the lock descriptor, if there is one. */
void forks_close(struct file *file);

/* guard.c: the ranges that the handler for SIGBUS answers for. */

/* -EBUSY when the range overlaps one that is guarded already. */
bool guard_add(void *start, size_t length, struct guard **guard, struct failure *failure);
void guard_remove(struct guard *guard);
bool guard_is_broken(const struct guard *guard);
/* Puts private zero pages over what is there. Safe in a signal handler. */
bool lay_zeros(void *start, size_t length);

/* descriptor.c */

/* open() that a signal does not interrupt and that waits for nothing; -1 and errno when it fails. */
int open_descriptor(const char *path, int flags);
/* A path under which the file of a descriptor can be opened and linked again. */
void descriptor_path(int fd, char path[32]);
/* Whether the errno says that /proc is not mounted, or not ours to enter, as after a setuid() from root. */
bool is_without_proc(int number);
/* Opens `lock_fd` beside `fd`. `path` is for systems without /proc, or NULL. */
bool open_lock_descriptor(struct file *file, const char *path, struct failure *failure);

#endif
