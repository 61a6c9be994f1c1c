/* Counting, and the functions of the C library that both libraries of dhmem make system calls with (counting.h). */
#define _GNU_SOURCE
#include "counting.h"

#include <dirent.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
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

static atomic_bool armed;
static atomic_uint count;
static const char *names[STEPS_MAX];
static enum mode mode;
static struct arming with = { .has_tmpfile = true };
static pid_t armed_by;
static uintptr_t library_start, library_end;

_Noreturn void steps_die(void) {
	for (;;) {
		kill(getpid(), SIGKILL);
	}
}

int steps_failure(void) {
	return with.failure;
}

static bool is_librarys(const void *caller) {
	return (uintptr_t)caller >= library_start && (uintptr_t)caller < library_end;
}

enum fate steps_begin(const char *name, const void *caller, bool by_thread) {
	if (!atomic_load(&armed) ||
		!(is_librarys(caller) || (by_thread && with.counts_thread && gettid() == armed_by))) {
		return PASS;
	}
	const unsigned number = atomic_fetch_add(&count, 1) + 1;
	if (number > STEPS_MAX) {
		_exit(RAN_AWAY);
	}
	names[number - 1] = name;
	if (mode == FAIL_ALWAYS && number > with.step && strcmp(name, names[with.step - 1]) == 0) {
		return FAIL;
	}
	if (number != with.step || mode == COUNT) {
		return PASS;
	}
	switch (mode) {
	case KILL_BEFORE:
		steps_die();
	case KILL_AFTER:
		return DIE;
	case STOP:
		kill(getpid(), SIGSTOP);
		return PASS;
	default:
		return FAIL;
	}
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
	if (advice == MADV_DONTFORK && !is_librarys(__builtin_return_address(0))) {
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
	if (!with.has_tmpfile && (flags & O_TMPFILE) == O_TMPFILE) {
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

/* The calls that are made by number. */
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
	const enum fate fate = steps_begin("pthread_create", __builtin_return_address(0), false);
	if (fate == FAIL) {
		return with.failure;
	}
	const int result = real(thread, attributes, main, data);
	if (fate == DIE) {
		steps_die();
	}
	return result;
}

static int find(struct dl_phdr_info *info, size_t size, void *library) {
	(void)size;
	if (strstr(info->dlpi_name, library) == NULL) {
		return 0;
	}
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		if (header->p_type == PT_LOAD && (header->p_flags & PF_X) != 0) {
			library_start = info->dlpi_addr + header->p_vaddr;
			library_end = library_start + header->p_memsz;
		}
	}
	return 1;
}

void steps_find(const char *library) {
	dl_iterate_phdr(find, (void *)library);
}

void steps_arm(const struct arming *arming) {
	with = *arming;
	mode = COUNT;
	for (size_t i = 0; i < sizeof mode_names / sizeof *mode_names; i++) {
		mode = strcmp(with.mode, mode_names[i]) == 0 ? (enum mode)i : mode;
	}
	armed_by = gettid();
	atomic_store(&count, 0);
	atomic_store(&armed, true);
}

unsigned steps_disarm(void) {
	atomic_store(&armed, false);
	return atomic_load(&count);
}

const char *steps_name(unsigned index) {
	return names[index];
}

int steps_wait(pid_t pid) {
	int status = 0;
	while (waitpid(pid, &status, WUNTRACED) < 0 && errno == EINTR) {
	}
	return status;
}
