/* The bulk space: the part of a large region behind the core's memory, in the same file. Its blocks have their bytes there. */
#include "internal.h"

#include <sys/mman.h>

#define BULK_SPAN ((uint64_t)CORE_BULK_SPAN_BYTES)
#define WINDOW_BYTES (CORE_BULK_WINDOW * BULK_SPAN)

uint64_t bulk_largest(const dhmem_region *region) {
	const uint32_t bulk = region->extent.bulk;
	return (bulk < CORE_BULK_WINDOW ? bulk : CORE_BULK_WINDOW) * BULK_SPAN;
}

static int map_window(dhmem_region *region, struct window *window, size_t index) {
	struct failure failure;
	const uint64_t first = (uint64_t)index * CORE_BULK_WINDOW;
	const uint64_t left = region->extent.bulk - first;
	const size_t length = (left < CORE_BULK_WINDOW ? left : CORE_BULK_WINDOW) * BULK_SPAN;
	const off_t offset = (off_t)(bulk_start(region->extent.spans) + first * BULK_SPAN);
	void *base =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		return fail(DHMEM_UNSUPPORTED,
			"There is no address space left for a part of %s: raise the limit (ulimit -v), or create it with "
			"a "
			"smaller size",
			region->path);
	}
	if (!mapping_open_part(&window->mapping, &region->mapping, &region->file, base, offset, length,
			region->read_only, &failure)) {
		munmap(base, length);
		return system_fail(&failure, region->path, "Mapping a part of");
	}
	if (!children_show_zeros(&window->shown, base, length, &failure)) {
		mapping_close(&window->mapping);
		munmap(base, length);
		return system_fail(&failure, region->path, "Mapping a part of");
	}
	window->base = base;
	window->length = length;
	return DHMEM_OK;
}

int bulk_at(dhmem_region *region, uint64_t offset, uint64_t length, uint8_t **at) {
	const uint64_t start = bulk_start(region->extent.spans);
	const uint64_t within = offset - start;
	if (offset < start || within >= region->extent.bulk * BULK_SPAN) {
		return region_unexpected(region, CORE_CORRUPT, "Looking at a block");
	}
	const size_t index = within / WINDOW_BYTES;
	struct window *window = window_at(region, index);
	if (window == NULL) {
		return no_memory();
	}
	/* After a fault the other mappings show zeros, and this one must not show the file. */
	int code = window->base == NULL ? region_check(region) : DHMEM_OK;
	if (code == DHMEM_OK && window->base == NULL) {
		code = map_window(region, window, index);
	}
	if (code == DHMEM_OK && within % WINDOW_BYTES + length > window->length) {
		code = region_unexpected(region, CORE_CORRUPT, "Looking at a block");
	}
	if (code == DHMEM_OK) {
		*at = window->base + within % WINDOW_BYTES;
	}
	return code;
}
