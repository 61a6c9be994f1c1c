/*
 * A thread sleeps on the doorbell in place of an event loop. Unless it is armed it costs nothing: it starts
 * at the first arming, and between armings it sleeps on a condition variable.
 *
 * An arming is watched until it fires, and is then due until waiter_take(). waiter_disarm() ends both states.
 * If the event loop was told before waiter_disarm(), it finds nothing due; if the thread wakes late, it finds
 * the number of another arming. So neither does anything.
 */
#include "internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/*
 * The thread can't sleep on two things, so it checks this often whether it should stop, or was armed again.
 */
#define SLICE_MAX 50000000LL
#define STOP_RETRY 1000000LL
#define STACK_BYTES (256 << 10)

struct waiter {
	const _Atomic uint32_t *word;
	void (*fired)(void *owner);
	void *owner;

	/* Only the thread that owns the waiter uses these. */
	bool started;
	pthread_t thread;

	/* Guarded by the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	bool stopped;
	/* The number of the last arming, and of the one that is watched, or 0. */
	uint64_t arming;
	uint64_t watched;
	/* An arming has fired, and waiter_take() has not been called. */
	bool due;
	uint32_t expected;
	int64_t deadline;
	/* The thread sleeps on the futex, perhaps still for an arming that is over. */
	bool asleep;
	/* The event loop has been told, and waiter_take() has not been called: telling it again would add nothing. */
	bool told;
};

static void wait_changed(struct waiter *waiter, int64_t deadline) {
	const struct timespec until = { .tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000 };
	const int error = pthread_cond_timedwait(&waiter->changed, &waiter->lock, &until);
	must_succeed(error == ETIMEDOUT ? 0 : error);
}

/* With the lock held. */
static void fire(struct waiter *waiter) {
	waiter->watched = 0;
	waiter->due = true;
	if (!waiter->told) {
		waiter->told = true;
		waiter->fired(waiter->owner);
	}
}

static void *waiter_main(void *data) {
	struct waiter *waiter = data;
	must_succeed(pthread_mutex_lock(&waiter->lock));
	while (!waiter->stopping) {
		if (waiter->watched == 0) {
			must_succeed(pthread_cond_wait(&waiter->changed, &waiter->lock));
			continue;
		}
		const uint64_t watched = waiter->watched;
		const uint32_t expected = waiter->expected;
		const int64_t deadline = waiter->deadline;
		const int64_t slice = clock_now() + SLICE_MAX;
		const int64_t until = slice < deadline ? slice : deadline;
		waiter->asleep = true;
		must_succeed(pthread_mutex_unlock(&waiter->lock));
		struct failure ignored;
		const enum awaited awaited = futex_wait(waiter->word, expected, until, &ignored);
		/* Outside the lock, because reading the word may fault, and then the guard's handler runs. */
		const bool rung = atomic_load(waiter->word) != expected;
		must_succeed(pthread_mutex_lock(&waiter->lock));
		waiter->asleep = false;
		if (awaited == AWAITED_ERROR && !waiter->stopping && waiter->watched == watched) {
			/* An error is not a ring. The futex can't wake us, so let the time pass. */
			wait_changed(waiter, until);
		}
		if (!waiter->stopping && waiter->watched == watched && (rung || clock_now() >= deadline)) {
			fire(waiter);
		}
	}
	waiter->stopped = true;
	must_succeed(pthread_cond_broadcast(&waiter->changed));
	must_succeed(pthread_mutex_unlock(&waiter->lock));
	return NULL;
}

static int start_thread(struct waiter *waiter) {
	/*
	 * Leave signals to the other threads. Those that a fault raises stay unblocked, because the guard must
	 * catch them.
	 */
	sigset_t mask, old;
	sigfillset(&mask);
	sigdelset(&mask, SIGBUS);
	sigdelset(&mask, SIGSEGV);
	sigdelset(&mask, SIGFPE);
	sigdelset(&mask, SIGILL);
	pthread_attr_t attributes;
	int error = pthread_attr_init(&attributes);
	if (error != 0) {
		return error;
	}
	error = pthread_attr_setstacksize(&attributes, STACK_BYTES);
	if (error == 0) {
		must_succeed(pthread_sigmask(SIG_SETMASK, &mask, &old));
		error = pthread_create(&waiter->thread, &attributes, waiter_main, waiter);
		must_succeed(pthread_sigmask(SIG_SETMASK, &old, NULL));
	}
	must_succeed(pthread_attr_destroy(&attributes));
	return error;
}

