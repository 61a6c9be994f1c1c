/* Regions, as the interface has them. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct dhmem_options defaults;

int dhmem_open(const char *name, const struct dhmem_options *options, dhmem_region **region) {
	int code;
	options = options != NULL ? options : &defaults;
	char *path = region_path(name, options, &code);
	if (path == NULL) {
		return code;
	}
	code = find_or_create(path, options, region);
	free(path);
	return code;
}

void dhmem_close(dhmem_region *region) {
	if (region == NULL || region->closed) {
		return;
	}
	region_leave(region);
	loop_close(region);
	region_shut(region);
	region->closed = true;
	region_drop(region);
}

/* Removes the file that has the name, while no other process can replace it. */
static int unlink_named(const char *path, const struct dhmem_options *options, bool *again) {
	struct failure failure;
	struct file file;
	bool named = false;
	*again = false;
	if (!file_open(&file, path, true, &failure)) {
		*again = failure.error == -ESTALE;
		return *again ? DHMEM_OK : system_fail(&failure, path, "Removing");
	}
	int code = check_trusted(&file, path, options);
	code = code == DHMEM_OK ? wait_for_lock(&file, JOIN_LOCK, path) : code;
	if (code == DHMEM_OK && !file_is_named(&file, path, &named, &failure)) {
		code = system_fail(&failure, path, "Removing");
	}
	*again = code == DHMEM_OK && !named;
	if (named && unlink(path) != 0) {
		failure = (struct failure){ .error = -errno, .syscall = "unlink" };
		code = system_fail(&failure, path, "Removing");
	}
	file_close(&file);
	return code;
}

int dhmem_unlink(const char *name, const struct dhmem_options *options) {
	int code;
	bool again = true;
	options = options != NULL ? options : &defaults;
	char *path = region_path(name, options, &code);
	for (int turn = 0; path != NULL && again; turn++) {
		if (turn == 100) {
			code = fail(DHMEM_TIMEOUT,
				"Others keep creating and removing %s; stop them, or choose another name", path);
			break;
		}
		code = unlink_named(path, options, &again);
	}
	free(path);
	return code;
}

static int recover(dhmem_region *region, unsigned *count) {
	const int code = region_check_writable(region);
	return code == DHMEM_OK ? recover_all(region, count) : code;
}

int dhmem_recover(dhmem_region *region, unsigned *count) {
	unsigned ignored;
	GUARDED(region, recover(region, count != NULL ? count : &ignored));
}

static int trim(dhmem_region *region, uint64_t *given) {
	const int code = region_check_writable(region);
	if (code != DHMEM_OK) {
		return code;
	}
	CALL(region, reclaim, region->me);
	return trim_region(region, given);
}

int dhmem_trim(dhmem_region *region, uint64_t *given) {
	uint64_t ignored;
	GUARDED(region, trim(region, given != NULL ? given : &ignored));
}

static int has_participant(dhmem_region *region, const char *label, bool *found) {
	const int code = region_check(region);
	*found = false;
	for (uint32_t slot = 0; code == DHMEM_OK && slot < CORE_SLOTS && !*found; slot++) {
		const uint32_t who = slot_id(region, slot);
		const char *its = (const char *)region->base + slot_start(slot) + CORE_SLOT_LABEL;
		*found = who != 0 && strncmp(its, label, CORE_LABEL_BYTES) == 0 && is_alive(region, who);
	}
	return code;
}

int dhmem_has_participant(dhmem_region *region, const char *label, bool *found) {
	GUARDED(region, has_participant(region, label, found));
}

const char *dhmem_path(const dhmem_region *region) {
	return region->path;
}

uint64_t dhmem_size(const dhmem_region *region) {
	return extent_bytes(region->extent);
}

int dhmem_check(dhmem_region *region) {
	return region_check(region);
}

void dhmem_keep(dhmem_region *region) {
	region_keep(region);
}

void dhmem_drop(dhmem_region *region) {
	region_drop(region);
}

void dhmem_on_sleep(dhmem_region *region, void *(*before)(void), bool (*after)(void *state)) {
	region->before_sleep = before;
	region->after_sleep = after;
}
