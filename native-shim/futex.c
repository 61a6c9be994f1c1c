/* Sleeping on a word of shared memory, across processes: futex without the PRIVATE flag. */
#include "shim.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS 1000000000LL
/* Three hundred years fit the clock; a century of milliseconds is for ever. */
#define MILLISECONDS_MAX 3e12

int64_t clock_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
}

int64_t clock_after(double milliseconds) {
	return milliseconds < MILLISECONDS_MAX ? clock_now() + (int64_t)(milliseconds * 1e6) : NEVER;
}

/*
 * The deadline is absolute (WAIT_BITSET), so that an interrupted wait goes on without arithmetic. Anything but
 * a wake-up, a word that differs, and the end of the time is an error: taken for a wake-up, ENOSYS under a
 * seccomp profile would be a busy loop.
 */
enum awaited futex_wait(const _Atomic uint32_t *word, uint32_t expected, int64_t deadline,
	struct failure *failure) {
	const struct timespec until = { .tv_sec = deadline / NANOSECONDS, .tv_nsec = deadline % NANOSECONDS };
	bool faulted = false;
	/* Reading the word also lets the guard see a page that is gone, of which the kernel only says EFAULT. */
	while (atomic_load(word) == expected) {
		if (syscall(SYS_futex, word, FUTEX_WAIT_BITSET, expected, deadline == NEVER ? NULL : &until, NULL,
				FUTEX_BITSET_MATCH_ANY) == 0) {
			return AWAITED_RING;
		}
		if (errno == ETIMEDOUT) {
			return AWAITED_TIMEOUT;
		}
		if (errno == EFAULT && !faulted) {
			faulted = true;
		} else if (errno != EAGAIN && errno != EINTR) {
			failed(failure, "futex");
			return AWAITED_ERROR;
		}
	}
	return AWAITED_RING;
}

bool futex_wake(const _Atomic uint32_t *word, uint32_t *woken, struct failure *failure) {
	const long count = syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	if (count < 0) {
		return failed(failure, "futex");
	}
	*woken = (uint32_t)count;
	return true;
}
