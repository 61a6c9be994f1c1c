/*
 * What the files of the shim share. Three layers, and arrows point down only:
 *
 *	addon.c, arguments.c	the exports and the checks of what JavaScript passes
 *	handle.c, waiter.c	a File's life in one JavaScript thread
 *	file.c, fork.c, mapping.c, guard.c, lock.c, futex.c	the system calls, which know nothing of JavaScript
 */
#ifndef DHMEM_SHIM_H
#define DHMEM_SHIM_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define NAPI_VERSION 8

#include <errno.h>
#include <node_api.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

_Static_assert(sizeof(off_t) == 8 && sizeof(size_t) == 8, "64-bit only");

/* Integers that a JavaScript number holds exactly. */
#define SAFE_INTEGER_MAX 9007199254740991.0

/* What went wrong, for the layer that can throw. A negative number is one of our own. */
#define NOT_REGULAR (-1)

struct failure {
	int number;
	const char *syscall;
};

/* Both return false, so that a failing function ends in `return failed(...)`. */
bool failed(struct failure *failure, const char *syscall);
bool failed_with(struct failure *failure, const char *syscall, int number);

/*
 * file.c: two open file descriptions of one inode. A mapping pins the description that it was made
 * through, and with it that description's locks; so locks are taken through another one, which close()
 * really ends.
 */
struct file {
	int fd;
	int lock_fd;
	bool writable;
	/* Created here, and without its final name so far. */
	bool nameless;
	/* The name of a nameless file where O_TMPFILE is missing, else NULL. */
	char *temporary;
	/* As it was opened. A peer can truncate the file, so what counts now is what fstat() says. */
	off_t size;
	/* Opened by the process that this one was forked from: its locks, its mapping and its waiter are not here. */
	bool inherited;
	/* fork.c's list. */
	struct file *previous;
	struct file *next;
};

void file_clear(struct file *file);
bool file_create(struct file *file, const char *directory, off_t size, mode_t mode, struct failure *failure);
bool file_open(struct file *file, const char *path, bool writable, struct failure *failure);
/* `taken` is set when the name exists already and `replace` is false: no failure. */
bool file_publish(struct file *file, const char *path, bool replace, bool *taken, struct failure *failure);
bool file_is_named(const struct file *file, const char *path, bool *named, struct failure *failure);
bool file_read(const struct file *file, void *into, size_t length, off_t position, size_t *done,
	struct failure *failure);
bool file_commit(const struct file *file, off_t offset, off_t length, struct failure *failure);
bool file_punch(const struct file *file, off_t offset, off_t length, struct failure *failure);
void file_close(struct file *file);

/* fork.c: lock descriptors are not for children that were forked and do not exec. */
/* Between these two a lock descriptor may be opened; the second takes note of it. No fork happens meanwhile. */
bool forks_hold(struct failure *failure);
void forks_release(struct file *file);
void forks_close(struct file *file);

/* lock.c */
#define LOCK_BYTES 65536
/* Held by whoever makes a file, until it has its name: a temporary name that nobody holds it for is litter. */
#define MAKER_LOCK 1025

bool lock_try(const struct file *file, uint32_t index, bool *taken, struct failure *failure);
bool lock_drop(const struct file *file, uint32_t index, struct failure *failure);
bool lock_is_held(const struct file *file, uint32_t index, bool *held, struct failure *failure);
void lock_drop_all(const struct file *file);

/* guard.c: the SIGBUS handler, and the ranges that it answers for. */
struct guard;

/*
 * Puts our handler before what the process has installed since: a handler that knows nothing of our ranges returns, and
 * the same instruction faults again, for ever.
 */
bool guard_renew(struct failure *failure);
/* Fails with EBUSY when the range overlaps one that is guarded already. */
bool guard_add(void *start, size_t length, struct guard **guard, struct failure *failure);
void guard_remove(struct guard *guard);
bool guard_is_broken(const struct guard *guard);
/* Private zero pages over what is there. Safe in a signal handler. */
bool lay_zeros(void *start, size_t length);

/* mapping.c */
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

