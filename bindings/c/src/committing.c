/* The pages that the core asks for (duty 2). */
#include "internal.h"

#include <errno.h>

/* A range of the file. */
struct range {
	uint64_t offset;
	uint64_t length;
};

static int commit(dhmem_region *region, struct range range) {
	struct failure failure;
	if (range.length == 0 || file_commit(&region->file, (off_t)range.offset, (off_t)range.length, &failure)) {
		return DHMEM_OK;
	}
	/* A peer has truncated the file. */
	if (failure.error == -ENXIO) {
		return region_unexpected(region, CORE_CORRUPT, "Committing memory");
	}
	return system_fail(&failure, region->path, "Committing memory of");
}

int commit_range(dhmem_region *region, uint32_t offset, uint32_t length) {
	return is_inside(region, offset, length) ? commit(region, (struct range){ offset, length })
											 : region_unexpected(region, CORE_CORRUPT, "Committing memory");
}

/* The bulk spans of the request. False if there are no such spans. */
static bool bulk_range(const dhmem_region *region, struct range *range) {
	const uint64_t first = result_of(region, CORE_SLOT_REQUEST_FIRST);
	const uint64_t count = result_of(region, CORE_SLOT_REQUEST_COUNT);
	*range = (struct range){ bulk_start(region->extent.spans) + first * CORE_BULK_SPAN_BYTES,
		count * CORE_BULK_SPAN_BYTES };
	return count != 0 && first + count <= region->extent.bulk;
}

static int commit_bulk(dhmem_region *region) {
	struct range range;
	return bulk_range(region, &range) ? commit(region, range)
									  : region_unexpected(region, CORE_CORRUPT, "Committing memory");
}

/* The heap, or the bulk space, whose spans the core asks for. */
struct space {
	uint32_t intent;
	uint32_t spans;
	uint32_t span_bytes;
	bool (*has_pages)(const dhmem_region *region, uint32_t span);
};

static bool heap_has_pages(const dhmem_region *region, uint32_t span) {
	const uint64_t at = (uint64_t)word_at(region, CORE_HEADER_COMMITTED) + span / 32 * 4;
	return at % 4 == 0 && at + 4 <= region->size && (word_at(region, (uint32_t)at) & 1u << span % 32) != 0;
}

static bool bulk_has_pages(const dhmem_region *region, uint32_t span) {
	const uint64_t at = (uint64_t)word_at(region, CORE_HEADER_BULK_STATES) + span * 4ull;
	return at % 4 == 0 && at + 4 <= region->size && (word_at(region, (uint32_t)at) & CORE_BULK_PAGES) != 0;
}

/* The bytes without pages in the run that this participant is claiming, of which the core asks for a part at a time. */
static uint64_t missing_bytes(const dhmem_region *region, const struct space *space) {
	const uint32_t asked = result_of(region, CORE_SLOT_REQUEST_COUNT);
	const uint64_t first = result_of(region, CORE_SLOT_INTENT_A),
				   count = result_of(region, CORE_SLOT_INTENT_B);
	uint64_t missing = 0;
	if (result_of(region, CORE_SLOT_INTENT) != space->intent || first + count > space->spans) {
		return (uint64_t)asked * space->span_bytes;
	}
	for (uint64_t span = first; span < first + count; span++) {
		missing += space->has_pages(region, (uint32_t)span) ? 0 : space->span_bytes;
	}
	return missing;
}

/* So that an allocation for which there is no room fills nothing, and the kernel kills nobody. */
static int check_room_once(dhmem_region *region, uint32_t *roomy) {
	const uint32_t request = result_of(region, CORE_SLOT_REQUEST);
	const struct space heap = { CORE_INTENT_RUN, region->extent.spans, SPAN, heap_has_pages };
	const struct space bulk = { CORE_INTENT_BULK, region->extent.bulk, CORE_BULK_SPAN_BYTES, bulk_has_pages };
	if (request == *roomy || (request != CORE_REQUEST_SPANS && request != CORE_REQUEST_BULK)) {
		return DHMEM_OK;
	}
	const int code =
		check_room(region->path, missing_bytes(region, request == CORE_REQUEST_BULK ? &bulk : &heap));
	*roomy = code == DHMEM_OK ? request : 0;
	return code;
}

