/*
 * One thread for each watched file sleeps on the doorbell, so that the event loop needn't. It costs nothing
 * while not armed: it is started at the first arming, and then sleeps on a condition variable.
 *
 * An arming is watched until it fires; then a call is due until it has been made; disarm() ends both. A call
 * that was queued before disarm() finds nothing due, and a thread that comes late out of its sleep finds
 * another arming's number, so neither does anything.
 */
#include "shim.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* The thread can't sleep on two things, so it looks this often whether it should stop or was armed anew. */
#define SLICE_MAX 50000000LL
#define STOP_RETRY 1000000LL
#define STACK_BYTES (256 << 10)

struct waiter {
	const _Atomic uint32_t *word;
	napi_threadsafe_function function;
	napi_env env;
	void (*rung)(napi_env env, void *owner);
	void *owner;

	/* The JavaScript thread's own. */
	bool started;
	bool closed;
	bool referenced;
	pthread_t thread;

	/* Guarded by the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	bool stopped;
	/* The number of the last arming, and of the one that is watched, or 0. */
	uint64_t arming;
	uint64_t watched;
	/* An arming has fired, and its call hasn't been made. */
	bool due;
	uint32_t expected;
	int64_t deadline;
	/* On the futex, perhaps still for an arming that is over. */
	bool asleep;
	/* A call is queued and hasn't run: another would add nothing. */
	bool queued;
};

static void wait_changed(struct waiter *waiter, int64_t deadline) {
	const struct timespec until = { .tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000 };
	pthread_cond_timedwait(&waiter->changed, &waiter->lock, &until);
}

/* With the lock held. The queue holds one call at most, so it is never full. */
static void fire(struct waiter *waiter) {
	waiter->watched = 0;
	waiter->due = true;
	if (!waiter->queued) {
		waiter->queued = true;
		napi_call_threadsafe_function(waiter->function, NULL, napi_tsfn_nonblocking);
	}
}

static void *waiter_main(void *data) {
	struct waiter *waiter = data;
	pthread_mutex_lock(&waiter->lock);
	while (!waiter->stopping) {
		if (waiter->watched == 0) {
			pthread_cond_wait(&waiter->changed, &waiter->lock);
			continue;
		}
		const uint64_t watched = waiter->watched;
		const uint32_t expected = waiter->expected;
		const int64_t deadline = waiter->deadline;
		const int64_t slice = clock_now() + SLICE_MAX;
		const int64_t until = slice < deadline ? slice : deadline;
		waiter->asleep = true;
		pthread_mutex_unlock(&waiter->lock);
		struct failure ignored;
		const enum awaited awaited = futex_wait(waiter->word, expected, until, &ignored);
		/* Outside the lock: the guard may have to answer for it. */
		const bool rung = atomic_load(waiter->word) != expected;
		pthread_mutex_lock(&waiter->lock);
		waiter->asleep = false;
		if (awaited == AWAITED_ERROR && !waiter->stopping && waiter->watched == watched) {
			/* An error is no ring. Nobody can wake us then, so the time runs out. */
			wait_changed(waiter, until);
		}
		if (!waiter->stopping && waiter->watched == watched && (rung || clock_now() >= deadline)) {
			fire(waiter);
		}
	}
	waiter->stopped = true;
	pthread_cond_broadcast(&waiter->changed);
	pthread_mutex_unlock(&waiter->lock);
	return NULL;
}

static int start_thread(struct waiter *waiter) {
	/* Signals are for Node's threads. Those that a fault raises stay, or the guard could not catch them. */
	sigset_t mask, old;
	sigfillset(&mask);
	sigdelset(&mask, SIGBUS);
	sigdelset(&mask, SIGSEGV);
	sigdelset(&mask, SIGFPE);
	sigdelset(&mask, SIGILL);
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_sigmask(SIG_SETMASK, &mask, &old);
	const int error = pthread_create(&waiter->thread, &attributes, waiter_main, waiter);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attributes);
	return error;
}

/*
 * No wake-up is lost for longer than it takes to try again: the thread may be on its way into the futex when
 * the first one comes. Other processes that sleep on the word wake for nothing, which they must bear anyway.
 */
static void stop_thread(struct waiter *waiter) {
	if (!waiter->started) {
		return;
	}
	pthread_mutex_lock(&waiter->lock);
	waiter->stopping = true;
	pthread_cond_broadcast(&waiter->changed);
	while (!waiter->stopped) {
		struct failure ignored;
		uint32_t woken;
		futex_wake(waiter->word, &woken, &ignored);
		wait_changed(waiter, clock_now() + STOP_RETRY);
	}
	pthread_mutex_unlock(&waiter->lock);
	pthread_join(waiter->thread, NULL);
	waiter->started = false;
}

