/* The lock of mutexes, vectors and maps, and the list of those who wait, which conditions have too. */
#include "internal.h"

/* Milliseconds between checks that the holder is alive. */
#define LOOK 20.0

static int attempt(void *context) {
	struct lock *lock = context;
	const uint32_t status = OBJECT_CALL(&lock->object, tryLock);
	if (status == CORE_OK || status == CORE_LOCK_ABANDONED) {
		lock->abandoned = status == CORE_LOCK_ABANDONED;
		return DHMEM_OK;
	}
	return status == CORE_TAKEN ? PENDING : object_unexpected(&lock->object, status, "A mutex");
}

/* A ring is for all threads that wait. */
static void notice(struct lock *lock) {
	if (lock->asked && OBJECT_CALL(&lock->object, isAnnounced) == 0) {
		lock->asked = false;
		lock->rings++;
	}
}

uint32_t lock_rings(struct lock *lock) {
	notice(lock);
	return lock->rings;
}

uint32_t lock_announce(struct lock *lock) {
	notice(lock);
	if (!lock->asked) {
		OBJECT_CALL(&lock->object, announceLock);
		lock->asked = true;
	}
	return lock->rings;
}

static void announce(void *context) {
	lock_announce(context);
}

static uint32_t holder(void *context) {
	const struct lock *lock = context;
	const uint32_t who = object_word(&lock->object, CORE_LOCK_HOLDER);
	return who == CORE_LOCK_ABANDONED ? 0 : who;
}

bool lock_is_held_here(struct lock *lock) {
	return holder(lock) == lock->object.region->me;
}

static int take(struct lock *lock, double timeout) {
	const struct wait wait = { .what = "mutex",
		.name = lock->object.name,
		.attempt = attempt,
		.announce = announce,
		.peer = holder,
		.context = lock,
		.slice = LOOK };
	lock->waiting++;
	const int code = wait_for(lock->object.region, &wait, timeout);
	lock->waiting--;
	if (code != DHMEM_TIMEOUT || timeout != 0) {
		lock_stop_asking(lock);
	}
	return code;
}

int lock_take(struct lock *lock, double timeout) {
	int code = object_check(&lock->object);
	code = code == DHMEM_OK ? region_check_writable(lock->object.region) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	if (lock_is_held_here(lock)) {
		return fail(DHMEM_BAD_ARGUMENT,
			"This participant already holds mutex %s, so locking it again would wait for ever; unlock it "
			"first",
			lock->object.name);
	}
	return take(lock, timeout);
}

int lock_take_again(struct lock *lock, double timeout) {
	const int code = object_check(&lock->object);
	return code == DHMEM_OK ? take(lock, timeout) : code;
}

int lock_release(struct lock *lock, bool as_abandoned) {
	const int code = object_check(&lock->object);
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t result =
		as_abandoned ? OBJECT_CALL(&lock->object, abandon) : OBJECT_CALL(&lock->object, unlock);
	if (result == CORE_NOT_OWNER) {
		return fail(DHMEM_BAD_ARGUMENT, "This participant does not hold mutex %s; lock it first",
			lock->object.name);
	}
	return wake(lock->object.region, result, "Unlocking a mutex");
}

void lock_stop_asking(struct lock *lock) {
	const dhmem_region *region = lock->object.region;
	if (lock->waiting > 0) {
		return;
	}
	if (lock->asked && region->failed == DHMEM_OK && !lock->object.removed) {
		OBJECT_CALL(&lock->object, retractLock);
	}
	lock->asked = false;
}

static int stop_asking(struct lock *lock) {
	const int code = object_check(&lock->object);
	if (code == DHMEM_OK) {
		lock_stop_asking(lock);
	}
	return code;
}

static int stop_asking_guarded(struct lock *lock) {
	GUARDED(lock->object.region, stop_asking(lock));
}

void lock_close(struct lock *lock) {
	if (lock->asked) {
		stop_asking_guarded(lock);
	}
	object_close(&lock->object);
}
