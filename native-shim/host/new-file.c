/*
 * Creates files, completely or not at all. A file has no name, or a temporary one, until file_publish() gives
 * it its name in one step. A killed creator leaves at most a temporary name whose MAKER_LOCK is free, and
 * other processes remove that.
 */
#include "internal.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * How many times to try again when another process removes our new temporary file as litter before we have
 * locked it.
 */
#define CLAIM_TURNS 100

/*
 * `.dhmem-<random>.tmp` in a directory, whose path has `directory_length` bytes. NULL if memory has run out.
 */
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

/* The umask may have cleared the owner's bits, which the second open needs. */
static bool open_lock_descriptor_of_new(struct file *file, const char *path, struct failure *failure) {
	if (fchmod(file->fd, 0600) != 0) {
		return failed(failure, "fchmod");
	}
	return open_lock_descriptor(file, path, failure);
}

static bool open_nameless(struct file *file, const char *directory, struct failure *failure) {
	file->fd = open_descriptor(directory, O_TMPFILE | O_RDWR);
	if (file->fd < 0) {
		const bool is_missing = errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL;
		return is_missing || failed(failure, "open");
	}
	if (open_lock_descriptor_of_new(file, NULL, failure)) {
		return true;
	}
	/* linkat() will need /proc too: without it, this file could never be published. */
	const bool is_useless = is_without_proc(-failure->error);
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
		file->fd = open_descriptor(file->temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW);
	} while (file->fd < 0 && errno == EEXIST);
	if (file->fd < 0) {
		const int number = errno;
		free(file->temporary);
		file->temporary = NULL;
		return failed_with(failure, "open", -number);
	}
	return open_lock_descriptor_of_new(file, file->temporary, failure);
}

/* Takes MAKER_LOCK. `claimed` is false if another process removed the file as litter before that. */
static bool claim(const struct file *file, bool *claimed, struct failure *failure) {
	struct stat status;
	if (!lock_try(file, MAKER_LOCK, claimed, failure) || !file_status(file, &status, failure)) {
		return false;
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
	return failed_with(failure, "open", -ESTALE);
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
	/* Only now: with a mode without owner write, the second descriptor could not have been opened. */
	if (done && fchmod(file->fd, mode) != 0) {
		done = failed(failure, "fchmod");
	}
	if (!done) {
		file_close(file);
	}
	return done;
}

/* Links the file to `path`, from its temporary name or from its descriptor. */
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
	/*
	 * linkat() can't replace a file, so link it beside `path` and rename it. If we are killed in between,
	 * others remove that name as litter.
	 */
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
				return failed_with(failure, "linkat", -number);
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
		/* A system call, because musl has no function for it. */
		if (syscall(SYS_renameat2, AT_FDCWD, file->temporary, AT_FDCWD, path, RENAME_NOREPLACE) == 0) {
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
		return failed_with(failure, "linkat", -EINVAL);
	}
	if (!(replace ? publish_over(file, path, failure) : publish_new(file, path, taken, failure))) {
		return false;
	}
	if (!*taken) {
		file->nameless = false;
		free(file->temporary);
		file->temporary = NULL;
		/* The lock means nothing under the final name, so a failure does no harm. */
		struct failure ignored;
		lock_drop(file, MAKER_LOCK, &ignored);
	}
	return true;
}
