/* Waking those who sleep at a doorbell, in the way in which they sleep (duty 3). */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *pipe_path(const dhmem_region *region, uint64_t number) {
	const char *slash = strrchr(region->path, '/');
	const int folder = slash == NULL ? 0 : (int)(slash - region->path + 1);
	char *path;
	return asprintf(&path, "%.*s.dhmem-%016" PRIx64 ".bell", folder, region->path, number) < 0 ? NULL : path;
}

static void disconnect(dhmem_region *region, uint32_t index) {
	region->bells[index].is_open = false;
	pipe_disconnect(&region->file, index);
}

/* The index of the open pipe with this number; PEER_PIPES if it can't be opened, or is a stranger's. */
static uint32_t connect_bell(dhmem_region *region, uint64_t number) {
	struct failure ignored;
	struct stat status;
	for (uint32_t index = 0; index < PEER_PIPES; index++) {
		if (region->bells[index].is_open && region->bells[index].number == number) {
			return index;
		}
	}
	const uint32_t index = region->next_bell++ % PEER_PIPES;
	char *path = pipe_path(region, number);
	bool done = path != NULL && pipe_connect(&region->file, index, path, &status, &ignored);
	region->bells[index].is_open = done;
	region->bells[index].number = number;
	if (done && !is_trusted(&status, path, region->trust)) {
		disconnect(region, index);
		done = false;
	}
	free(path);
	return done ? index : PEER_PIPES;
}

/* Rings the pipe of a slot's participant. False if it can't be reached. */
static bool ring_pipe(dhmem_region *region, uint32_t slot) {
	struct failure ignored;
	bool rung = false;
	const uint32_t at = slot_start(slot) + CORE_SLOT_PIPE;
	const uint64_t low = atomic_load(atomic_at(region, at)), high = atomic_load(atomic_at(region, at + 4));
	const uint32_t index = connect_bell(region, high << 32 | low);
	if (index == PEER_PIPES) {
		return false;
	}
	if (!pipe_ring(&region->file, index, &rung, &ignored) || !rung) {
		disconnect(region, index);
		return false;
	}
	return true;
}

void forget_sleep(dhmem_region *region, uint32_t slot) {
	const uint32_t start = slot_start(slot);
	const uint64_t low = atomic_exchange(atomic_at(region, start + CORE_SLOT_PIPE), 0);
	const uint64_t high = atomic_exchange(atomic_at(region, start + CORE_SLOT_PIPE + 4), 0);
	struct failure ignored;
	bool removed;
	atomic_store(atomic_at(region, start + CORE_SLOT_SLEEP), 0);
	if (low != 0 || high != 0) {
		char *path = pipe_path(region, high << 32 | low);
		if (path != NULL) {
			pipe_remove_litter(path, &removed, &ignored);
		}
		free(path);
	}
}

void wake_at(dhmem_region *region, uint32_t doorbell) {
	struct failure ignored;
	uint32_t woken;
	const uint32_t offset = doorbell - CORE_SLOT_DOORBELL - CORE_SLOTS_START;
	/* A faulty peer may have written another word's offset. */
	if (offset % CORE_SLOT_BYTES == 0 && offset / CORE_SLOT_BYTES < CORE_SLOTS) {
		_Atomic uint32_t *sleep = atomic_at(region, doorbell - CORE_SLOT_DOORBELL + CORE_SLOT_SLEEP);
		const uint32_t how = atomic_load(sleep);
		if ((how & (CORE_SLEEP_PIPE | CORE_SLEEP_UNREACHABLE)) == CORE_SLEEP_PIPE) {
			if (!ring_pipe(region, offset / CORE_SLOT_BYTES)) {
				/* A thread of the sleeper sleeps on the futex from its next time slice on. */
				atomic_fetch_or(sleep, CORE_SLEEP_UNREACHABLE);
			} else if ((how & CORE_SLEEP_FUTEX) == 0) {
				return;
			}
		}
	}
	futex_wake(mapping_word(&region->mapping, doorbell), &woken, &ignored);
}
