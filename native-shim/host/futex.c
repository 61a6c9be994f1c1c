/* Sleeps on a word of shared memory, across processes: futex without the PRIVATE flag. */
#include "internal.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * The deadline is absolute (WAIT_BITSET), so that an interrupted wait continues without arithmetic. Anything
 * except a wake-up, a different word and the deadline is an error. If ENOSYS under a seccomp profile counted
 * as a wake-up, the caller would loop without a pause.
 */
enum awaited futex_wait(const _Atomic uint32_t *word, uint32_t expected, int64_t deadline,
	struct failure *failure) {
	const struct timespec until = { .tv_sec = deadline / NANOSECONDS, .tv_nsec = deadline % NANOSECONDS };
	bool faulted = false;
	/*
	 * If the page is gone, the kernel only returns EFAULT. Reading the word raises SIGBUS, which the guard
	 * handles.
	 */
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
