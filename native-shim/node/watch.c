/*
 * Connects a waiter to a JavaScript thread: it calls JavaScript after an arming has fired, and keeps the
 * event loop alive while a call may come.
 */
#include "node.h"

#include <stdlib.h>

struct watch {
	napi_env env;
	void (*rung)(napi_env env, void *owner);
	void *owner;
	/* NULL once closed. */
	struct waiter *waiter;
	/* Queues the calls. NULL once the engine has finalized it. */
	napi_threadsafe_function function;
	/* True while the function keeps the event loop alive. */
	bool referenced;
};

bool watch_is_armed(const struct watch *watch) {
	return watch->waiter != NULL && waiter_is_armed(watch->waiter);
}

/* Keeps the process alive while a call may come. */
static void reference(struct watch *watch) {
	const bool wanted = watch_is_armed(watch);
	if (wanted != watch->referenced && watch->function != NULL) {
		watch->referenced = wanted;
		if (wanted) {
			napi_ref_threadsafe_function(watch->env, watch->function);
		} else {
			napi_unref_threadsafe_function(watch->env, watch->function);
		}
	}
}

/*
 * Runs on any thread. The waiter calls it at most once before waiter_take(), so the queue of one call is
 * never full.
 */
static void on_fired(void *owner) {
	const struct watch *watch = owner;
	napi_call_threadsafe_function(watch->function, NULL, napi_tsfn_nonblocking);
}

static void on_call(napi_env env, napi_value function, void *context, void *data) {
	(void)function;
	(void)data;
	struct watch *watch = context;
	if (env != NULL && watch->waiter != NULL && waiter_take(watch->waiter)) {
		reference(watch);
		watch->rung(env, watch->owner);
	}
}

static void close_waiter(struct watch *watch) {
	if (watch->waiter != NULL) {
		waiter_close(watch->waiter);
		watch->waiter = NULL;
	}
}

/* The engine may use the watch until it calls this. */
static void on_finalize(napi_env env, void *data, void *context) {
	(void)env;
	(void)context;
	struct watch *watch = data;
	if (watch->waiter == NULL) {
		free(watch);
		return;
	}
	/* The owner still points to the watch, and closes it later. */
	close_waiter(watch);
	watch->function = NULL;
}

struct watch *watch_open(napi_env env, const _Atomic uint32_t *word, void (*rung)(napi_env env, void *owner),
	void *owner) {
	struct watch *watch = calloc(1, sizeof *watch);
	if (watch == NULL) {
		return NULL;
	}
	watch->env = env;
	watch->rung = rung;
	watch->owner = owner;
	watch->waiter = waiter_open(word, on_fired, watch);
	napi_value name;
	if (watch->waiter == NULL || napi_create_string_utf8(env, "dhmem", NAPI_AUTO_LENGTH, &name) != napi_ok ||
		napi_create_threadsafe_function(env, NULL, NULL, name, 1, 1, watch, on_finalize, watch, on_call,
			&watch->function) != napi_ok) {
		close_waiter(watch);
		free(watch);
		return NULL;
	}
	napi_unref_threadsafe_function(env, watch->function);
	return watch;
}

bool watch_arm(struct watch *watch, uint32_t expected, double slice, struct failure *failure) {
	const bool done = waiter_arm(watch->waiter, expected, slice, failure);
	reference(watch);
	return done;
}

void watch_disarm(struct watch *watch) {
	waiter_disarm(watch->waiter);
	reference(watch);
}

void watch_close(struct watch *watch) {
	close_waiter(watch);
	reference(watch);
	if (watch->function == NULL) {
		free(watch);
	} else {
		/* on_finalize frees it, on a later turn of the event loop. */
		napi_release_threadsafe_function(watch->function, napi_tsfn_abort);
	}
}
