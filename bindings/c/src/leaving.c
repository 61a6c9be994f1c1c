/* Leaves region files. */
#include "internal.h"

static int leave(dhmem_region *region) {
	participant_leave(region);
	return DHMEM_OK;
}

static int leave_guarded(dhmem_region *region) {
	GUARDED(region, leave(region));
}

bool region_leave(dhmem_region *region) {
	struct failure ignored;
	bool named, removed;
	if (region_check(region) != DHMEM_OK) {
		return false;
	}
	const bool is_last = word_at(region, CORE_HEADER_LIFETIME) == CORE_LIFETIME_LAST_CLOSE;
	if (region->read_only) {
		/* Another file that has the name by now is left alone: a stranger may hold its locks. */
		return is_last && file_is_named(&region->file, region->path, &named, &ignored) && named;
	}
	if (!is_last || wait_for_lock(&region->file, JOIN_LOCK, region->path) != DHMEM_OK) {
		leave_guarded(region);
		return false;
	}
	if (leave_guarded(region) == DHMEM_OK) {
		/* While the join lock is held: otherwise the next one to leave finds this slot's lock, and keeps the file. */
		lock_drop(&region->file, region->slot, &ignored);
		if (file_is_named(&region->file, region->path, &named, &ignored) && named) {
			remove_if_empty(&region->file, region->path, &removed);
		}
	}
	return false;
}
