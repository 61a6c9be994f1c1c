/* The clock of every deadline. It does not jump when the system time is set. */
#include "internal.h"

#include <time.h>

/* The clock covers almost 300 years, so about a century counts as for ever. */
#define MILLISECONDS_MAX 3e12

int64_t clock_now(void) {
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
}

int64_t clock_after(double milliseconds) {
	return milliseconds < MILLISECONDS_MAX ? clock_now() + (int64_t)(milliseconds * 1e6) : NEVER;
}
