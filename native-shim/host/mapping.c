/* Maps a file over memory that the caller owns, such as the pages of a WebAssembly memory. */
#include "internal.h"

#include <sys/mman.h>

static _Atomic uint32_t open_mappings;

uint32_t mappings_open(void) {
	return atomic_load(&open_mappings);
}

/*
 * Leaves the mapping out of children, which must not keep the region mapped between fork and exec. Leaves it
 * out of core dumps too: a dump could have 4 GiB, and the kernel keeps the dead process's locks until it is
 * written.
 */
static bool leave_out(void *start, size_t length, struct failure *failure) {
	return (madvise(start, length, MADV_DONTFORK) == 0 && madvise(start, length, MADV_DONTDUMP) == 0) ||
		failed(failure, "madvise");
}

/* A second mapping for futex words, because waiting on a private page would copy the page. */
static bool open_words(struct mapping *mapping, const struct file *file, struct failure *failure) {
	void *words = mmap(NULL, mapping->length, PROT_READ, MAP_SHARED | MAP_NORESERVE, file->fd, 0);
	if (words == MAP_FAILED) {
		return failed(failure, "mmap");
	}
	if (!guard_add(words, mapping->length, mapping->guard, &mapping->words_guard, failure)) {
		munmap(words, mapping->length);
		return false;
	}
	mapping->words = words;
	return leave_out(words, mapping->length, failure);
}

bool mapping_open(struct mapping *mapping, const struct file *file, void *start, bool is_private,
	struct failure *failure) {
	return mapping_open_part(mapping, NULL, file, start, 0, (size_t)file->size, is_private, failure);
}

bool mapping_open_part(struct mapping *mapping, const struct mapping *first, const struct file *file,
	void *start, off_t offset, size_t length, bool is_private, struct failure *failure) {
	*mapping = (struct mapping){
		.start = start,
		.length = length,
		.is_private = is_private,
		.is_first = first == NULL,
	};
	if (!guard_add(start, length, first == NULL ? NULL : first->guard, &mapping->guard, failure)) {
		return false;
	}
	atomic_fetch_add(&open_mappings, mapping->is_first ? 1 : 0);
	const int flags = (is_private ? MAP_PRIVATE : MAP_SHARED) | MAP_FIXED | MAP_NORESERVE;
	bool done = mmap(start, length, PROT_READ | PROT_WRITE, flags, file->fd, offset) != MAP_FAILED ||
		failed(failure, "mmap");
	done = done && leave_out(start, length, failure);
	if (done && is_private && mapping->is_first) {
		done = open_words(mapping, file, failure);
	} else {
		mapping->words = mapping->start;
	}
	if (!done) {
		mapping_close(mapping);
	}
	return done;
}

bool mapping_is_broken(const struct mapping *mapping) {
	return guard_is_broken(mapping->guard) ||
		(mapping->words_guard != NULL && guard_is_broken(mapping->words_guard));
}

const _Atomic uint32_t *mapping_word(const struct mapping *mapping, size_t offset) {
	return (const _Atomic uint32_t *)(mapping->words + offset);
}

/* The caller still owns the address range, so it gets memory back, and remaining views read zeros. */
void mapping_close(struct mapping *mapping) {
	lay_zeros(mapping->start, mapping->length);
	guard_remove(mapping->guard);
	if (mapping->words_guard != NULL) {
		munmap(mapping->words, mapping->length);
		guard_remove(mapping->words_guard);
	}
	atomic_fetch_sub(&open_mappings, mapping->is_first ? 1 : 0);
}
