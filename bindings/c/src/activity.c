/* What has happened in a queue, read without opening it. */
#include "internal.h"

#include <string.h>

static int look(dhmem_region *region, const char *queue, struct dhmem_activity *activity) {
	int code = region_check(region);
	code = code == DHMEM_OK ? check_name(queue) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t length = (uint32_t)strlen(queue);
	memcpy(region->base + region->size, queue, length);
	const uint32_t at = CALL(region, find, (uint32_t)region->size, length);
	const bool is_there = at >= CORE_STATUS_LIMIT && is_inside(region, at, CORE_OBJECT_BYTES);
	const uint32_t kind = is_there ? word_at(region, at + CORE_OBJECT_KIND) : 0;
	if (kind != CORE_KIND_QUEUE && kind != CORE_KIND_MAILBOX) {
		return at == CORE_CORRUPT ? region_unexpected(region, at, "Looking up a queue")
								  : fail(DHMEM_NOT_FOUND, "There is no queue %s in %s", queue, region->path);
	}
	*activity = (struct dhmem_activity){ .producers = word_at(region, at + CORE_QUEUE_PRODUCER_COUNT),
		.consumers = word_at(region, at + CORE_QUEUE_CONSUMER_COUNT),
		.ended = word_at(region, at + CORE_QUEUE_ENDED),
		.ends_read = word_at(region, at + CORE_QUEUE_ENDS_READ) };
	if (activity->ended != activity->producers) {
		activity->ended = 0;
	}
	if (kind == CORE_KIND_QUEUE) {
		activity->head = word_at(region, at + CORE_QUEUE_HEAD);
		activity->next = word_at(region, at + CORE_QUEUE_NEXT);
	}
	return DHMEM_OK;
}

int dhmem_queue_activity(dhmem_region *region, const char *queue, struct dhmem_activity *activity) {
	GUARDED(region, look(region, queue, activity));
}