/* The process lives for as long as a call may come. */
static void reference(struct waiter *waiter) {
	const bool wanted = waiter_is_armed(waiter);
	if (wanted != waiter->referenced && waiter->function != NULL) {
		waiter->referenced = wanted;
		if (wanted) {
			napi_ref_threadsafe_function(waiter->env, waiter->function);
		} else {
			napi_unref_threadsafe_function(waiter->env, waiter->function);
		}
	}
}

static void on_call(napi_env env, napi_value function, void *context, void *data) {
	(void)function;
	(void)data;
	if (env == NULL) {
		return;
	}
	struct waiter *waiter = context;
	pthread_mutex_lock(&waiter->lock);
	const bool is_due = waiter->due && !waiter->closed;
	waiter->queued = false;
	waiter->due = false;
	pthread_mutex_unlock(&waiter->lock);
	if (is_due) {
		reference(waiter);
		waiter->rung(env, waiter->owner);
	}
}

/* The engine may still look at the waiter until it says that it is done with the function. */
static void on_finalize(napi_env env, void *data, void *context) {
	(void)env;
	(void)context;
	struct waiter *waiter = data;
	stop_thread(waiter);
	if (!waiter->closed) {
		/* The owner still points here, and is closed later. */
		waiter->function = NULL;
		return;
	}
	pthread_cond_destroy(&waiter->changed);
	pthread_mutex_destroy(&waiter->lock);
	free(waiter);
}

bool waiter_open(napi_env env, const _Atomic uint32_t *word, void (*rung)(napi_env env, void *owner),
	void *owner, struct waiter **result) {
	struct waiter *waiter = calloc(1, sizeof *waiter);
	napi_value name;
	if (waiter == NULL || napi_create_string_utf8(env, "dhmem", NAPI_AUTO_LENGTH, &name) != napi_ok) {
		free(waiter);
		return false;
	}
	waiter->word = word;
	waiter->env = env;
	waiter->rung = rung;
	waiter->owner = owner;
	if (napi_create_threadsafe_function(env, NULL, NULL, name, 1, 1, waiter, on_finalize, waiter, on_call,
			&waiter->function) != napi_ok) {
		free(waiter);
		return false;
	}
	napi_unref_threadsafe_function(env, waiter->function);
	pthread_condattr_t attributes;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&waiter->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	pthread_mutex_init(&waiter->lock, NULL);
	*result = waiter;
	return true;
}

bool waiter_is_armed(struct waiter *waiter) {
	pthread_mutex_lock(&waiter->lock);
	const bool is_armed = waiter->watched != 0 || waiter->due;
	pthread_mutex_unlock(&waiter->lock);
	return is_armed;
}

bool waiter_arm(struct waiter *waiter, uint32_t expected, double slice, struct failure *failure) {
	const int64_t deadline = clock_after(slice);
	if (!waiter->started) {
		const int error = start_thread(waiter);
		if (error != 0) {
			return failed_with(failure, "pthread_create", error);
		}
		waiter->started = true;
	}
	const bool rung = atomic_load(waiter->word) != expected;
	bool asleep = false;
	pthread_mutex_lock(&waiter->lock);
	if (waiter->watched == 0) {
		waiter->watched = ++waiter->arming;
		waiter->expected = expected;
		waiter->deadline = deadline;
		asleep = waiter->asleep;
		if (rung) {
			/* Before it was watched: no need to go through the thread. */
			fire(waiter);
		} else {
			pthread_cond_broadcast(&waiter->changed);
		}
	}
	pthread_mutex_unlock(&waiter->lock);
	reference(waiter);
	if (asleep) {
		/* With the figures of an arming that was disarmed. */
		uint32_t woken;
		futex_wake(waiter->word, &woken, failure);
	}
	return true;
}

void waiter_disarm(struct waiter *waiter) {
	pthread_mutex_lock(&waiter->lock);
	waiter->watched = 0;
	waiter->due = false;
	pthread_mutex_unlock(&waiter->lock);
	reference(waiter);
}

void waiter_close(struct waiter *waiter) {
	stop_thread(waiter);
	waiter_disarm(waiter);
	waiter->closed = true;
	if (waiter->function == NULL) {
		on_finalize(waiter->env, waiter, NULL);
	} else {
		/* on_finalize frees it, on a later turn of the event loop. */
		napi_release_threadsafe_function(waiter->function, napi_tsfn_abort);
	}
}