/*
 * Wakes repeatedly, because the thread may be just about to sleep on the futex when a wake-up comes. Other
 * processes that sleep on the word wake up for nothing, which they must expect anyway.
 */
static void stop_thread(struct waiter *waiter) {
	if (!waiter->started) {
		return;
	}
	must_succeed(pthread_mutex_lock(&waiter->lock));
	waiter->stopping = true;
	must_succeed(pthread_cond_broadcast(&waiter->changed));
	while (!waiter->stopped) {
		struct failure ignored;
		uint32_t woken;
		futex_wake(waiter->word, &woken, &ignored);
		wait_changed(waiter, clock_now() + STOP_RETRY);
	}
	must_succeed(pthread_mutex_unlock(&waiter->lock));
	must_succeed(pthread_join(waiter->thread, NULL));
	waiter->started = false;
}

/* Its times are of the clock of deadlines, CLOCK_MONOTONIC. */
static int open_condition(pthread_cond_t *condition) {
	pthread_condattr_t attributes;
	int error = pthread_condattr_init(&attributes);
	if (error != 0) {
		return error;
	}
	error = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	if (error == 0) {
		error = pthread_cond_init(condition, &attributes);
	}
	must_succeed(pthread_condattr_destroy(&attributes));
	return error;
}

struct waiter *waiter_open(const _Atomic uint32_t *word, void (*fired)(void *owner), void *owner) {
	struct waiter *waiter = calloc(1, sizeof *waiter);
	if (waiter == NULL) {
		return NULL;
	}
	waiter->word = word;
	waiter->fired = fired;
	waiter->owner = owner;
	if (pthread_mutex_init(&waiter->lock, NULL) != 0) {
		free(waiter);
		return NULL;
	}
	if (open_condition(&waiter->changed) != 0) {
		must_succeed(pthread_mutex_destroy(&waiter->lock));
		free(waiter);
		return NULL;
	}
	return waiter;
}

bool waiter_is_armed(struct waiter *waiter) {
	must_succeed(pthread_mutex_lock(&waiter->lock));
	const bool is_armed = waiter->watched != 0 || waiter->due;
	must_succeed(pthread_mutex_unlock(&waiter->lock));
	return is_armed;
}

bool waiter_arm(struct waiter *waiter, uint32_t expected, double slice, struct failure *failure) {
	const int64_t deadline = clock_after(slice);
	if (!waiter->started) {
		const int error = start_thread(waiter);
		if (error != 0) {
			return failed_with(failure, "pthread_create", -error);
		}
		waiter->started = true;
	}
	const bool rung = atomic_load(waiter->word) != expected;
	bool asleep = false;
	must_succeed(pthread_mutex_lock(&waiter->lock));
	if (waiter->watched == 0) {
		waiter->watched = ++waiter->arming;
		waiter->expected = expected;
		waiter->deadline = deadline;
		asleep = waiter->asleep;
		if (rung) {
			/* The word differs already, so the thread is not needed. */
			fire(waiter);
		} else {
			must_succeed(pthread_cond_broadcast(&waiter->changed));
		}
	}
	must_succeed(pthread_mutex_unlock(&waiter->lock));
	if (asleep) {
		/* It still sleeps for an arming that was disarmed. */
		uint32_t woken;
		futex_wake(waiter->word, &woken, failure);
	}
	return true;
}

void waiter_disarm(struct waiter *waiter) {
	must_succeed(pthread_mutex_lock(&waiter->lock));
	waiter->watched = 0;
	waiter->due = false;
	must_succeed(pthread_mutex_unlock(&waiter->lock));
}

bool waiter_take(struct waiter *waiter) {
	must_succeed(pthread_mutex_lock(&waiter->lock));
	const bool is_due = waiter->due;
	waiter->told = false;
	waiter->due = false;
	must_succeed(pthread_mutex_unlock(&waiter->lock));
	return is_due;
}

void waiter_close(struct waiter *waiter) {
	stop_thread(waiter);
	must_succeed(pthread_cond_destroy(&waiter->changed));
	must_succeed(pthread_mutex_destroy(&waiter->lock));
	free(waiter);
}