bool mapping_open(struct mapping *mapping, const struct file *file, void *start, bool is_private,
	struct failure *failure);
bool mapping_is_broken(const struct mapping *mapping);
void mapping_close(struct mapping *mapping);
/* Mappings open in the whole process. */
uint32_t mappings_open(void);

/* futex.c */
#define NEVER INT64_MAX

enum awaited { AWAITED_RING, AWAITED_TIMEOUT, AWAITED_ERROR };

/* Nanoseconds of CLOCK_MONOTONIC, now and `milliseconds` from now. */
int64_t clock_now(void);
int64_t clock_after(double milliseconds);
enum awaited futex_wait(const _Atomic uint32_t *word, uint32_t expected, int64_t deadline,
	struct failure *failure);
bool futex_wake(const _Atomic uint32_t *word, uint32_t *woken, struct failure *failure);

/* waiter.c: the thread that sleeps on the doorbell. Called on the JavaScript thread only. */
struct waiter;

/* `rung` runs on the JavaScript thread when an arming has fired that wasn't disarmed since. */
bool waiter_open(napi_env env, const _Atomic uint32_t *word, void (*rung)(napi_env env, void *owner),
	void *owner, struct waiter **waiter);
bool waiter_arm(struct waiter *waiter, uint32_t expected, double slice, struct failure *failure);
void waiter_disarm(struct waiter *waiter);
/* A call may still come. */
bool waiter_is_armed(struct waiter *waiter);
/* Ends the thread; `rung` is not called after this. */
void waiter_close(struct waiter *waiter);

/* handle.c: the C side of a JavaScript File. */
struct handle {
	napi_env env;
	bool closed;
	bool abandoned;
	bool broken;
	bool mapped;
	struct file file;
	struct mapping mapping;
	struct waiter *waiter;
	/* Keeps the engine from unmapping the memory under the mapping. Strong, from map to close. */
	napi_ref memory;
	/* Weak; pinned, that is strong, while armed, because then a call is owed. */
	napi_ref self;
	bool pinned;
	/* Weak: the File itself keeps the function, so that the two can be collected together. */
	napi_ref on_ring;
};

/* A closed handle in a new File; NULL with an exception pending. */
struct handle *handle_create(napi_env env, napi_value *object);
/* To be called once the file is open: from here on it is closed with its environment. */
void handle_opened(struct handle *handle);
struct handle *handle_of(napi_env env, napi_value object);
bool handle_watch(struct handle *handle, napi_value object, napi_value on_ring, size_t offset);
bool handle_arm(struct handle *handle, uint32_t expected, double slice, struct failure *failure);
void handle_disarm(struct handle *handle);
void handle_close(struct handle *handle);

/* arguments.c: every function throws and returns false when the argument is not what it should be. */
struct call {
	napi_env env;
	const char *name;
	napi_value values[4];
};

enum need { ANY_FILE, OPEN_FILE, MAPPED_FILE };

#define PATH_BYTES 4096

struct bytes {
	void *start;
	size_t length;
	size_t offset;
	napi_value buffer;
};

bool call_begin(struct call *call, napi_env env, napi_callback_info info, const char *name);
bool take_file(const struct call *call, size_t index, enum need need, struct handle **handle);
bool take_path(const struct call *call, size_t index, char path[PATH_BYTES]);
bool take_boolean(const struct call *call, size_t index, bool *value);
bool take_integer(const struct call *call, size_t index, double minimum, double maximum, double *value);
/* A 32-bit word, however its sign is spelt. */
bool take_word(const struct call *call, size_t index, uint32_t *value);
bool take_milliseconds(const struct call *call, size_t index, double *value);
bool take_bytes(const struct call *call, size_t index, struct bytes *bytes);
bool take_function(const struct call *call, size_t index);

/* These throw and return NULL, which is what a callback then returns. */
napi_value throw_type(const struct call *call, const char *message);
napi_value throw_code(const struct call *call, const char *code, const char *message);
napi_value throw_failure(const struct call *call, const struct failure *failure, const char *path);

#endif
