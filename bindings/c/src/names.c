/* The file of a region: its path, its header, whose it is, and the locks that protect its name. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SUFFIX ".dhmem"
/* Milliseconds to wait for a lock byte. Only a stopped process holds one of these for long. */
#define LOCK_TIMEOUT 10000
#define NOBODY 65534u

static const char *setting(const char *given, const char *variable, const char *otherwise) {
	const char *value = given != NULL ? given : getenv(variable);
	return value != NULL && *value != '\0' ? value : otherwise;
}

/*
 * Makes a path that was allocated absolute, so that a later change of the working folder does not affect it. NULL and
 * `*code` if that fails.
 */
static char *absolute(char *path, int *code) {
	if (*path == '/') {
		return path;
	}
	char *whole = NULL;
	char *folder = getcwd(NULL, 0);
	if (folder == NULL) {
		*code = fail(DHMEM_NOT_FOUND,
			"%s is relative to a working folder that is gone; give an absolute path", path);
	} else if (asprintf(&whole, "%s/%s", folder, strncmp(path, "./", 2) == 0 ? path + 2 : path) < 0) {
		*code = no_memory();
		whole = NULL;
	}
	free(folder);
	free(path);
	return whole;
}

char *region_path(const char *name, const struct dhmem_options *options, int *code) {
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	char *path = NULL;
	*code = DHMEM_OK;
	if (name != NULL && strchr(name, '/') != NULL) {
		path = strdup(name);
	} else if (name == NULL || *name == '\0' || *name == '.' || strlen(name) > 200 ||
		name[strspn(name, allowed)] != '\0') {
		*code = fail(DHMEM_BAD_ARGUMENT,
			"The region's name is \"%.80s\"; it must be 1 to 200 characters of A-Z a-z 0-9 . _ -, the first "
			"of them not "
			"\".\", or a path with a slash",
			name != NULL ? name : "");
		return NULL;
	} else if (asprintf(&path, "%s/%s" SUFFIX, setting(options->directory, "DHMEM_DIR", "/dev/shm"), name) <
		0) {
		path = NULL;
	}
	if (path == NULL) {
		*code = no_memory();
		return NULL;
	}
	return absolute(path, code);
}

/* The tables must follow one another, end before the heap, and be large enough. */
static bool tables_are_sound(const uint32_t *header) {
	static const uint32_t tables[] = { CORE_HEADER_BUSY, CORE_HEADER_COMMITTED, CORE_HEADER_OWNED,
		CORE_HEADER_BUCKETS, CORE_HEADER_TOUCHED, CORE_HEADER_DESCRIPTORS, CORE_HEADER_AVAILABLE,
		CORE_HEADER_BULK_STATES, CORE_HEADER_OWNERS };
	const uint64_t bulk = header[CORE_HEADER_BULK_SPANS / 4];
	uint64_t end = CORE_SLOTS_START + CORE_SLOTS * CORE_SLOT_BYTES;
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		if (tables[i] == CORE_HEADER_BULK_STATES && bulk == 0) {
			continue;
		}
		if (header[tables[i] / 4] < end) {
			return false;
		}
		end = header[tables[i] / 4];
	}
	const uint64_t states = (uint64_t)header[CORE_HEADER_OWNERS / 4] - header[CORE_HEADER_BULK_STATES / 4];
	const uint64_t heap = (uint64_t)header[CORE_HEADER_HEAP / 4] * SPAN;
	const uint64_t buckets = ((uint64_t)header[CORE_HEADER_BUCKET_MASK / 4] + 1) * CORE_BUCKET_BYTES;
	const uint64_t touched = (uint64_t)header[CORE_HEADER_TOUCHED_BYTES / 4] * CORE_SLOTS;
	return (bulk == 0 || bulk * 4 <= states) && heap >= end &&
		(uint64_t)header[CORE_HEADER_SPANS / 4] * SPAN >= heap &&
		buckets <= header[CORE_HEADER_TOUCHED / 4] - header[CORE_HEADER_BUCKETS / 4] &&
		touched <= header[CORE_HEADER_DESCRIPTORS / 4] - header[CORE_HEADER_TOUCHED / 4];
}

int check_header(const struct file *file, const char *path, uint32_t header[CORE_HEADER_BYTES / 4]) {
	struct failure failure;
	size_t done;
	if (!file_read(file, header, CORE_HEADER_BYTES, 0, &done, &failure)) {
		return system_fail(&failure, path, "Opening");
	}
	if (done < CORE_HEADER_BYTES || header[CORE_HEADER_MAGIC / 4] != CORE_MAGIC_LOW ||
		header[CORE_HEADER_MAGIC / 4 + 1] != CORE_MAGIC_HIGH) {
		return fail(DHMEM_FORMAT, "%s is not a dhmem region; remove it, or choose another name", path);
	}
	const uint32_t version = header[CORE_HEADER_VERSION / 4];
	const uint32_t all = header[CORE_HEADER_FEATURES_ALL / 4], write = header[CORE_HEADER_FEATURES_WRITE / 4];
	if (version != CORE_LAYOUT_VERSION || (all | write) != 0) {
		return fail(DHMEM_VERSION,
			"%s has layout %u (features %u, %u); this dhmem knows layout %u: use the same version on all "
			"sides",
			path, version, all, write, CORE_LAYOUT_VERSION);
	}
	const struct extent extent = extent_in(header);
	if (extent.spans > MOST_SPANS || extent.bulk > CORE_BULK_MOST) {
		return fail(DHMEM_FORMAT, "%s says that it is larger than a region can be; remove it", path);
	}
	const uint64_t size = extent_bytes(extent);
	if (extent.spans == 0 || (uint64_t)file->size != size) {
		return fail(DHMEM_FORMAT,
			"%s is %lld bytes long, but its header says %llu: it was truncated or extended; remove it", path,
			(long long)file->size, (unsigned long long)size);
	}
	if (!tables_are_sound(header)) {
		return fail(DHMEM_CORRUPT, "%s has a corrupted header; remove it", path);
	}
	return DHMEM_OK;
}

