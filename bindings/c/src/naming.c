/*
 * Changing what a name means: removing or replacing the file that has it. Whoever does so holds the join lock of that
 * file, and has looked under the lock whether the file still has the name.
 */
#include "internal.h"

#include <errno.h>

/* How often to open a path again that is another file each time. */
#define MOST_OPENINGS 100

static bool is_refusal(const struct failure *failure) {
	return failure->error == -EACCES || failure->error == -EPERM || failure->error == -EROFS;
}

/*
 * Opens the file for its lock, also if this user may only read it. Leaves `file` closed, without failing, if it can't be
 * opened or locked: another user's file in this user's folder, a link, a socket, a file that is leased.
 */
static bool open_to_lock(struct file *file, const char *path, struct failure *failure) {
	if (file_open(file, path, true, failure) ||
		(is_refusal(failure) && file_open(file, path, false, failure))) {
		return true;
	}
	return is_refusal(failure) || failure->error == NOT_REGULAR || failure->error == -ELOOP ||
		failure->error == -EAGAIN;
}

/* Whether the file is that of this opening, which may be closed. */
static bool is_own(const struct file *file, const char *path, const dhmem_region *own) {
	uint32_t header[CORE_HEADER_BYTES / 4];
	struct failure ignored;
	bool named;
	if (file_is_named(&own->file, path, &named, &ignored) && named) {
		return true;
	}
	return file->fd >= 0 && check_header(file, path, header) == DHMEM_OK &&
		header[CORE_HEADER_IDENTITY / 4] == own->identity[0] &&
		header[CORE_HEADER_IDENTITY / 4 + 1] == own->identity[1];
}

/* Takes the join lock. That of a stranger's file is not waited for, as somebody may hold it for ever. */
static int take_lock(const struct naming *naming, const struct file *file) {
	struct failure failure;
	struct stat status;
	bool ignored;
	if (naming->own != NULL ||
		(file_status(file, &status, &failure) && is_trusted(&status, naming->path, naming->trust))) {
		return wait_for_lock(file, JOIN_LOCK, naming->path);
	}
	return lock_try(file, JOIN_LOCK, &ignored, &failure) ? DHMEM_OK
														 : system_fail(&failure, naming->path, naming->doing);
}

static int change_open(const struct naming *naming, const struct file *file, bool *again) {
	struct failure failure;
	bool named = true;
	/* Before the lock, which a stranger may hold. */
	if (naming->own != NULL && !is_own(file, naming->path, naming->own)) {
		return fail(DHMEM_NOT_FOUND,
			"%s is another region now: the one that was opened here has been replaced or unlinked. To remove "
			"the new one, unlink it by its name",
			naming->path);
	}
	if (file->fd >= 0) {
		const int code = take_lock(naming, file);
		if (code != DHMEM_OK) {
			return code;
		}
		if (!file_is_named(file, naming->path, &named, &failure)) {
			return system_fail(&failure, naming->path, naming->doing);
		}
	}
	*again = !named;
	return named ? naming->change(naming) : DHMEM_OK;
}

/* Sets `again` if the file has lost its name meanwhile. */
static int change_once(const struct naming *naming, bool *again) {
	struct failure failure;
	struct file file;
	*again = false;
	if (!open_to_lock(&file, naming->path, &failure)) {
		/* Without /proc the path is opened twice, and the file was replaced in between. */
		*again = failure.error == -ESTALE;
		return *again ? DHMEM_OK : system_fail(&failure, naming->path, naming->doing);
	}
	const int code = change_open(naming, &file, again);
	file_close(&file);
	return code;
}

int while_named(const struct naming *naming) {
	for (int turn = 0; turn < MOST_OPENINGS; turn++) {
		bool again;
		const int code = change_once(naming, &again);
		if (!again) {
			return code;
		}
	}
	return fail(DHMEM_TIMEOUT, "Others keep creating and removing %s; stop them, or choose another name",
		naming->path);
}
