/* How large regions are: as asked for, in a header, and in bytes. */
#include "internal.h"

#define FEWEST_SPANS 8u

struct extent extent_in(const uint32_t *header) {
	return (struct extent){ header[CORE_HEADER_SPANS / 4], header[CORE_HEADER_BULK_SPANS / 4] };
}

uint64_t bulk_start(uint32_t spans) {
	const uint64_t bulk = CORE_BULK_SPAN_BYTES;
	return ((uint64_t)spans * SPAN + bulk - 1) / bulk * bulk;
}

uint64_t extent_bytes(struct extent extent) {
	return extent.bulk == 0 ? (uint64_t)extent.spans * SPAN
							: bulk_start(extent.spans) + extent.bulk * (uint64_t)CORE_BULK_SPAN_BYTES;
}

int extent_of(const struct dhmem_options *options, struct extent *extent) {
	const uint64_t size = options->size;
	*extent = (struct extent){ MOST_SPANS, 0 };
	if (size != 0 && (size < SPAN || size > 1ull << 44)) {
		return fail(DHMEM_BAD_ARGUMENT, "size is %llu; it must be from 64 KiB to 16 TiB",
			(unsigned long long)size);
	}
	if (size > 1ull << 32) {
		const uint64_t behind = size - bulk_start(MOST_SPANS);
		extent->bulk = (uint32_t)((behind + CORE_BULK_SPAN_BYTES - 1) / CORE_BULK_SPAN_BYTES);
		return DHMEM_OK;
	}
	const uint64_t wanted = size == 0 ? MOST_SPANS : (size + SPAN - 1) / SPAN;
	extent->spans = (uint32_t)(wanted > MOST_SPANS ? MOST_SPANS
			: wanted < FEWEST_SPANS                ? FEWEST_SPANS
												   : wanted);
	return DHMEM_OK;
}

int check_size(const struct dhmem_options *options, const uint32_t *header, const char *path) {
	struct extent wanted;
	const uint64_t size = extent_bytes(extent_in(header));
	const int result = extent_of(options, &wanted);
	if (result != DHMEM_OK || options->size == 0 || extent_bytes(wanted) <= size) {
		return result;
	}
	return fail(DHMEM_TYPE_MISMATCH,
		"%s has a size of %llu bytes, but %llu were asked for; ask for no more, or unlink it first", path,
		(unsigned long long)size, (unsigned long long)extent_bytes(wanted));
}
