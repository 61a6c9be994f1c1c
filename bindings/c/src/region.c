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
	code = check_options(options);
	if (code != DHMEM_OK) {
		return code;
	}
	char *path = region_path(name, options, &code);
	if (path == NULL) {
		return code;
	}
	code = find_or_create(path, options, region);
	if (code == DHMEM_OK) {
		(*region)->identity[0] = word_at(*region, CORE_HEADER_IDENTITY);
		(*region)->identity[1] = word_at(*region, CORE_HEADER_IDENTITY + 4);
	}
	free(path);
	return code;
}

void dhmem_close(dhmem_region *region) {
	if (region == NULL || region->closed) {
		return;
	}
	const bool is_left = region_leave(region);
	loop_close(region);
	region_shut(region);
	if (is_left) {
		/* Of all readers and participants, this may have been the last one. */
		remove_abandoned(region->path, "any", true);
	}
	region->closed = true;
	region_drop(region);
}

static int remove_name(const struct naming *naming) {
	if (unlink(naming->path) == 0) {
		return DHMEM_OK;
	}
	const struct failure failure = { .error = -errno, .syscall = "unlink" };
	return system_fail(&failure, naming->path, naming->doing);
}

int dhmem_unlink(const char *name, const struct dhmem_options *options) {
	int code;
	options = options != NULL ? options : &defaults;
	code = check_options(options);
	if (code != DHMEM_OK) {
		return code;
	}
	char *path = region_path(name, options, &code);
	if (path != NULL) {
		code = while_named(&(struct naming){ .path = path,
			.doing = "Removing",
			.trust = options->trust,
			.change = remove_name });
	}
	free(path);
	return code;
}

int dhmem_unlink_region(const dhmem_region *region) {
	return while_named(
		&(struct naming){ .path = region->path, .doing = "Removing", .own = region, .change = remove_name });
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
	if (label == NULL) {
		return fail(DHMEM_BAD_ARGUMENT, "label is NULL; it must be a participant's label");
	}
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
