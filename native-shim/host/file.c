/* An open region file. It is never opened through a symbolic link. */
#include "internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void file_clear(struct file *file) {
	*file = (struct file){ .fd = -1, .lock_fd = -1, .pipe_fd = -1 };
	for (uint32_t i = 0; i < PEER_PIPES; i++) {
		file->peer_fds[i] = -1;
	}
}

void file_close(struct file *file) {
	if (file->temporary != NULL) {
		if (!file->inherited) {
			unlink(file->temporary);
		}
		free(file->temporary);
		file->temporary = NULL;
	}
	pipe_remove(file);
	for (uint32_t i = 0; i < PEER_PIPES; i++) {
		pipe_disconnect(file, i);
	}
	forks_close(file);
	if (file->fd >= 0) {
		close(file->fd);
		file->fd = -1;
	}
}

bool file_status(const struct file *file, struct stat *status, struct failure *failure) {
	return status_of(file->fd, status) == 0 || failed(failure, "fstat");
}

bool file_open(struct file *file, const char *path, bool writable, struct failure *failure) {
	file_clear(file);
	file->writable = writable;
	file->fd = open_descriptor(path, (writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW);
	if (file->fd < 0) {
		/* The errnos for a directory that is opened for writing, a socket, and a device without a driver. */
		const bool special = errno == EISDIR || errno == ENXIO || errno == ENODEV;
		return failed_with(failure, "open", special ? NOT_REGULAR : -errno);
	}
	struct stat status;
	bool done = file_status(file, &status, failure);
	if (done && !S_ISREG(status.st_mode)) {
		done = failed_with(failure, "open", NOT_REGULAR);
	}
	done = done && open_lock_descriptor(file, path, failure);
	if (!done) {
		file_close(file);
		return false;
	}
	file->size = status.st_size;
	return true;
}

bool file_is_named(const struct file *file, const char *path, bool *named, struct failure *failure) {
	struct stat ours, theirs;
	if (!file_status(file, &ours, failure)) {
		return false;
	}
	/* Not through a link, because file_open() does not follow a link either. */
	if (status_of_path(path, &theirs) != 0) {
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
