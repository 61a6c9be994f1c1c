/* Blocks. */
#include "internal.h"

#include <stdio.h>

/* Blocks from this size on are in the bulk space, where rounding up to its spans costs little. */
#define BULK_LEAST (4 * CORE_BULK_SPAN_BYTES)
/* A largest block that a larger region would hardly raise: a block has less than 4 GiB in any region. */
#define NEARLY_MOST 4000000000u

static uint32_t ask(dhmem_region *region, enum part part, size_t bytes) {
	switch (part) {
	case PART_OBJECT:
		return CALL(region, allocateObject, region->me);
	case PART_HANDLE:
		return CALL(region, allocateHandle, region->me);
	case PART_SHARE:
		return CALL(region, allocateShare, region->me);
	case PART_LARGE:
		return CALL(region, allocateBulk, region->me, (uint32_t)bytes);
	default:
		return CALL(region, allocate, region->me, (uint32_t)bytes);
	}
}

/* A block, or a status other than NEED_COMMIT, or 0 and `*code`. */
static uint32_t allocate_once(dhmem_region *region, enum part part, size_t bytes, int *code) {
	uint32_t roomy = 0;
	for (int turn = 0; turn < MOST_TURNS; turn++) {
		const uint32_t result = ask(region, part, bytes);
		if (result != CORE_NEED_COMMIT) {
			return result;
		}
		*code = commit_request(region, &roomy);
		if (*code != DHMEM_OK) {
			return 0;
		}
	}
	return CORE_CORRUPT;
}

static uint64_t largest_in_heap(const dhmem_region *region) {
	return region->size - (uint64_t)word_at(region, CORE_HEADER_HEAP) * SPAN;
}

uint64_t largest_block(const dhmem_region *region) {
	const uint64_t in_heap = largest_in_heap(region), in_bulk = bulk_largest(region);
	return in_heap > in_bulk ? in_heap : in_bulk;
}

/* In the space that suits the block better, or else in the other one. */
static uint32_t allocate_in_either(dhmem_region *region, size_t bytes, int *code) {
	const enum part first = bytes < BULK_LEAST ? PART_BLOCK : PART_LARGE;
	uint32_t result = CORE_FULL;
	for (int turn = 0; turn < 2 && result == CORE_FULL; turn++) {
		const enum part part = turn == 0 ? first : first == PART_BLOCK ? PART_LARGE : PART_BLOCK;
		if (part == PART_LARGE || bytes <= largest_in_heap(region)) {
			result = allocate_once(region, part, bytes, code);
		}
	}
	return result;
}

static void give_pages_back(dhmem_region *region) {
	char text[sizeof region->failure];
	uint64_t ignored;
	snprintf(text, sizeof text, "%s", dhmem_error());
	trim_region(region, &ignored);
	note_failure("%s", text);
}

uint32_t allocate_part(dhmem_region *region, enum part part, size_t bytes, int *code) {
	const bool either = part == PART_LARGE && region->extent.bulk > 0 && bytes >= CORE_BULK_SPAN_BYTES;
	const uint64_t largest = either ? largest_block(region) : largest_in_heap(region);
	if (bytes > largest) {
		*code = fail(DHMEM_REGION_FULL, "%zu bytes are more than the largest block of %s, %llu bytes; %s",
			bytes, region->path, (unsigned long long)largest,
			largest < NEARLY_MOST ? "create it with a larger size" : "divide it, as no block has 4 GiB");
		return 0;
	}
	part = part == PART_LARGE ? PART_BLOCK : part;
	for (int again = 0;; again++) {
		unsigned recovered;
		*code = DHMEM_OK;
		const uint32_t result =
			either ? allocate_in_either(region, bytes, code) : allocate_once(region, part, bytes, code);
		if (result >= CORE_STATUS_LIMIT) {
			if (is_inside(region, result, either ? 1 : bytes)) {
				return result;
			}
			*code = region_unexpected(region, CORE_CORRUPT, "Allocating");
			return 0;
		}
		if (*code == DHMEM_OK) {
			*code = result != CORE_FULL
				? region_unexpected(region, result, "Allocating")
				: fail(DHMEM_REGION_FULL,
					  "The region %s of %llu bytes has no contiguous run of %zu free "
					  "bytes; free some blocks, or create "
					  "it with a larger size",
					  region->path, (unsigned long long)extent_bytes(region->extent), bytes);
		}
		const bool is_full = *code == DHMEM_REGION_FULL || *code == DHMEM_NO_SPACE;
		if (*code == DHMEM_NO_SPACE && region->failed == DHMEM_OK) {
			/* What it has got so far is free again, and others may need it. The failure's text stays. */
			give_pages_back(region);
		}
		if (again > 0 || !is_full || region->failed != DHMEM_OK) {
			return 0;
		}
		/* Space comes from dead participants, and from what living ones keep in reserve. */
		const int found = recover_all(region, &recovered);
		if (found != DHMEM_OK) {
			*code = found;
			return 0;
		}
		CALL(region, reclaim, region->me);
	}
}

