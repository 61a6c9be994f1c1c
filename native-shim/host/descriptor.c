/*
 * Opens the two descriptors of a file. The path may name anything, so nothing here waits for the other end of
 * a FIFO.
 */
#include "internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int open_descriptor(const char *path, int flags) {
	int fd;
	do {
		fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

/* On 64-bit machines the kernel's struct is the C library's. */
int status_of(int fd, struct stat *status) {
	return (int)syscall(SYS_fstat, fd, status);
}

int status_of_path(const char *path, struct stat *status) {
	return (int)syscall(SYS_newfstatat, AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

void descriptor_path(int fd, char path[32]) {
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

bool is_without_proc(int number) {
	return number == ENOENT || number == EACCES;
}

static bool is_same_inode(int left, int right) {
	struct stat a, b;
	return status_of(left, &a) == 0 && status_of(right, &b) == 0 && a.st_dev == b.st_dev &&
		a.st_ino == b.st_ino;
}

/* `path` may name another file by the second open, so the inodes are compared. */
bool open_lock_descriptor(struct file *file, const char *path, struct failure *failure) {
	const int access = file->writable ? O_RDWR : O_RDONLY;
	char again[32];
	descriptor_path(file->fd, again);
	if (!forks_hold(failure)) {
		return false;
	}
	file->lock_fd = open_descriptor(again, access);
	if (file->lock_fd < 0 && is_without_proc(errno) && path != NULL) {
		file->lock_fd = open_descriptor(path, access | O_NOFOLLOW);
	}
	const int number = errno;
	if (file->lock_fd >= 0) {
		forks_add(file);
	}
	forks_release();
	if (file->lock_fd < 0) {
		return failed_with(failure, "open", -number);
	}
	return is_same_inode(file->fd, file->lock_fd) || failed_with(failure, "open", -ESTALE);
}
