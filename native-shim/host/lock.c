/*
 * Liveness: each participant has one byte, far beyond any page of the file, locked through an open file
 * description. The kernel drops the lock when the description's last descriptor is closed, however the
 * process ends.
 */
#include "internal.h"

#include <fcntl.h>

/* SYNC: src/attachment/own-openings.ts */
#define FIRST_LOCK_BYTE ((off_t)1 << 40)
/* Processes that open the file read-only take read locks on bytes from here on. */
#define FIRST_READ_LOCK 4096

static int control(const struct file *file, int command, struct flock *range) {
	int result;
	do {
		result = fcntl(file->lock_fd, command, range);
	} while (result != 0 && errno == EINTR);
	return result;
}

static struct flock one_byte(uint32_t index, short type) {
	/* l_pid must be 0 for the commands of open file descriptions. */
	const off_t start = FIRST_LOCK_BYTE + (off_t)index;
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = 1 };
}

bool lock_try(const struct file *file, uint32_t index, bool *taken, struct failure *failure) {
	/* The kernel refuses a write lock through a descriptor that can't write. */
	struct flock range = one_byte(index, file->writable ? F_WRLCK : F_RDLCK);
	*taken = control(file, F_OFD_SETLK, &range) == 0;
	return *taken || errno == EAGAIN || errno == EACCES || failed(failure, "fcntl");
}

bool lock_drop(const struct file *file, uint32_t index, struct failure *failure) {
	struct flock range = one_byte(index, F_UNLCK);
	return control(file, F_OFD_SETLK, &range) == 0 || failed(failure, "fcntl");
}

/*
 * "Could I read-lock this?" does not see read locks. Below FIRST_READ_LOCK that is intended: a process that
 * may only read the file must not be able to make a dead participant look alive. From there on we look for
 * read locks, so the question is "could I write-lock this?", which F_OFD_GETLK answers on a read-only
 * descriptor too.
 */
bool lock_is_held(const struct file *file, uint32_t index, bool *held, struct failure *failure) {
	struct flock range = one_byte(index, index < FIRST_READ_LOCK ? F_RDLCK : F_WRLCK);
	if (control(file, F_OFD_GETLK, &range) != 0) {
		return failed(failure, "fcntl");
	}
	*held = range.l_type != F_UNLCK;
	return true;
}

void lock_drop_all(const struct file *file) {
	struct flock range = { .l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0 };
	control(file, F_OFD_SETLK, &range);
}