int block_at(dhmem_region *region, uint32_t at, uint32_t length, struct dhmem_block *block) {
	/* The block may be a reference to a shared one, whose bytes are elsewhere. */
	const uint32_t bytes = CALL(region, bytesOf, at);
	if (bytes == 0 && region->extent.bulk > 0) {
		uint8_t *data;
		const int code = bulk_at(region, (uint64_t)CALL(region, fileOffsetOf, at), length, &data);
		*block = (struct dhmem_block){ .data = code == DHMEM_OK ? data : NULL, .length = length, .at = at };
		return code;
	}
	if (!is_inside(region, bytes, length)) {
		return region_unexpected(region, CORE_CORRUPT, "A block");
	}
	*block = (struct dhmem_block){ .data = region->base + bytes, .length = length, .at = at };
	return DHMEM_OK;
}

int block_owned(dhmem_region *region, const struct dhmem_block *block, uint32_t *at) {
	if (block == NULL || block->data == NULL) {
		return fail(DHMEM_CLOSED, "This block was freed or handed over");
	}
	/* A block of this opening may be at the same offset. */
	if ((uintptr_t)block->data - (uintptr_t)region->base >= region->size &&
		!windows_contain(region, block->data)) {
		return fail(DHMEM_BAD_ARGUMENT,
			"This block is of another opening of a region; allocate it in that of %s", region->path);
	}
	const uint32_t status = CALL(region, checkOwned, region->me, block->at);
	*at = block->at;
	switch (status) {
	case CORE_OK:
		return DHMEM_OK;
	case CORE_DOUBLE_FREE:
		return fail(DHMEM_DOUBLE_FREE, "This block is already free; free it only once");
	case CORE_NOT_OWNER:
	case CORE_NOT_A_BLOCK:
		return fail(DHMEM_BAD_ARGUMENT,
			"This block does not belong to this participant of %s; release its message, or take the block",
			region->path);
	default:
		return region_unexpected(region, status, "A block");
	}
}

int allocate_block(dhmem_region *region, enum part part, size_t length, struct dhmem_block *block) {
	int code;
	const uint32_t at = allocate_part(region, part, length, &code);
	if (at == 0) {
		return code;
	}
	/* While nothing is in it yet: if there are no addresses for it, nothing is lost. */
	code = block_at(region, at, (uint32_t)length, block);
	if (code != DHMEM_OK && region->failed == DHMEM_OK) {
		CALL(region, free, region->me, at);
	}
	return code;
}

static int allocate(dhmem_region *region, size_t length, struct dhmem_block *block) {
	const int code = region_check_writable(region);
	if (code != DHMEM_OK) {
		return code;
	}
	if (length == 0) {
		return fail(DHMEM_BAD_ARGUMENT, "The length is 0; it must be 1 or more");
	}
	return allocate_block(region, PART_LARGE, length, block);
}

int dhmem_allocate(dhmem_region *region, size_t length, struct dhmem_block *block) {
	GUARDED(region, allocate(region, length, block));
}

static int free_block(dhmem_region *region, struct dhmem_block *block) {
	uint32_t at = 0;
	int code = region_check_writable(region);
	code = code == DHMEM_OK ? block_owned(region, block, &at) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t status = CALL(region, free, region->me, at);
	if (status != CORE_OK) {
		return region_unexpected(region, status, "Freeing a block");
	}
	block->data = NULL;
	return DHMEM_OK;
}

int dhmem_free(dhmem_region *region, struct dhmem_block *block) {
	GUARDED(region, free_block(region, block));
}

/* Gives the block several references, if it has none so far. */
static int share(dhmem_region *region, struct dhmem_block *block) {
	int code;
	const uint32_t share = allocate_part(region, PART_SHARE, CORE_SHARE_BYTES, &code);
	if (share == 0) {
		return code;
	}
	const uint32_t shared = CALL(region, share, region->me, block->at, share);
	if (shared < CORE_STATUS_LIMIT) {
		CALL(region, freeInternal, region->me, share);
		return region_unexpected(region, shared, "Cloning a block");
	}
	block->at = shared;
	return DHMEM_OK;
}

static int make_reference(dhmem_region *region, struct dhmem_block *block, struct dhmem_block *copy) {
	uint32_t at = 0;
	int code = region_check_writable(region);
	code = code == DHMEM_OK ? block_owned(region, block, &at) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	uint32_t reference = CALL(region, addReference, region->me, at);
	if (reference == CORE_NOT_A_BLOCK) {
		code = share(region, block);
		if (code != DHMEM_OK) {
			return code;
		}
		reference = CALL(region, addReference, region->me, block->at);
	}
	if (reference == CORE_FULL) {
		return fail(DHMEM_REGION_FULL,
			"This block has %u references, which is the maximum; free some of them",
			CORE_SHARE_BYTES - CORE_SHARE_OWNERS);
	}
	if (reference < CORE_STATUS_LIMIT) {
		return region_unexpected(region, reference, "Cloning a block");
	}
	return block_at(region, reference, (uint32_t)block->length, copy);
}

int dhmem_clone(dhmem_region *region, struct dhmem_block *block, struct dhmem_block *copy) {
	GUARDED(region, make_reference(region, block, copy));
}

bool dhmem_is_shared(const dhmem_region *region, const struct dhmem_block *block) {
	/* What has `at` as its offset is a reference. Blocks are in spans of other classes. */
	return block->data != NULL &&
		span_has_state(region, block->at / SPAN, CORE_SPAN_SLAB | CORE_CLASS_SHARE << 8);
}
