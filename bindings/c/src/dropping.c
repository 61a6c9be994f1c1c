/*
 * Decides how many messages of a mailbox must be dropped to make room for a block: as few as are enough, and none if no
 * number is enough. This only reads the region. Other participants may allocate and free meanwhile, which can make the
 * answer wrong, but never harmful.
 *
 * Room is a block of the same size class, or a run of free spans. If the file system is full, there must also be enough
 * pages: those of the first run that is long enough, which the core takes, or those of all free memory, which a send that
 * fails gives back before it tries again. The library for TypeScript decides in the same way (making-room.ts).
 */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

/* Of a slab, by its span, or of a share, by its offset: how many blocks or references would still be owned. */
struct owned {
	uint32_t key;
	uint32_t count;
};

/* The region's free memory, as it would be after certain blocks were freed. */
struct dropping {
	/* What is needed: bytes, and spans. */
	uint32_t block;
	uint32_t spans;
	/* Bytes of pages that there would be, if these count. */
	bool counts_pages;
	uint64_t pages;
	/* Whether a run is long enough, and the run that the core would try first. */
	bool has_run;
	uint32_t first_run;
	size_t owned_count;
	/* Of each message: its envelope, its block, and that block's share. */
	struct owned owned[3 * CORE_MAILBOX_PLACES];
	/* For each run of free spans, its length, at the index of its first and of its last span. */
	uint32_t runs[];
};

/* A word that may be anywhere: 0 outside of the region. */
static uint32_t peek(const dhmem_region *region, uint64_t at) {
	return at % 4 == 0 && at + 4 <= region->size ? word_at(region, (uint32_t)at) : 0;
}

static uint32_t span_state(const dhmem_region *region, uint32_t span) {
	return peek(region,
		(uint64_t)word_at(region, CORE_HEADER_DESCRIPTORS) + CORE_DESCRIPTOR_STATE +
			(uint64_t)span * CORE_DESCRIPTOR_BYTES);
}

/* The block that the core allocates for so many bytes. SYNC: `classFor` and `classBytes` in the core's slabs. */
static uint32_t size_of_block(uint64_t bytes) {
	const uint32_t units = bytes <= 64 ? 1 : (uint32_t)((bytes + 63) / 64);
	if (bytes > CORE_SLAB_LARGEST) {
		return (uint32_t)((bytes + SPAN - 1) / SPAN * SPAN);
	}
	if (units > 256) {
		return CORE_SLAB_LARGEST;
	}
	/* Four classes for each doubling. */
	const uint32_t step = units <= 8 ? 1 : 1u << (31 - __builtin_clz(units - 1) - 2);
	return (units + step - 1) / step * step * 64;
}

static bool has_pages(const struct dropping *room) {
	return !room->counts_pages || room->pages >= (uint64_t)room->spans * SPAN;
}

static bool is_committed(const dhmem_region *region, uint32_t start, uint32_t count) {
	const uint64_t table = word_at(region, CORE_HEADER_COMMITTED);
	for (uint32_t span = start; span < start + count; span++) {
		if ((peek(region, table + span / 32 * 4) & 1u << span % 32) == 0) {
			return false;
		}
	}
	return true;
}

/* Notes a run of free spans. True if there is room then. */
static bool note_run(const dhmem_region *region, struct dropping *room, uint32_t start, uint32_t length) {
	room->runs[start] = length;
	room->runs[start + length - 1] = length;
	room->has_run = room->has_run || length >= room->spans;
	if (room->has_run && has_pages(room)) {
		return true;
	}
	if (length < room->spans || start >= room->first_run) {
		return false;
	}
	room->first_run = start;
	return is_committed(region, start, room->spans);
}

static void find_runs(const dhmem_region *region, struct dropping *room) {
	const uint32_t spans = region->extent.spans;
	const uint32_t ready = word_at(region, CORE_HEADER_READY);
	uint32_t start = word_at(region, CORE_HEADER_HEAP);
	for (uint32_t span = start; span <= spans; span++) {
		const bool is_free = span < spans && (span >= ready || span_state(region, span) == CORE_SPAN_FREE);
		if (is_free) {
			continue;
		}
		if (span > start) {
			note_run(region, room, start, span - start);
		}
		start = span + 1;
	}
}

/* Counts spans as freed. True if there is room then. */
static bool free_run(const dhmem_region *region, struct dropping *room, uint32_t first, uint32_t count) {
	if ((uint64_t)first + count > region->extent.spans) {
		return false;
	}
	room->pages += (uint64_t)count * SPAN;
	const uint32_t before = first > 0 ? room->runs[first - 1] : 0;
	const uint32_t after = room->runs[first + count];
	return before <= first && (uint64_t)first + count + after <= region->extent.spans &&
		note_run(region, room, first - before, before + count + after);
}

