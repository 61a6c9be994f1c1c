/*
 * Counts the system calls that a process makes through the shim, and ends, stops or fails it at one of them. Put before
 * the C library by LD_PRELOAD, so the shim is the very one that is shipped; and an addon, through which a script says
 * when the counting begins. What Node itself calls does not count, but for what the binding has it do: `unlink` and
 * reading a folder.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <node_api.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* No operation takes as many: it would be a busy loop. */
#define STEPS_MAX 1000
#define RAN_AWAY 99

enum mode { COUNT, KILL_BEFORE, KILL_AFTER, FAIL_ONCE, FAIL_ALWAYS, STOP };
static const char *const mode_names[] = { "count", "kill-before", "kill-after", "fail-once", "fail-always",
	"stop" };
enum fate { PASS, FAIL, DIE };

static atomic_bool armed;
static atomic_uint count;
static const char *names[STEPS_MAX];
static enum mode mode;
static unsigned target;
static int failure;
static bool has_tmpfile = true;
static pid_t armed_by;
static uintptr_t shim_start, shim_end;

static _Noreturn void die(void) {
	for (;;) {
		kill(getpid(), SIGKILL);
	}
}

static bool is_shims(const void *caller) {
	return (uintptr_t)caller >= shim_start && (uintptr_t)caller < shim_end;
}

/* `by_node`: counted when Node makes it on the thread that armed, for the binding asked for it. */
static enum fate begin(const char *name, const void *caller, bool by_node) {
	if (!atomic_load(&armed) || !(is_shims(caller) || (by_node && gettid() == armed_by))) {
		return PASS;
	}
	const unsigned number = atomic_fetch_add(&count, 1) + 1;
	if (number > STEPS_MAX) {
		_exit(RAN_AWAY);
	}
	names[number - 1] = name;
	if (mode == FAIL_ALWAYS && number > target && strcmp(name, names[target - 1]) == 0) {
		return FAIL;
	}
	if (number != target || mode == COUNT) {
		return PASS;
	}
	switch (mode) {
	case KILL_BEFORE:
		die();
	case KILL_AFTER:
		return DIE;
	case STOP:
		kill(getpid(), SIGSTOP);
		return PASS;
	default:
		return FAIL;
	}
}

#define REAL(type, name, parameters) \
	static type(*real) parameters; \
	if (real == NULL) { \
		real = (type(*) parameters)dlsym(RTLD_NEXT, name); \
	}

/* Failing is what the caller is told. What must not be left undone, `anyway`, is done all the same. */
#define MAKE(type, name, by_node, anyway, call) \
	const enum fate fate = begin(name, __builtin_return_address(0), by_node); \
	type result = (type)-1; \
	if (fate != FAIL || (anyway)) { \
		result = call; \
	} \
	if (fate == DIE) { \
		die(); \
	} \
	if (fate == FAIL) { \
		errno = failure; \
		result = (type)-1; \
	} \
	return result