/* The mode of the file's folder. One that can't be examined is taken for one that anyone can write to. */
static mode_t folder_mode(const char *path) {
	struct stat status;
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	const bool known = folder != NULL && stat(folder, &status) == 0;
	free(folder);
	return known ? status.st_mode : S_IWOTH | S_ISGID;
}

/* User and group numbers, with commas or spaces between them. */
static bool are_numbers(const char *trust) {
	for (const char *at = trust;;) {
		const size_t digits = strspn(at, "0123456789");
		if (digits == 0 || digits > 10) {
			return false;
		}
		at += digits;
		if (*at == '\0') {
			return true;
		}
		at += strspn(at, ", ");
	}
}

int check_options(const struct dhmem_options *options) {
	const char *trust = setting(options->trust, "DHMEM_TRUST", "owner");
	if (strcmp(trust, "owner") != 0 && strcmp(trust, "any") != 0 && !are_numbers(trust)) {
		return fail(DHMEM_BAD_ARGUMENT,
			"trust is \"%.80s\"; it must be \"owner\", \"any\", or user and group numbers such as 1001,12000",
			trust);
	}
	if (options->permissions > 0777) {
		return fail(DHMEM_BAD_ARGUMENT, "permissions is 0%o; it must be from 0 to 0777",
			options->permissions);
	}
	if ((unsigned)options->mode > DHMEM_OPEN_READ_ONLY || (unsigned)options->lifetime > DHMEM_LAST_CLOSE) {
		return fail(DHMEM_BAD_ARGUMENT,
			"mode is %d and lifetime %d; they must be of enum dhmem_mode and enum dhmem_lifetime",
			(int)options->mode, (int)options->lifetime);
	}
	return DHMEM_OK;
}

static bool is_listed(const char *trust, uint32_t id) {
	for (const char *at = trust; id != NOBODY;) {
		char *end;
		const unsigned long listed = strtoul(at, &end, 10);
		if (end == at) {
			return false;
		}
		if (listed == id) {
			return true;
		}
		at = end + strspn(end, ", ");
	}
	return false;
}

bool is_trusted(const struct stat *status, const char *path, const char *given) {
	const char *trust = setting(given, "DHMEM_TRUST", "owner");
	if (strcmp(trust, "any") == 0 || status->st_uid == 0 || status->st_uid == geteuid()) {
		return true;
	}
	const mode_t mode = folder_mode(path);
	return (mode & S_IWOTH) == 0 || is_listed(trust, status->st_uid) ||
		((mode & S_ISGID) == 0 && is_listed(trust, status->st_gid));
}

int check_trusted(const struct file *file, const char *path, const struct dhmem_options *options) {
	struct failure failure;
	struct stat status;
	if (!file_status(file, &status, &failure)) {
		return system_fail(&failure, path, "Opening");
	}
	if (is_trusted(&status, path, options->trust)) {
		return DHMEM_OK;
	}
	return fail(DHMEM_PERMISSION,
		"%s belongs to user %u, group %u, and lies in a folder where anyone can create files: if you trust "
		"them, say so "
		"with the option trust or DHMEM_TRUST, or use a folder of your own",
		path, status.st_uid, status.st_gid);
}

int wait_for_lock(const struct file *file, uint32_t index, const char *path) {
	const int64_t deadline = clock_after(LOCK_TIMEOUT);
	struct failure failure;
	bool taken;
	for (;;) {
		if (!lock_try(file, index, &taken, &failure)) {
			return system_fail(&failure, path, "Opening");
		}
		if (taken) {
			return DHMEM_OK;
		}
		if (clock_after(0) > deadline) {
			return fail(DHMEM_TIMEOUT,
				"Another process has been opening, closing or removing %s for %d s, so it is probably "
				"stopped (SIGSTOP, "
				"a frozen container, a debugger); resume it, or end it",
				path, LOCK_TIMEOUT / 1000);
		}
		/* Differently long in different processes, so that they don't try in step. */
		const struct timespec pause = { .tv_nsec = 200000 + (long)(clock_after(0) % 1000) * 1000 };
		nanosleep(&pause, NULL);
	}
}

bool has_participants(const struct file *file) {
	struct failure ignored;
	for (uint32_t slot = 0; slot < CORE_SLOTS; slot++) {
		bool held;
		/* One that can't be looked at is taken for one that is there. */
		if (!lock_is_held(file, slot, &held, &ignored) || held) {
			return true;
		}
	}
	return false;
}

int remove_if_empty(const struct file *file, const char *path, bool *removed) {
	struct failure failure;
	bool taken;
	*removed = false;
	/* A reader has this lock, or is about to get it and will then see that the name is gone. */
	if (!lock_try(file, READER_LOCK, &taken, &failure)) {
		return system_fail(&failure, path, "Removing");
	}
	if (!taken) {
		return DHMEM_OK;
	}
	int result = DHMEM_OK;
	if (!has_participants(file)) {
		*removed = unlink(path) == 0 || errno == ENOENT;
		if (!*removed) {
			failure = (struct failure){ .error = -errno, .syscall = "unlink" };
			result = system_fail(&failure, path, "Removing");
		}
	}
	lock_drop(file, READER_LOCK, &failure);
	return result;
}
