/*
 * The mapped parts of the bulk space. It is mapped in windows of almost 4 GiB, each when it is first used (bulk.c); no block
 * crosses a window. So a process with a limit of its addresses can open a region that is larger than that.
 */
#include "internal.h"

#include <stdlib.h>
#include <sys/mman.h>

static size_t count_windows(const dhmem_region *region) {
	return ((size_t)region->extent.bulk + CORE_BULK_WINDOW - 1) / CORE_BULK_WINDOW;
}

struct window *window_at(dhmem_region *region, size_t index) {
	if (region->windows == NULL) {
		region->windows = calloc(count_windows(region), sizeof *region->windows);
	}
	return region->windows != NULL ? &region->windows[index] : NULL;
}

bool windows_contain(const dhmem_region *region, const void *data) {
	for (size_t i = 0; region->windows != NULL && i < count_windows(region); i++) {
		const struct window *window = &region->windows[i];
		if (window->base != NULL && (uintptr_t)data - (uintptr_t)window->base < window->length) {
			return true;
		}
	}
	return false;
}

void windows_shut(dhmem_region *region) {
	for (size_t i = 0; region->windows != NULL && i < count_windows(region); i++) {
		if (region->windows[i].base != NULL) {
			mapping_close(&region->windows[i].mapping);
			children_forget(&region->windows[i].shown);
		}
	}
}

void windows_drop(dhmem_region *region) {
	for (size_t i = 0; region->windows != NULL && i < count_windows(region); i++) {
		const struct window *window = &region->windows[i];
		if (window->base != NULL && !window->shown.is_lost) {
			munmap(window->base, window->length);
		}
	}
	free(region->windows);
	region->windows = NULL;
}
