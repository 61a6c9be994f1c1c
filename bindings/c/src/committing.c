/* The pages that the core asks for (duty 2). */
#include "internal.h"

#include <errno.h>

int commit_range(dhmem_region *region, uint32_t offset, uint32_t length) {
	struct failure failure;
	if (!is_inside(region, offset, length)) {
		return region_unexpected(region, CORE_CORRUPT, "Committing memory");
	}
	if (length == 0 || file_commit(&region->file, offset, length, &failure)) {
		return DHMEM_OK;
	}
	/* A peer has truncated the file. */
	if (failure.error == -ENXIO) {
		return region_unexpected(region, CORE_CORRUPT, "Committing memory");
	}
	return system_fail(&failure, region->path, "Committing memory of");
}

int commit_request(dhmem_region *region) {
	int result = commit_range(region, result_of(region, CORE_SLOT_REQUEST_OFFSET),
		result_of(region, CORE_SLOT_REQUEST_LENGTH));
	if (result == DHMEM_OK && result_of(region, CORE_SLOT_REQUEST_LENGTH_2) != 0) {
		result = commit_range(region, result_of(region, CORE_SLOT_REQUEST_OFFSET_2),
			result_of(region, CORE_SLOT_REQUEST_LENGTH_2));
	}
	if (result == DHMEM_OK) {
		CALL(region, committed, region->me);
	} else if (region->failed == DHMEM_OK) {
		CALL(region, cancel, region->me);
	}
	return result;
}

/* The piece that the core has claimed for it. Nobody else can get it until `punched`. */
static int punch_request(dhmem_region *region, uint32_t *length) {
	struct failure failure;
	const uint32_t offset = result_of(region, CORE_SLOT_REQUEST_OFFSET);
	*length = result_of(region, CORE_SLOT_REQUEST_LENGTH);
	int code = DHMEM_OK;
	if (*length == 0 || !is_inside(region, offset, *length)) {
		code = region_unexpected(region, CORE_CORRUPT, "Giving back memory");
	} else if (!file_punch(&region->file, offset, *length, &failure)) {
		code = failure.error == -ENXIO ? region_unexpected(region, CORE_CORRUPT, "Giving back memory")
									   : system_fail(&failure, region->path, "Giving back memory of");
	}
	if (code == DHMEM_OK) {
		CALL(region, punched, region->me);
	} else if (region->failed == DHMEM_OK) {
		CALL(region, cancel, region->me);
	}
	return code;
}

int trim_region(dhmem_region *region, uint64_t *given) {
	/* Others may free more meanwhile, so there is a bound. */
	for (*given = 0; *given < region->size;) {
		uint32_t length;
		const uint32_t status = CALL(region, trim, region->me);
		if (status == CORE_OK) {
			break;
		}
		if (status != CORE_NEED_PUNCH) {
			return region_unexpected(region, status, "Giving back memory");
		}
		const int code = punch_request(region, &length);
		if (code != DHMEM_OK) {
			return code;
		}
		*given += length;
	}
	return DHMEM_OK;
}
