/* Codes and texts of failures. Each thread has its own last text. */
#include "internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last[1024];

const char *dhmem_error(void) {
	return last;
}

void note_failure(const char *format, ...) {
	/* Names come from other participants, and an argument may be the last text itself. */
	char text[sizeof last];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	for (char *at = text; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ' || *at == 0x7f) {
			*at = '?';
		}
	}
	memcpy(last, text, sizeof last);
}

const char *dhmem_code_name(int code) {
	/* In the order of enum dhmem_code. */
	static const char *const names[] = { "DHMEM_OK", "DHMEM_EXISTS", "DHMEM_NOT_FOUND", "DHMEM_PERMISSION",
		"DHMEM_NO_SPACE", "DHMEM_REGION_FULL", "DHMEM_FORMAT", "DHMEM_VERSION", "DHMEM_TYPE_MISMATCH",
		"DHMEM_BAD_HANDLE", "DHMEM_BAD_ARGUMENT", "DHMEM_DOUBLE_FREE", "DHMEM_ENDPOINT_TAKEN",
		"DHMEM_QUEUE_ENDED", "DHMEM_PEER_GONE", "DHMEM_MESSAGE_TOO_LARGE", "DHMEM_TIMEOUT", "DHMEM_CLOSED",
		"DHMEM_READ_ONLY", "DHMEM_TRUNCATED", "DHMEM_CORRUPT", "DHMEM_TOO_MANY_PARTICIPANTS",
		"DHMEM_UNSUPPORTED" };
	if (code == DHMEM_END) {
		return "DHMEM_END";
	}
	const int count = (int)(sizeof names / sizeof *names);
	return code <= 0 && -code < count ? names[-code] : "unknown";
}

int no_memory(void) {
	return fail(DHMEM_NO_SPACE, "This process has no memory left");
}

int system_fail(const struct failure *failure, const char *path, const char *doing) {
	if (failure->error == NOT_REGULAR) {
		return fail(DHMEM_FORMAT,
			"%s is not a regular file, so it can't be a region; remove it, or choose another name", path);
	}
	const int number = -failure->error;
	switch (number) {
	case EROFS:
	case EACCES:
	case EPERM:
		return fail(DHMEM_PERMISSION,
			"%s %s is not allowed: %s; check the permissions of the file and its folder", doing, path,
			strerror(number));
	case ENOENT:
	case ENOTDIR:
		if (strcmp(doing, "Creating") == 0) {
			const char *slash = strrchr(path, '/');
			const int length = slash == NULL || slash == path ? 1 : (int)(slash - path);
			return fail(DHMEM_NOT_FOUND,
				"There is no folder %.*s; in a container, mount it; elsewhere, create it (\"mkdir -m 2770 "
				"%.*s\"), or check DHMEM_DIR",
				length, path, length, path);
		}
		return fail(DHMEM_NOT_FOUND, "There is no region at %s; create it, or check DHMEM_DIR", path);
	case ENOSPC:
	case EDQUOT:
		return fail(DHMEM_NO_SPACE,
			"%s %s: its file system is full: free some space, or choose a folder in /dev/shm", doing, path);
	case EFBIG:
		return fail(DHMEM_NO_SPACE,
			"%s %s: the file would be larger than this process may make files (ulimit -f)", doing, path);
	case EAGAIN:
	case EMFILE:
	case ENFILE:
	case ENOLCK:
	case ENOMEM:
		return fail(DHMEM_NO_SPACE,
			"%s %s: this process or machine can't have more files, threads or mappings (%s); close some, or "
			"raise its limits (ulimit -a)",
			doing, path, strerror(number));
	case ELOOP:
	case EISDIR:
		return fail(DHMEM_FORMAT,
			"%s is not a regular file, so it can't be a region; remove it, or choose another name", path);
	case ENAMETOOLONG:
		return fail(DHMEM_BAD_ARGUMENT, "%s %s: the path is too long; shorten it", doing, path);
	default:
		return fail(DHMEM_UNSUPPORTED,
			"%s %s fails here: %s: %s; try a folder on another file system, or check which system calls this "
			"process may not make (seccomp)",
			doing, path, failure->syscall, strerror(number));
	}
}
