/*
 * Waiting (duty 4). The order is: read the doorbell, announce, attempt once more, then sleep while the doorbell has
 * the value that was read, because a ring clears the announcement.
 */
#include "internal.h"

#include <time.h>

/* Attempts in a busy loop before sleeping, so that a quick answer costs no system call. */
#define SPINS 200

static inline void breathe(void) {
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static int too_late(const struct wait *wait, double timeout) {
	return fail(DHMEM_TIMEOUT,
		"Waited %g ms for %s %s; allow more time, or check that the other side is running", timeout,
		wait->what, wait->name);
}

/* Recovers if the participant that this wait depends on has died. */
static int check_peer(dhmem_region *region, const struct wait *wait) {
	const uint32_t peer = wait->peer(wait->context);
	unsigned ignored;
	return peer != 0 && !is_alive(region, peer) ? recover_all(region, &ignored) : DHMEM_OK;
}

static enum awaited sleep_on(const _Atomic uint32_t *doorbell, uint32_t seen, int64_t until) {
	struct failure ignored;
	const enum awaited awaited = futex_wait(doorbell, seen, until, &ignored);
	if (awaited == AWAITED_ERROR) {
		/* An error counts as a time slice that ended without a ring. */
		const struct timespec pause = { .tv_nsec = (long)(SLICE * 1e6) };
		nanosleep(&pause, NULL);
	}
	return awaited;
}

/* Sleeps until a ring, or the end of a time slice. */
static int sleep_once(dhmem_region *region, const struct wait *wait, uint32_t seen, int64_t deadline) {
	const uint32_t at = slot_start(region->slot) + CORE_SLOT_DOORBELL;
	const _Atomic uint32_t *doorbell = mapping_word(&region->mapping, at);
	const int64_t slice = clock_after(wait->slice);
	/* From here until after_sleep() other threads may use the region. */
	region->sleepers++;
	void *state = region->before_sleep != NULL ? region->before_sleep() : NULL;
	const enum awaited awaited = sleep_on(doorbell, seen, slice < deadline ? slice : deadline);
	const bool interrupted = region->after_sleep != NULL && region->after_sleep(state);
	region->sleepers--;
	if (interrupted) {
		return DHMEM_INTERRUPTED;
	}
	const int result = region_check(region);
	return result != DHMEM_OK || awaited == AWAITED_RING ? result : check_peer(region, wait);
}

/* For users who poll the descriptor: the next attempt may find something that nobody rings for. */
static int try_once(dhmem_region *region, const struct wait *wait) {
	int result = PENDING;
	if (region->loop != NULL) {
		result = check_peer(region, wait);
		result = result == DHMEM_OK ? loop_look(region, wait) : result;
	}
	return result != PENDING ? result : too_late(wait, 0);
}

int wait_for(dhmem_region *region, const struct wait *wait, double timeout) {
	int result = wait->attempt(wait->context);
	if (result != PENDING || timeout == 0) {
		return result != PENDING ? result : try_once(region, wait);
	}
	const int64_t deadline = timeout < 0 ? NEVER : clock_after(timeout);
	for (int spin = 0; spin < SPINS; spin++) {
		breathe();
		result = wait->attempt(wait->context);
		if (result != PENDING) {
			return result;
		}
	}
	for (;;) {
		loop_blocks(region);
		const uint32_t seen = atomic_load(atomic_at(region, slot_start(region->slot) + CORE_SLOT_DOORBELL));
		wait->announce(wait->context);
		result = wait->attempt(wait->context);
		if (result != PENDING) {
			return result;
		}
		if (deadline != NEVER && clock_after(0) >= deadline) {
			return too_late(wait, timeout);
		}
		result = sleep_once(region, wait, seen, deadline);
		if (result != DHMEM_OK) {
			return result;
		}
	}
}
