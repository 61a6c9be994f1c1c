/*
 * Allocates the pages of the file before they are used, so that a full file system is an error and not a
 * signal.
 */
#include "internal.h"

#include <fcntl.h>

/*
 * An interrupted fallocate is undone and starts over, so a step must be short enough to finish between
 * signals.
 */
#define COMMIT_STEP ((off_t)16 << 20)
#define COMMIT_STEP_LEAST ((off_t)64 << 10)

/* The range was checked against the size at opening; a peer may have truncated the file since. */
static bool is_inside(const struct file *file, off_t end, struct failure *failure) {
	struct stat status;
	if (!file_status(file, &status, failure)) {
		return false;
	}
	return end <= status.st_size || failed_with(failure, "fallocate", -ENXIO);
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
			/* A profiler's timer, for example, may interrupt every large step. */
			step /= 2;
		}
	}
	return true;
}

bool file_punch(const struct file *file, off_t offset, off_t length, struct failure *failure) {
	if (!is_inside(file, offset + length, failure)) {
		return false;
	}
	const int mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	while (length > 0 && fallocate(file->fd, mode, offset, length) != 0) {
		if (errno != EINTR) {
			return failed(failure, "fallocate");
		}
	}
	return true;
}
