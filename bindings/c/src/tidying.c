/*
 * Removing what dead processes left in a folder, before a region is opened there: nobody else would ever remove what has
 * a name that is not used again. Failures are ignored, and the time is bounded in any folder.
 */
#include "internal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_NAMES 1000
/* Of each kind. */
#define MOST_LOOKS 16

static bool ends_with(const char *name, const char *suffix) {
	const size_t length = strlen(name), end = strlen(suffix);
	return length > end && strcmp(name + length - end, suffix) == 0;
}

/* True for ".dhmem-", 16 hexadecimal digits, and the suffix. */
static bool is_numbered(const char *name, const char *suffix) {
	static const char prefix[] = ".dhmem-";
	const size_t start = sizeof prefix - 1;
	return strlen(name) == start + 16 + strlen(suffix) && strncmp(name, prefix, start) == 0 &&
		strspn(name + start, "0123456789abcdef") == 16 && ends_with(name, suffix);
}

/* Removes a file that has no name of its own so far, if its maker is dead. */
static void remove_unfinished(const char *path) {
	struct failure ignored;
	struct file file;
	bool taken, named;
	/* A living maker keeps out readers too, and a temporary name is never used twice. */
	if (!file_open(&file, path, false, &ignored)) {
		return;
	}
	if (lock_try(&file, MAKER_LOCK, &taken, &ignored) && taken &&
		file_is_named(&file, path, &named, &ignored) && named) {
		unlink(path);
	}
	file_close(&file);
}

/* True for the names of regions that the library for TypeScript makes for a while. */
static bool is_temporary(const char *path) {
	static const char prefix[] = "temporary-";
	const char *slash = strrchr(path, '/');
	return strncmp(slash != NULL ? slash + 1 : path, prefix, sizeof prefix - 1) == 0;
}

/* A temporary region of which another program has left nothing counts too: nobody else would ever remove it. */
static bool is_abandoned(const struct file *file, const char *path, const char *trust) {
	uint32_t header[CORE_HEADER_BYTES / 4];
	struct failure ignored;
	struct stat status;
	if (!file_status(file, &status, &ignored) || !is_trusted(&status, path, trust)) {
		return false;
	}
	const bool is_truncated = status.st_size == 0 && is_temporary(path);
	return (is_truncated ||
			   (check_header(file, path, header) == DHMEM_OK &&
				   header[CORE_HEADER_LIFETIME / 4] == CORE_LIFETIME_LAST_CLOSE)) &&
		!has_participants(file);
}

/* Removes the region that the open file is, if it still has the name when nobody can join it any more. */
static int remove_open(const struct file *file, const char *path, bool patient) {
	struct failure failure;
	bool taken = true, named = false, removed;
	if (patient) {
		const int code = wait_for_lock(file, JOIN_LOCK, path);
		if (code != DHMEM_OK) {
			return code;
		}
	} else if (!lock_try(file, JOIN_LOCK, &taken, &failure)) {
		return system_fail(&failure, path, "Looking at");
	}
	if (taken && !file_is_named(file, path, &named, &failure)) {
		return system_fail(&failure, path, "Looking at");
	}
	return named ? remove_if_empty(file, path, &removed) : DHMEM_OK;
}

int remove_abandoned(const char *path, const char *trust, bool patient) {
	struct failure failure;
	struct file file;
	int code = DHMEM_OK;
	if (file_open(&file, path, true, &failure)) {
		/* Lock only a region that looks abandoned, so that joining a living one is never delayed. */
		if (is_abandoned(&file, path, trust)) {
			code = remove_open(&file, path, patient);
		}
		file_close(&file);
	} else if (failure.error != -ESTALE) {
		code = system_fail(&failure, path, "Looking at");
	}
	/* It is left alone if it is none, or no region, or another user's. */
	return code == DHMEM_NOT_FOUND || code == DHMEM_FORMAT || code == DHMEM_PERMISSION ? DHMEM_OK : code;
}

/* Looks at one file. Returns false if it is of no kind that is looked at. */
static bool look_at(const char *path, const char *name, const char *opening, const char *trust) {
	struct failure ignored;
	bool removed;
	if (is_numbered(name, ".tmp")) {
		remove_unfinished(path);
	} else if (is_numbered(name, ".bell")) {
		pipe_remove_litter(path, &removed, &ignored);
	} else if (*name != '.' && ends_with(name, ".dhmem") && strcmp(path, opening) != 0) {
		remove_abandoned(path, trust, false);
	} else {
		return false;
	}
	return true;
}

void tidy(const char *opening, const char *trust) {
	const char *slash = strrchr(opening, '/');
	char *folder = slash == NULL ? strdup("") : strndup(opening, (size_t)(slash - opening + 1));
	DIR *names = folder != NULL ? opendir(*folder != '\0' ? folder : ".") : NULL;
	int looks = 0;
	const struct dirent *entry;
	for (int i = 0; names != NULL && i < MOST_NAMES && looks < 3 * MOST_LOOKS; i++) {
		char *path = NULL;
		entry = readdir(names);
		if (entry == NULL || asprintf(&path, "%s%s", folder, entry->d_name) < 0) {
			break;
		}
		looks += look_at(path, entry->d_name, opening, trust);
		free(path);
	}
	if (names != NULL) {
		closedir(names);
	}
	free(folder);
}