/* Counts one of `count` owners' bytes at `from` as freed. True if it was the last that is owned. */
static bool is_last(const dhmem_region *region, struct dropping *room, uint32_t key, uint64_t from,
	uint32_t count) {
	struct owned *found = room->owned;
	while (found < room->owned + room->owned_count && found->key != key) {
		found++;
	}
	if (found == room->owned + room->owned_count) {
		*found = (struct owned){ .key = key };
		room->owned_count++;
		for (uint64_t at = from; at < from + count && at < region->size; at++) {
			const uint8_t owner = *(const volatile uint8_t *)(region->base + at);
			found->count += owner != CORE_OWNER_FREE && owner != CORE_OWNER_NONE;
		}
	}
	return found->count-- == 1;
}

static bool is_of_class(const dhmem_region *region, uint32_t at, uint32_t size_class) {
	return span_state(region, at / SPAN) == (CORE_SPAN_SLAB | size_class << 8);
}

/* Counts a block as freed. True if there is room then. */
static bool free_block(dhmem_region *region, struct dropping *room, uint32_t at) {
	const uint32_t size = at != 0 ? CALL(region, capacityOf, at) : 0;
	const uint32_t span = at / SPAN;
	if (size == 0) {
		return false;
	}
	if (is_of_class(region, at, CORE_CLASS_BULK)) {
		/* It makes no run in the heap, but has pages. */
		room->pages += size;
		return room->counts_pages && room->has_run && has_pages(room);
	}
	if (size > CORE_SLAB_LARGEST) {
		return free_run(region, room, span, size / SPAN);
	}
	if (size == room->block) {
		return true;
	}
	const uint64_t owners = word_at(region, CORE_HEADER_OWNERS) + (uint64_t)span * CORE_OWNERS_PER_SPAN;
	return is_last(region, room, span, owners, SPAN / size) && free_run(region, room, span, 1);
}

/* Counts a reference to a shared block as freed. True if it was the last one, and there is room then. */
static bool free_reference(dhmem_region *region, struct dropping *room, uint32_t at) {
	const uint32_t share = at - at % CORE_SHARE_BYTES;
	return is_last(region, room, share, (uint64_t)share + CORE_SHARE_OWNERS,
			   CORE_SHARE_BYTES - CORE_SHARE_OWNERS) &&
		free_block(region, room, peek(region, (uint64_t)share + CORE_SHARE_BLOCK));
}

/* Counts what a message carries, and its envelope, as freed. */
static bool free_message(dhmem_region *region, struct dropping *room, uint32_t envelope) {
	const bool carries = peek(region, (uint64_t)envelope + 4) == CORE_RECORD_BLOCK;
	const uint32_t block =
		carries ? peek(region, (uint64_t)envelope + CORE_RECORD_HEADER + CORE_REFERENCE_OFFSET) : 0;
	const bool is_reference =
		is_of_class(region, block, CORE_CLASS_SHARE) && block % CORE_SHARE_BYTES >= CORE_SHARE_OWNERS;
	return (is_reference ? free_reference(region, room, block) : free_block(region, room, block)) ||
		free_block(region, room, envelope);
}

/* Goes through the kept messages, oldest first, without the newest. */
static uint32_t count_drops(struct endpoint *endpoint, struct dropping *room) {
	const struct object *object = &endpoint->object;
	dhmem_region *region = object->region;
	const uint32_t places = object_word(object, CORE_OBJECT_CAPACITY);
	const uint32_t data = object_word(object, CORE_OBJECT_DATA);
	const uint32_t oldest = object_word(object, CORE_MAILBOX_OLDEST);
	const uint32_t count = object_word(object, CORE_QUEUE_TAIL) - oldest;
	uint32_t drops = 0;
	if (places > CORE_MAILBOX_PLACES || count > places) {
		return 0;
	}
	for (uint32_t position = oldest; position + 1 != oldest + count && count > 0; position++) {
		const uint64_t place = data + ((uint64_t)(position & (places - 1)) << CORE_PLACE_SHIFT);
		const uint32_t word = peek(region, place);
		if (peek(region, place + 4) != position || (word & CORE_PLACE_STATE) != CORE_PLACE_KEPT) {
			continue;
		}
		drops++;
		if (free_message(region, room, word & ~CORE_PLACE_STATE)) {
			return drops;
		}
	}
	return 0;
}

/* Stays with the region, because the core may trap meanwhile. */
static struct dropping *dropping_of(dhmem_region *region) {
	if (region->dropping == NULL) {
		const size_t runs = ((size_t)region->extent.spans + 1) * sizeof *region->dropping->runs;
		region->dropping = malloc(sizeof *region->dropping + runs);
	}
	return region->dropping;
}

uint32_t drops_for(struct endpoint *endpoint, size_t bytes, bool needs_pages) {
	dhmem_region *region = endpoint->object.region;
	struct dropping *room = dropping_of(region);
	if (room == NULL) {
		return 0;
	}
	memset(room->runs, 0, ((size_t)region->extent.spans + 1) * sizeof *room->runs);
	room->owned_count = 0;
	room->block = size_of_block(bytes);
	room->spans = (room->block + SPAN - 1) / SPAN;
	room->counts_pages = needs_pages;
	room->pages = needs_pages ? free_room(region->path) : 0;
	room->has_run = false;
	room->first_run = NONE;
	find_runs(region, room);
	return count_drops(endpoint, room);
}
