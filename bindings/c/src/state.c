/* Whether an opening can still be used, and why not. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

dhmem_region *region_keep(dhmem_region *region) {
	region->users++;
	return region;
}

void region_drop(dhmem_region *region) {
	if (--region->users > 0) {
		return;
	}
	region_shut(region);
	windows_drop(region);
	if (region->base != NULL && !region->shown.is_lost) {
		munmap(region->base, region->size + SPAN);
	}
	free(region->dropping);
	free(region->trust);
	free(region->path);
	free(region);
}

void region_shut(dhmem_region *region) {
	if (region->mapped && !region->file.inherited) {
		/* The heap last, where faults are noticed. */
		windows_shut(region);
		mapping_close(&region->mapping);
		children_forget(&region->shown);
	}
	region->mapped = false;
	file_close(&region->file);
}

/* Notes why the region can't be used any more, and leaves it without another call of the core. */
static int region_fail(dhmem_region *region, int code, const char *text) {
	region->failed = code;
	snprintf(region->failure, sizeof region->failure, "%s", text);
	region_shut(region);
	return fail(code, "%s", region->failure);
}

static int displaced(dhmem_region *region) {
	struct failure ignored;
	struct stat status;
	const uint64_t size = extent_bytes(region->extent);
	char text[sizeof region->failure];
	if (file_status(&region->file, &status, &ignored) && (uint64_t)status.st_size < size) {
		snprintf(text, sizeof text,
			"Another program truncated %s from %llu to %lld bytes, so this participant has left; its "
			"contents "
			"are lost: "
			"remove it",
			region->path, (unsigned long long)size, (long long)status.st_size);
		return region_fail(region, DHMEM_TRUNCATED, text);
	}
	if (mapping_is_broken(&region->mapping)) {
		snprintf(text, sizeof text,
			"%s has no memory left: its file system is full. A page was missing, so this participant has "
			"left: free some "
			"space, and open the region again after that",
			region->path);
		return region_fail(region, DHMEM_NO_SPACE, text);
	}
	snprintf(text, sizeof text,
		"Another participant of %s declared this one dead, so it has left; open the region again",
		region->path);
	return region_fail(region, DHMEM_CLOSED, text);
}

int region_check(dhmem_region *region) {
	if (region->closed) {
		return fail(DHMEM_CLOSED, "The region %s is closed; open it again", region->path);
	}
	if (region->failed != DHMEM_OK) {
		return fail(region->failed, "%s", region->failure);
	}
	if (region->file.inherited) {
		return fail(DHMEM_CLOSED,
			"The region %s was opened by the process that this one was forked from; open it again in this "
			"process",
			region->path);
	}
	if (region->read_only) {
		/* The handler for SIGBUS replaces everything by zeros. */
		return word_at(region, CORE_HEADER_MAGIC) == CORE_MAGIC_LOW ? DHMEM_OK : displaced(region);
	}
	return region->me == 0 || slot_id(region, region->slot) == region->me ? DHMEM_OK : displaced(region);
}

int region_check_writable(dhmem_region *region) {
	const int code = region_check(region);
	if (code == DHMEM_OK && region->read_only) {
		return fail(DHMEM_READ_ONLY, "%s is open read-only here; open it in another mode to change it",
			region->path);
	}
	return code;
}

int region_unexpected(dhmem_region *region, uint32_t status, const char *what) {
	const int usable = region_check(region);
	if (usable != DHMEM_OK) {
		return usable;
	}
	if (status == CORE_FENCED) {
		return fail(DHMEM_CLOSED, "%s: this endpoint is closed; open it again", what);
	}
	return fail(DHMEM_CORRUPT, "%s: the region %s is corrupted (status %u); replace it", what, region->path,
		status);
}

int region_trapped(dhmem_region *region) {
	char text[sizeof region->failure];
	/* At once, so that others recover. */
	lock_drop_all(&region->file);
	if (mapping_is_broken(&region->mapping)) {
		return displaced(region);
	}
	snprintf(text, sizeof text, "The region %s is corrupted, so this participant has left; replace it",
		region->path);
	return region_fail(region, DHMEM_CORRUPT, text);
}
