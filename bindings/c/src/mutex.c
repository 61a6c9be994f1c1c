/* Mutexes. */
#include "internal.h"

#include <stdlib.h>

int dhmem_mutex_open(dhmem_region *region, const char *name, dhmem_mutex **result) {
	const struct wanted wanted = { .kind = CORE_KIND_MUTEX };
	dhmem_mutex *mutex = calloc(1, sizeof *mutex);
	if (mutex == NULL) {
		return no_memory();
	}
	const int code = object_open(&mutex->lock.object, region, name, &wanted);
	if (code == DHMEM_OK) {
		*result = mutex;
	} else {
		free(mutex);
	}
	return code;
}

void dhmem_mutex_close(dhmem_mutex *mutex) {
	if (mutex != NULL) {
		lock_close(&mutex->lock);
		free(mutex);
	}
}

static int lock(dhmem_mutex *mutex, double timeout, bool *abandoned) {
	const int code = lock_take(&mutex->lock, timeout);
	if (code == DHMEM_OK && abandoned != NULL) {
		*abandoned = mutex->lock.abandoned;
	}
	return code;
}

int dhmem_lock(dhmem_mutex *mutex, double timeout, bool *abandoned) {
	GUARDED(mutex->lock.object.region, lock(mutex, timeout, abandoned));
}

int dhmem_lock_again(dhmem_mutex *mutex, double timeout) {
	GUARDED(mutex->lock.object.region, lock_take_again(&mutex->lock, timeout));
}

int dhmem_unlock(dhmem_mutex *mutex) {
	GUARDED(mutex->lock.object.region, lock_release(&mutex->lock, false));
}

bool dhmem_is_abandoned(const dhmem_mutex *mutex) {
	return mutex->lock.abandoned;
}

int dhmem_pass_on(dhmem_mutex *mutex) {
	GUARDED(mutex->lock.object.region, lock_release(&mutex->lock, mutex->lock.abandoned));
}