#define STEP(type, name, parameters, arguments) \
	type name parameters { \
		REAL(type, #name, parameters) \
		MAKE(type, #name, false, false, real arguments); \
	}

STEP(int, fallocate, (int fd, int flags, off_t offset, off_t length), (fd, flags, offset, length))
STEP(int, fchown, (int fd, uid_t user, gid_t group), (fd, user, group))
STEP(int, fchmod, (int fd, mode_t access), (fd, access))
STEP(int, ftruncate, (int fd, off_t length), (fd, length))
STEP(ssize_t, getrandom, (void *into, size_t length, unsigned flags), (into, length, flags))
STEP(int, link, (const char *from, const char *to), (from, to))
STEP(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
STEP(void *, mmap, (void *start, size_t length, int protection, int flags, int fd, off_t offset),
	(start, length, protection, flags, fd, offset))
STEP(int, mkfifo, (const char *path, mode_t access), (path, access))
STEP(ssize_t, pread, (int fd, void *into, size_t length, off_t offset), (fd, into, length, offset))
STEP(ssize_t, read, (int fd, void *into, size_t length), (fd, into, length))
STEP(int, rename, (const char *from, const char *to), (from, to))
STEP(int, sigaction, (int number, const struct sigaction *action, struct sigaction *old),
	(number, action, old))
STEP(ssize_t, write, (int fd, const void *from, size_t length), (fd, from, length))

/* V8 keeps its heap out of forked processes. Here it has to be there. */
int madvise(void *start, size_t length, int advice) {
	REAL(int, "madvise", (void *, size_t, int))
	if (advice == MADV_DONTFORK && !is_shims(__builtin_return_address(0))) {
		return 0;
	}
	MAKE(int, "madvise", false, false, real(start, length, advice));
}

int close(int fd) {
	REAL(int, "close", (int))
	MAKE(int, "close", false, true, real(fd));
}

int munmap(void *start, size_t length) {
	REAL(int, "munmap", (void *, size_t))
	MAKE(int, "munmap", false, true, real(start, length));
}

int unlink(const char *path) {
	REAL(int, "unlink", (const char *))
	MAKE(int, "unlink", true, false, real(path));
}

typedef int (*filter)(const struct dirent64 *);
typedef int (*order)(const struct dirent64 **, const struct dirent64 **);

int scandir64(const char *path, struct dirent64 ***names, filter filter, order order) {
	REAL(int, "scandir64",
		(const char *, struct dirent64 ***, int (*)(const struct dirent64 *),
			int (*)(const struct dirent64 **, const struct dirent64 **)))
	MAKE(int, "scandir64", true, false, real(path, names, filter, order));
}

int open(const char *path, int flags, ...) {
	REAL(int, "open", (const char *, int, ...))
	va_list list;
	va_start(list, flags);
	const mode_t access = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(list, mode_t) : 0;
	va_end(list);
	if (!has_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
		errno = EOPNOTSUPP;
		return -1;
	}
	MAKE(int, "open", false, false, real(path, flags, access));
}

int fcntl(int fd, int command, ...) {
	REAL(int, "fcntl", (int, int, ...))
	va_list list;
	va_start(list, command);
	void *argument = va_arg(list, void *);
	va_end(list);
	MAKE(int, "fcntl", false, false, real(fd, command, argument));
}

/* The calls that the shim makes by number. */
static const char *name_of(long number) {
	switch (number) {
	case SYS_fstat:
		return "fstat";
	case SYS_futex:
		return "futex";
	case SYS_newfstatat:
		return "lstat";
	case SYS_renameat2:
		return "renameat2";
	default:
		return "another system call";
	}
}

long syscall(long number, ...) {
	REAL(long, "syscall", (long, ...))
	va_list list;
	va_start(list, number);
	long values[6];
	for (size_t i = 0; i < 6; i++) {
		values[i] = va_arg(list, long);
	}
	va_end(list);
	MAKE(long, name_of(number), false, false,
		real(number, values[0], values[1], values[2], values[3], values[4], values[5]));
}

/* Its error is its result. */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *data) {
	REAL(int, "pthread_create", (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))
	const enum fate fate = begin("pthread_create", __builtin_return_address(0), false);
	if (fate == FAIL) {
		return failure;
	}
	const int result = real(thread, attributes, main, data);
	if (fate == DIE) {
		die();
	}
	return result;
}

static int find_shim(struct dl_phdr_info *info, size_t size, void *data) {
	(void)size;
	(void)data;
	const size_t length = strlen(info->dlpi_name);
	if (length < 10 || strcmp(info->dlpi_name + length - 10, "/shim.node") != 0) {
		return 0;
	}
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		if (header->p_type == PT_LOAD && (header->p_flags & PF_X) != 0) {
			shim_start = info->dlpi_addr + header->p_vaddr;
			shim_end = shim_start + header->p_memsz;
		}
	}
	return 1;
}

static int32_t integer(napi_env env, napi_value value) {
	int32_t result = 0;
	napi_get_value_int32(env, value, &result);
	return result;
}

static napi_value number(napi_env env, int32_t value) {
	napi_value result;
	return napi_create_int32(env, value, &result) == napi_ok ? result : NULL;
}

static napi_value arm(napi_env env, napi_callback_info info) {
	napi_value values[4];
	size_t length = 4;
	char name[16];
	napi_get_cb_info(env, info, &length, values, NULL, NULL);
	napi_get_value_string_utf8(env, values[0], name, sizeof name, NULL);
	mode = COUNT;
	for (size_t i = 0; i < sizeof mode_names / sizeof *mode_names; i++) {
		mode = strcmp(name, mode_names[i]) == 0 ? (enum mode)i : mode;
	}
	target = (unsigned)integer(env, values[1]);
	failure = integer(env, values[2]);
	napi_get_value_bool(env, values[3], &has_tmpfile);
	armed_by = gettid();
	atomic_store(&count, 0);
	atomic_store(&armed, true);
	return NULL;
}

static napi_value disarm(napi_env env, napi_callback_info info) {
	(void)info;
	napi_value result, name;
	atomic_store(&armed, false);
	napi_create_array(env, &result);
	for (unsigned i = 0; i < atomic_load(&count); i++) {
		napi_create_string_utf8(env, names[i], NAPI_AUTO_LENGTH, &name);
		napi_set_element(env, result, i, name);
	}
	return result;
}

/* The child has this one thread of the process, so it may do only what needs no other. */
static napi_value fork_process(napi_env env, napi_callback_info info) {
	(void)info;
	dl_iterate_phdr(find_shim, NULL);
	return number(env, fork());
}

/* The status of a child that has ended or stopped. */
static napi_value wait_process(napi_env env, napi_callback_info info) {
	napi_value values[1];
	size_t length = 1;
	int status = 0;
	napi_get_cb_info(env, info, &length, values, NULL, NULL);
	while (waitpid(integer(env, values[0]), &status, WUNTRACED) < 0 && errno == EINTR) {
	}
	return number(env, status);
}

/* Node's own `process.pid` is that of the process that was copied. */
static napi_value die_here(napi_env env, napi_callback_info info) {
	(void)env;
	(void)info;
	die();
}

/* At once: what Node does at its end is not for a process that was forked. */
static napi_value exit_process(napi_env env, napi_callback_info info) {
	(void)env;
	(void)info;
	_exit(0);
}

#define METHOD(text, function) \
	{ .utf8name = text, .method = function, .attributes = napi_enumerable }

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
	const napi_property_descriptor properties[] = {
		METHOD("arm", arm),
		METHOD("disarm", disarm),
		METHOD("fork", fork_process),
		METHOD("wait", wait_process),
		METHOD("die", die_here),
		METHOD("exit", exit_process),
	};
	napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
	return exports;
}
