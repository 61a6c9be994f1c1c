/* The functions of the C library that only the library for C makes system calls with (counting.h). */
#define _GNU_SOURCE
#include "../counting.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

STEP(int, epoll_create1, (int flags), (flags))
STEP(int, epoll_ctl, (int poll, int operation, int fd, struct epoll_event *event),
	(poll, operation, fd, event))
STEP(int, eventfd, (unsigned value, int flags), (value, flags))
char *getcwd(char *into, size_t size) {
	REAL(char *, "getcwd", (char *, size_t))
	MAKE_OR(char *, NULL, "getcwd", false, false, real(into, size));
}

STEP(int, gethostname, (char *into, size_t size), (into, size))
STEP(int, nanosleep, (const struct timespec *time, struct timespec *left), (time, left))
STEP(int, stat, (const char *path, struct stat *status), (path, status))
STEP(int, statfs, (const char *path, struct statfs *system), (path, system))
STEP(int, timerfd_create, (clockid_t clock, int flags), (clock, flags))
STEP(int, timerfd_settime, (int fd, int flags, const struct itimerspec *value, struct itimerspec *old),
	(fd, flags, value, old))

DIR *opendir(const char *path) {
	REAL(DIR *, "opendir", (const char *))
	MAKE_OR(DIR *, NULL, "opendir", false, false, real(path));
}

/* The end and a failure look alike. */
struct dirent *readdir(DIR *folder) {
	REAL(struct dirent *, "readdir", (DIR *))
	MAKE_OR(struct dirent *, NULL, "readdir", false, false, real(folder));
}

FILE *fopen(const char *path, const char *mode) {
	REAL(FILE *, "fopen", (const char *, const char *))
	MAKE_OR(FILE *, NULL, "fopen", false, false, real(path, mode));
}
