/* Region files: made whole or not at all, and never opened through a link. */
#include "shim.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* A fallocate that a signal interrupts is undone and starts over, so a step must be short enough to end. */
#define COMMIT_STEP ((off_t)16 << 20)
#define COMMIT_STEP_LEAST ((off_t)64 << 10)
/* Nobody who tidies up is so fast so often. */
#define CLAIM_TURNS 100

bool failed_with(struct failure *failure, const char *syscall, int number) {
	failure->number = number;
	failure->syscall = syscall;
	return false;
}

bool failed(struct failure *failure, const char *syscall) {
	return failed_with(failure, syscall, errno);
}

void file_clear(struct file *file) {
	*file = (struct file){ .fd = -1, .lock_fd = -1 };
}

static bool is_same_inode(int left, int right) {
	struct stat a, b;
	return fstat(left, &a) == 0 && fstat(right, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int open_again(const char *path, int flags) {
	int fd;
	do {
		fd = open(path, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
	} while (fd < 0 && errno == EINTR);
	return fd;
}

static void descriptor_path(int fd, char path[32]) {
	snprintf(path, 32, "/proc/self/fd/%d", fd);
}

/* /proc is not mounted, or not ours to enter, as in a process that gave up root by setuid(). */
static bool is_without_proc(int number) {
	return number == ENOENT || number == EACCES;
}

/* `path` serves those without /proc; it may name another file by then, hence the check. */
static bool open_lock_description(struct file *file, const char *path, struct failure *failure) {
	const int access = file->writable ? O_RDWR : O_RDONLY;
	char again[32];
	descriptor_path(file->fd, again);
	if (!forks_hold(failure)) {
		return false;
	}
	file->lock_fd = open_again(again, access);
	if (file->lock_fd < 0 && is_without_proc(errno) && path != NULL) {
		file->lock_fd = open_again(path, access | O_NOFOLLOW);
	}
	const int number = errno;
	forks_release(file);
	if (file->lock_fd < 0) {
		return failed_with(failure, "open", number);
	}
	return is_same_inode(file->fd, file->lock_fd) || failed_with(failure, "open", ESTALE);
}

/* `.dhmem-<random>.tmp` in a directory of `directory_length` bytes; NULL when out of memory. */
static char *temporary_name(const char *directory, size_t directory_length) {
	uint64_t random;
	if (getrandom(&random, sizeof random, 0) != sizeof random) {
		random = (uint64_t)clock_now() ^ ((uint64_t)getpid() << 40);
	}
	char *name;
	if (asprintf(&name, "%.*s/.dhmem-%016llx.tmp", (int)directory_length, directory,
			(unsigned long long)random) < 0) {
		errno = ENOMEM;
		return NULL;
	}
	return name;
}

static bool open_nameless(struct file *file, const char *directory, struct failure *failure) {
	file->fd = open_again(directory, O_TMPFILE | O_RDWR);
	if (file->fd < 0) {
		const bool is_missing = errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL;
		return is_missing || failed(failure, "open");
	}
	if (open_lock_description(file, NULL, failure)) {
		return true;
	}
	/* linkat() will need /proc too: without it, a file made like this could never be published. */
	const bool is_useless = is_without_proc(failure->number);
	close(file->fd);
	file->fd = -1;
	return is_useless;
}

static bool open_temporary(struct file *file, const char *directory, struct failure *failure) {
	do {
		free(file->temporary);
		file->temporary = temporary_name(directory, strlen(directory));
		if (file->temporary == NULL) {
			return failed(failure, "open");
		}
		file->fd = open_again(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
	} while (file->fd < 0 && errno == EEXIST);
	if (file->fd < 0) {
		const int number = errno;
		free(file->temporary);
		file->temporary = NULL;
		return failed_with(failure, "open", number);
	}
	return open_lock_description(file, file->temporary, failure);
}

/* Says that the file is being made; false when somebody took it for litter before. */
static bool claim(const struct file *file, bool *claimed, struct failure *failure) {
	struct stat status;
	if (!lock_try(file, MAKER_LOCK, claimed, failure)) {
		return false;
	}
	if (fstat(file->fd, &status) != 0) {
		return failed(failure, "fstat");
	}
	*claimed = *claimed && (file->temporary == NULL || status.st_nlink != 0);
	return true;
}

static bool open_new(struct file *file, const char *directory, struct failure *failure) {
	for (int turn = 0; turn < CLAIM_TURNS; turn++) {
		bool claimed;
		if (!open_nameless(file, directory, failure) ||
			(file->fd < 0 && !open_temporary(file, directory, failure)) || !claim(file, &claimed, failure)) {
			return false;
		}
		if (claimed) {
			return true;
		}
		file_close(file);
	}
	return failed_with(failure, "open", ESTALE);
}

bool file_create(struct file *file, const char *directory, off_t size, mode_t mode, struct failure *failure) {
	file_clear(file);
	file->writable = true;
	file->nameless = true;
	file->size = size;
	bool done = open_new(file, directory, failure);
	if (done && ftruncate(file->fd, size) != 0) {
		done = failed(failure, "ftruncate");
	}
	/* After both descriptions are open, which a mode without owner write would refuse. */
	if (done && fchmod(file->fd, mode) != 0) {
		done = failed(failure, "fchmod");
	}
	if (!done) {
		file_close(file);
	}
	return done;
}

bool file_open(struct file *file, const char *path, bool writable, struct failure *failure) {
	file_clear(file);
	file->writable = writable;
	file->fd = open_again(path, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW);
	if (file->fd < 0) {
		/* A directory opened for writing; a socket, or a device without a driver. */
		const bool special = errno == EISDIR || errno == ENXIO || errno == ENODEV;
		return failed_with(failure, "open", special ? NOT_REGULAR : errno);
	}
	struct stat status;
	bool done = fstat(file->fd, &status) == 0 || failed(failure, "fstat");
	if (done && !S_ISREG(status.st_mode)) {
		done = failed_with(failure, "open", NOT_REGULAR);
	}
	done = done && open_lock_description(file, path, failure);
	if (!done) {
		file_close(file);
		return false;
	}
	file->size = status.st_size;
	return true;
}

/* Where the file can be linked from: its temporary name, or the descriptor without a name. */
static int link_to(const struct file *file, const char *path) {
	if (file->temporary != NULL) {
		return link(file->temporary, path);
	}
	char source[32];
	descriptor_path(file->fd, source);
	return linkat(AT_FDCWD, source, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

static bool publish_over(struct file *file, const char *path, struct failure *failure) {
	if (file->temporary != NULL) {
		return rename(file->temporary, path) == 0 || failed(failure, "rename");
	}
	/* linkat() can't replace. The name that it makes here may be left by a kill, as litter that others remove. */
	const char *slash = strrchr(path, '/');
	const size_t length = slash == NULL ? 1 : (size_t)(slash - path);
	char *beside;
	int result;
	do {
		beside = temporary_name(slash == NULL ? "." : path, length);
		if (beside == NULL) {
			return failed(failure, "linkat");
		}
		result = link_to(file, beside);
		if (result != 0) {
			const int number = errno;
			free(beside);
			if (number != EEXIST) {
				return failed_with(failure, "linkat", number);
			}
		}
	} while (result != 0);
	const bool done = rename(beside, path) == 0 || failed(failure, "rename");
	if (!done) {
		unlink(beside);
	}
	free(beside);
	return done;
}

static bool publish_new(struct file *file, const char *path, bool *taken, struct failure *failure) {
	if (file->temporary != NULL) {
		if (renameat2(AT_FDCWD, file->temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
			return true;
		}
		if (errno == EEXIST) {
			*taken = true;
			return true;
		}
		if (errno != EINVAL && errno != ENOSYS) {
			return failed(failure, "renameat2");
		}
	}
	if (link_to(file, path) != 0) {
		*taken = errno == EEXIST;
		return *taken || failed(failure, "linkat");
	}
	if (file->temporary != NULL) {
		unlink(file->temporary);
	}
	return true;
}

bool file_publish(struct file *file, const char *path, bool replace, bool *taken, struct failure *failure) {
	*taken = false;
	if (!file->nameless) {
		return failed_with(failure, "linkat", EINVAL);
	}
	if (!(replace ? publish_over(file, path, failure) : publish_new(file, path, taken, failure))) {
		return false;
	}
	if (!*taken) {
		file->nameless = false;
		free(file->temporary);
		file->temporary = NULL;
		/* It means nothing under the final name, so a failure does no harm. */
		struct failure ignored;
		lock_drop(file, MAKER_LOCK, &ignored);
	}
	return true;
}

bool file_is_named(const struct file *file, const char *path, bool *named, struct failure *failure) {
	struct stat ours, theirs;
	if (fstat(file->fd, &ours) != 0) {
		return failed(failure, "fstat");
	}
	/* Not through a link: file_open() would not follow it either. */
	if (lstat(path, &theirs) != 0) {
		*named = false;
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || failed(failure, "lstat");
	}
	*named = ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
	return true;
}

bool file_read(const struct file *file, void *into, size_t length, off_t position, size_t *done,
	struct failure *failure) {
	*done = 0;
	while (*done < length) {
		const ssize_t got = pread(file->fd, (char *)into + *done, length - *done, position + (off_t)*done);
		if (got == 0) {
			break;
		}
		if (got > 0) {
			*done += (size_t)got;
		} else if (errno != EINTR) {
			return failed(failure, "pread");
		}
	}
	return true;
}

/* The range was checked against the size at opening; a peer may have truncated the file since. */
static bool is_inside(const struct file *file, off_t end, struct failure *failure) {
	struct stat status;
	if (fstat(file->fd, &status) != 0) {
		return failed(failure, "fstat");
	}
	return end <= status.st_size || failed_with(failure, "fallocate", ENXIO);
}

bool file_commit(const struct file *file, off_t offset, off_t length, struct failure *failure) {
	if (!is_inside(file, offset + length, failure)) {
		return false;
	}
	off_t step = COMMIT_STEP;
	while (length > 0) {
		const off_t part = length < step ? length : step;
		/* KEEP_SIZE, so that a file which is truncated at this moment is not extended again. */
		if (fallocate(file->fd, FALLOC_FL_KEEP_SIZE, offset, part) == 0) {
			offset += part;
			length -= part;
		} else if (errno != EINTR) {
			return failed(failure, "fallocate");
		} else if (step > COMMIT_STEP_LEAST) {
			/* A profiler's timer, say, comes back sooner than a large step ends. */
			step /= 2;
		}
	}
	return true;
}

bool file_punch(const struct file *file, off_t offset, off_t length, struct failure *failure) {
	if (!is_inside(file, offset + length, failure)) {
		return false;
	}
	while (length > 0 && fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length) != 0) {
		if (errno != EINTR) {
			return failed(failure, "fallocate");
		}
	}
	return true;
}

void file_close(struct file *file) {
	if (file->temporary != NULL) {
		if (!file->inherited) {
			unlink(file->temporary);
		}
		free(file->temporary);
		file->temporary = NULL;
	}
	forks_close(file);
	if (file->fd >= 0) {
		close(file->fd);
		file->fd = -1;
	}
}