static int commit_asked(dhmem_region *region) {
	int result = commit_range(region, result_of(region, CORE_SLOT_REQUEST_OFFSET),
		result_of(region, CORE_SLOT_REQUEST_LENGTH));
	if (result == DHMEM_OK && result_of(region, CORE_SLOT_REQUEST_LENGTH_2) != 0) {
		result = commit_range(region, result_of(region, CORE_SLOT_REQUEST_OFFSET_2),
			result_of(region, CORE_SLOT_REQUEST_LENGTH_2));
	}
	if (result == DHMEM_OK && result_of(region, CORE_SLOT_REQUEST) == CORE_REQUEST_BULK) {
		result = commit_bulk(region);
	}
	return result;
}

bool span_has_state(const dhmem_region *region, uint32_t span, uint32_t state) {
	const uint64_t at = (uint64_t)word_at(region, CORE_HEADER_DESCRIPTORS) +
		span * (uint64_t)CORE_DESCRIPTOR_BYTES + CORE_DESCRIPTOR_STATE;
	return at % 4 == 0 && at + 4 <= region->size && word_at(region, (uint32_t)at) == state;
}

static bool is_own_in_heap(const dhmem_region *region, uint32_t span) {
	return span_has_state(region, span, CORE_SPAN_CLAIMED | (region->me & 0xff) << 8);
}

static bool is_own_in_bulk(const dhmem_region *region, uint32_t span) {
	const uint64_t at = (uint64_t)word_at(region, CORE_HEADER_BULK_STATES) + span * 4ull;
	return at % 4 == 0 && at + 4 <= region->size &&
		word_at(region, (uint32_t)at) >> CORE_BULK_TAG_SHIFT == (region->me & 0xff) &&
		(word_at(region, (uint32_t)at) & CORE_BULK_PAGES) == 0;
}

/*
 * After a failure, gives back the pages of the spans that the core has asked for, as far as this participant still claims
 * them. The core does not know of these pages, so trimming would not give them back. What can't be given back is wasted.
 */
static void give_back_asked(const dhmem_region *region) {
	const bool is_bulk = result_of(region, CORE_SLOT_REQUEST) == CORE_REQUEST_BULK;
	const uint64_t first = result_of(region, CORE_SLOT_REQUEST_FIRST);
	const uint64_t until = first + result_of(region, CORE_SLOT_REQUEST_COUNT);
	const uint64_t most = is_bulk ? region->extent.bulk : region->extent.spans;
	const uint64_t start = is_bulk ? bulk_start(region->extent.spans) : 0;
	const uint64_t bytes = is_bulk ? CORE_BULK_SPAN_BYTES : SPAN;
	struct failure ignored;
	uint64_t end = first;
	if (!is_bulk && result_of(region, CORE_SLOT_REQUEST) != CORE_REQUEST_SPANS) {
		return;
	}
	while (end < until && end < most &&
		(is_bulk ? is_own_in_bulk(region, (uint32_t)end)
				 : is_own_in_heap(region, (uint32_t)end) && !heap_has_pages(region, (uint32_t)end))) {
		end++;
	}
	if (end > first) {
		file_punch(&region->file, (off_t)(start + first * bytes), (off_t)((end - first) * bytes), &ignored);
	}
}

int commit_request(dhmem_region *region, uint32_t *roomy) {
	int result = check_room_once(region, roomy);
	if (result == DHMEM_OK) {
		result = commit_asked(region);
		if (result != DHMEM_OK && region->failed == DHMEM_OK && slot_id(region, region->slot) == region->me) {
			give_back_asked(region);
		}
	}
	if (result == DHMEM_OK) {
		CALL(region, committed, region->me);
	} else if (region->failed == DHMEM_OK) {
		CALL(region, cancel, region->me);
	}
	return result;
}

/* The piece that the core has claimed for it. Nobody else can get it until `punched`. */
static int punch_request(dhmem_region *region, uint64_t *length) {
	struct failure failure;
	struct range range = { result_of(region, CORE_SLOT_REQUEST_OFFSET),
		result_of(region, CORE_SLOT_REQUEST_LENGTH) };
	int code = DHMEM_OK;
	const bool is_right = range.length != 0 ? is_inside(region, (uint32_t)range.offset, range.length)
											: bulk_range(region, &range);
	*length = range.length;
	if (!is_right) {
		code = region_unexpected(region, CORE_CORRUPT, "Giving back memory");
	} else if (!file_punch(&region->file, (off_t)range.offset, (off_t)range.length, &failure)) {
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
	for (*given = 0; *given < extent_bytes(region->extent);) {
		uint64_t length;
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
