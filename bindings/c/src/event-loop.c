/*
 * A descriptor for event loops. It is an epoll descriptor over what can end a sleep: this participant's named pipe, which
 * its peers ring, and a timer, because a peer that dies rings nobody.
 *
 * The order is that of waiting.c: empty the pipe, say that the event loop sleeps on it, announce, attempt once more, and
 * only then let the user poll. Where no pipe can be made, or a peer can't reach it, a thread sleeps on the doorbell
 * in place of the event loop.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Milliseconds between looks after so many time slices without a ring. */
#define QUIET 10
#define QUIET_SLICE 250.0

struct event_loop {
	/* The others are in this one. */
	int fd;
	int timer;
	/* The waiter's thread writes to it. */
	int fired;
	/* The thread that sleeps in place of the event loop; NULL while the pipe can be used. */
	struct waiter *waiter;
	/* What is set in the slot about how this participant sleeps. */
	uint32_t sleep;
	/* Milliseconds for which the timer is set; 0 while it is not. */
	double armed;
	unsigned quiet;
};

static _Atomic uint32_t *sleep_word(const dhmem_region *region) {
	return atomic_at(region, slot_start(region->slot) + CORE_SLOT_SLEEP);
}

static bool has_pipe(const dhmem_region *region) {
	return region->file.pipe_path != NULL;
}

/* Ringers may set SLEEP_UNREACHABLE at any time, which stays. */
static void set_sleep(dhmem_region *region, uint32_t sleep) {
	if (region->loop->sleep != sleep) {
		region->loop->sleep = sleep;
		atomic_fetch_or(sleep_word(region), sleep);
		atomic_fetch_and(sleep_word(region), sleep | CORE_SLEEP_UNREACHABLE);
	}
}

static bool add(const struct event_loop *loop, int fd) {
	struct epoll_event event = { .events = EPOLLIN };
	return fd >= 0 && epoll_ctl(loop->fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool make_pipe(dhmem_region *region, uint64_t number) {
	struct failure ignored;
	char *path = pipe_path(region, number);
	const bool done = path != NULL && pipe_make(&region->file, path, &ignored);
	free(path);
	if (done && !add(region->loop, region->file.pipe_fd)) {
		pipe_remove(&region->file);
		return false;
	}
	return done;
}

static void open_pipe(dhmem_region *region) {
	const uint32_t at = slot_start(region->slot) + CORE_SLOT_PIPE;
	uint64_t number;
	/* Another process that tidies the folder may take the new pipe for a dead one's, though hardly twice. */
	for (int turn = 0; turn < 2; turn++) {
		if (getrandom(&number, sizeof number, 0) == sizeof number && make_pipe(region, number)) {
			atomic_store(atomic_at(region, at), (uint32_t)number);
			atomic_store(atomic_at(region, at + 4), (uint32_t)(number >> 32));
			return;
		}
	}
}

/* Runs on the waiter's thread. */
static void on_fired(void *owner) {
	const struct event_loop *loop = owner;
	const uint64_t one = 1;
	while (write(loop->fired, &one, sizeof one) < 0 && errno == EINTR) {
	}
}

/* From now on a thread sleeps in place of the event loop. */
static bool open_waiter(dhmem_region *region) {
	struct event_loop *loop = region->loop;
	const uint32_t doorbell = slot_start(region->slot) + CORE_SLOT_DOORBELL;
	if (has_pipe(region)) {
		set_sleep(region, CORE_SLEEP_FUTEX);
		pipe_remove(&region->file);
	}
	loop->fired = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	loop->waiter =
		add(loop, loop->fired) ? waiter_open(mapping_word(&region->mapping, doorbell), on_fired, loop) : NULL;
	return loop->waiter != NULL;
}

void loop_close(dhmem_region *region) {
	struct event_loop *loop = region->loop;
	if (loop == NULL) {
		return;
	}
	region->loop = NULL;
	/* A forked child does not have the thread. */
	if (loop->waiter != NULL && !region->file.inherited) {
		waiter_close(loop->waiter);
	}
	const int fds[] = { loop->fd, loop->timer, loop->fired };
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
		if (fds[i] >= 0) {
			close(fds[i]);
		}
	}
	free(loop);
}

static int open_loop(dhmem_region *region) {
	struct event_loop *loop = calloc(1, sizeof *loop);
	if (loop == NULL) {
		return no_memory();
	}
	region->loop = loop;
	loop->fired = -1;
	loop->fd = epoll_create1(EPOLL_CLOEXEC);
	loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (loop->fd >= 0 && add(loop, loop->timer)) {
		open_pipe(region);
		if (has_pipe(region) || open_waiter(region)) {
			return DHMEM_OK;
		}
	}
	const struct failure failure = { .error = -errno, .syscall = "epoll" };
	loop_close(region);
	return system_fail(&failure, region->path, "Making a descriptor for");
}

static int descriptor(dhmem_region *region, int *fd) {
	int code = region_check(region);
	if (code == DHMEM_OK && region->loop == NULL) {
		code = open_loop(region);
	}
	if (code == DHMEM_OK && region->loop != NULL) {
		*fd = region->loop->fd;
	}
	return code;
}

int dhmem_fd(dhmem_region *region, int *fd) {
	GUARDED(region, descriptor(region, fd));
}

int dhmem_fd_clear(dhmem_region *region) {
	uint64_t count;
	const int code = region_check(region);
	struct event_loop *loop = region->loop;
	if (code != DHMEM_OK || loop == NULL) {
		return code;
	}
	if (has_pipe(region)) {
		pipe_drain(&region->file);
	}
	if (loop->waiter != NULL && read(loop->fired, &count, sizeof count) > 0) {
		waiter_take(loop->waiter);
	}
	if (read(loop->timer, &count, sizeof count) > 0) {
		loop->armed = 0;
		loop->quiet++;
	} else {
		loop->quiet = 0;
	}
	return DHMEM_OK;
}

/* The timer is only ever set to an earlier time: it is for all that this participant waits for. */
static void set_timer(struct event_loop *loop, double slice) {
	if (loop->quiet >= QUIET && slice == SLICE) {
		slice = QUIET_SLICE;
	}
	if (loop->armed == 0 || slice < loop->armed) {
		const struct itimerspec in = { .it_value = { .tv_nsec = (long)(slice * 1e6) } };
		timerfd_settime(loop->timer, 0, &in, NULL);
		loop->armed = slice;
	}
}

int loop_look(dhmem_region *region, const struct wait *wait) {
	struct event_loop *loop = region->loop;
	struct failure failure;
	if (has_pipe(region) && (atomic_load(sleep_word(region)) & CORE_SLEEP_UNREACHABLE) != 0) {
		/* If there can't be a thread, the timer is left. */
		open_waiter(region);
	}
	if (has_pipe(region)) {
		set_sleep(region, region->sleepers > 0 ? CORE_SLEEP_FUTEX | CORE_SLEEP_PIPE : CORE_SLEEP_PIPE);
	}
	const uint32_t seen = atomic_load(atomic_at(region, slot_start(region->slot) + CORE_SLOT_DOORBELL));
	wait->announce(wait->context);
	const int result = wait->attempt(wait->context);
	if (result == PENDING) {
		set_timer(loop, wait->slice);
		if (loop->waiter != NULL && !waiter_arm(loop->waiter, seen, wait->slice, &failure)) {
			return system_fail(&failure, region->path, "Waiting in");
		}
	}
	return result;
}

void loop_blocks(dhmem_region *region) {
	if (region->loop != NULL && has_pipe(region)) {
		set_sleep(region, CORE_SLEEP_FUTEX | CORE_SLEEP_PIPE);
	}
}
