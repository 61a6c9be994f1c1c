/*
 * Queues that drop their oldest messages. Each message is in a block of its own, the envelope, which belongs to the
 * receiver once it is received.
 */
#include "internal.h"

/* How often this drops messages for one more. Another participant may take the memory meanwhile. */
#define TURNS 3

int mailbox_allocate(struct endpoint *endpoint, size_t length, uint32_t *envelope) {
	dhmem_region *region = endpoint->object.region;
	for (int turn = 0;; turn++) {
		int code;
		*envelope = allocate_part(region, PART_BLOCK, CORE_RECORD_HEADER + length, &code);
		const bool is_full = code == DHMEM_REGION_FULL || code == DHMEM_NO_SPACE;
		if (*envelope != 0 || !is_full || region->failed != DHMEM_OK) {
			return code;
		}
		const size_t bytes = CORE_RECORD_HEADER + length;
		const uint32_t drops =
			turn < TURNS && bytes <= region->size ? drops_for(endpoint, bytes, code == DHMEM_NO_SPACE) : 0;
		if (drops == 0) {
			return code;
		}
		for (uint32_t i = 0; i < drops && END_CALL(endpoint, mailboxDrop) == CORE_OK; i++) {
		}
	}
}

int mailbox_put(struct endpoint *endpoint, uint32_t envelope, size_t length, uint32_t block,
	uint32_t block_length) {
	dhmem_region *region = endpoint->object.region;
	const uint32_t result = END_CALL(endpoint, mailboxPut, envelope, (uint32_t)length, block, block_length);
	if (result != CORE_OK && result < CORE_STATUS_LIMIT) {
		CALL(region, free, region->me, envelope);
	}
	return wake(region, result, endpoint->what);
}

int mailbox_free(struct endpoint *endpoint, uint32_t envelope, uint32_t block) {
	dhmem_region *region = endpoint->object.region;
	uint32_t status = block == 0 ? CORE_OK : CALL(region, free, region->me, block);
	if (status == CORE_OK) {
		status = CALL(region, free, region->me, envelope);
	}
	return status == CORE_OK ? DHMEM_OK : region_unexpected(region, status, endpoint->what);
}
