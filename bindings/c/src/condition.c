/* Conditions: waiting until something that a mutex guards has changed. */
#include "internal.h"

#include <stdlib.h>

/* Milliseconds after which a waiter looks by itself, because who notifies may die. */
#define LOOK 20.0

struct dhmem_condition {
	struct lock lock;
};

/* A sleep without the mutex. */
struct waiting {
	dhmem_condition *condition;
	/* Of the condition, before it. */
	uint32_t rings;
	int64_t look_at;
};

/* A look with the mutex. */
struct look {
	dhmem_condition *condition;
	bool (*until)(void *context);
	void *context;
};

int dhmem_condition_open(dhmem_region *region, const char *name, dhmem_condition **result) {
	const struct wanted wanted = { .kind = CORE_KIND_CONDITION };
	dhmem_condition *condition = calloc(1, sizeof *condition);
	if (condition == NULL) {
		return no_memory();
	}
	int code = region_check_writable(region);
	code = code == DHMEM_OK ? object_open(&condition->lock.object, region, name, &wanted) : code;
	if (code == DHMEM_OK) {
		*result = condition;
	} else {
		free(condition);
	}
	return code;
}

void dhmem_condition_close(dhmem_condition *condition) {
	if (condition != NULL) {
		lock_close(&condition->lock);
		free(condition);
	}
}

static int notify(dhmem_condition *condition, unsigned most) {
	const struct object *object = &condition->lock.object;
	int code = object_check(object);
	/* At most so many participants wait. One that waits again meanwhile has been notified. */
	for (unsigned i = 0; i < most && code == DHMEM_OK; i++) {
		const uint32_t doorbell = OBJECT_CALL(object, ringNext);
		code = wake(object->region, doorbell, "A condition");
		if (doorbell == CORE_OK) {
			break;
		}
	}
	return code;
}

int dhmem_notify_one(dhmem_condition *condition) {
	GUARDED(condition->lock.object.region, notify(condition, 1));
}

int dhmem_notify_all(dhmem_condition *condition) {
	GUARDED(condition->lock.object.region, notify(condition, CORE_SLOTS));
}

static int attempt(void *context) {
	const struct waiting *waiting = context;
	struct lock *lock = &waiting->condition->lock;
	const int code = object_check(&lock->object);
	if (code != DHMEM_OK) {
		return code;
	}
	return lock_rings(lock) != waiting->rings || clock_after(0) >= waiting->look_at ? DHMEM_OK : PENDING;
}

static void announce(void *context) {
	/* It was announced while the mutex was held, so that any later change notifies. */
	(void)context;
}

static uint32_t peer(void *context) {
	(void)context;
	return 0;
}

/*
 * Sleeps without the mutex, until a notification or for a while. `untold` is whether the mutex was abandoned when the
 * wait took it last, and its user could not see that yet: then the news is for the next one who locks it.
 */
static int sleep_once(dhmem_condition *condition, struct lock *mutex, bool *untold) {
	dhmem_region *region = condition->lock.object.region;
	struct waiting waiting = { condition, lock_announce(&condition->lock), clock_after(LOOK) };
	const struct wait wait = { .what = "condition",
		.name = condition->lock.object.name,
		.attempt = attempt,
		.announce = announce,
		.peer = peer,
		.context = &waiting,
		.slice = LOOK };
	int code = lock_release(mutex, *untold);
	if (code != DHMEM_OK) {
		return code;
	}
	code = wait_for(region, &wait, -1);
	/* Whatever has happened, the caller has the mutex again. */
	int locked;
	do {
		locked = lock_take_again(mutex, -1);
	} while (locked == DHMEM_INTERRUPTED);
	*untold = locked == DHMEM_OK && mutex->abandoned;
	return code == DHMEM_OK ? locked : code;
}

static int look_attempt(void *context) {
	const struct look *look = context;
	const int code = object_check(&look->condition->lock.object);
	return code != DHMEM_OK ? code : look->until(look->context) ? DHMEM_OK : PENDING;
}

static void look_announce(void *context) {
	const struct look *look = context;
	lock_announce(&look->condition->lock);
}

/* Keeps the mutex. If there is a descriptor for event loops, a notification makes it readable from now on. */
static int look_once(dhmem_condition *condition, bool (*until)(void *context), void *context) {
	struct look look = { condition, until, context };
	const struct wait wait = { .what = "condition",
		.name = condition->lock.object.name,
		.attempt = look_attempt,
		.announce = look_announce,
		.peer = peer,
		.context = &look,
		.slice = LOOK };
	return wait_for(condition->lock.object.region, &wait, 0);
}

/* Looks, and sleeps until it is worth looking again. */
static int look_again(dhmem_condition *condition, struct lock *mutex, bool (*until)(void *context),
	void *context, double timeout) {
	const int64_t deadline = timeout < 0 ? NEVER : clock_after(timeout);
	int code = DHMEM_OK;
	bool untold = false;
	condition->lock.waiting++;
	while (code == DHMEM_OK && !until(context)) {
		code = clock_after(0) < deadline
			? sleep_once(condition, mutex, &untold)
			: fail(DHMEM_TIMEOUT,
				  "Waited %g ms for condition %s; allow more time, or check that the other side is running",
				  timeout, condition->lock.object.name);
	}
	condition->lock.waiting--;
	return code;
}

static int check_waiting(dhmem_condition *condition, struct lock *mutex) {
	int code = object_check(&condition->lock.object);
	code = code == DHMEM_OK ? object_check(&mutex->object) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	if (mutex->object.region != condition->lock.object.region || !lock_is_held_here(mutex)) {
		return fail(DHMEM_BAD_ARGUMENT,
			"Mutex %s is not held by this opening; lock it before waiting for condition %s",
			mutex->object.name, condition->lock.object.name);
	}
	return DHMEM_OK;
}

static int wait_until(dhmem_condition *condition, struct lock *mutex, bool (*until)(void *context),
	void *context, double timeout) {
	int code = check_waiting(condition, mutex);
	if (code != DHMEM_OK) {
		return code;
	}
	code = timeout == 0 ? look_once(condition, until, context)
						: look_again(condition, mutex, until, context, timeout);
	if (code != DHMEM_TIMEOUT || timeout != 0) {
		lock_stop_asking(&condition->lock);
	}
	return code;
}

int dhmem_wait(dhmem_condition *condition, dhmem_mutex *mutex, bool (*until)(void *context), void *context,
	double timeout) {
	GUARDED(condition->lock.object.region, wait_until(condition, &mutex->lock, until, context, timeout));
}

static int sleep_here(dhmem_condition *condition, struct lock *mutex, bool *untold) {
	int code = check_waiting(condition, mutex);
	if (code == DHMEM_OK) {
		condition->lock.waiting++;
		code = sleep_once(condition, mutex, untold);
		condition->lock.waiting--;
		lock_stop_asking(&condition->lock);
	}
	return code;
}

int dhmem_sleep(dhmem_condition *condition, dhmem_mutex *mutex, bool *untold) {
	GUARDED(condition->lock.object.region, sleep_here(condition, &mutex->lock, untold));
}
