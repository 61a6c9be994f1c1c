/*
 * Reading vectors and maps without their mutex, while others change them. If the version of the object is the same before
 * and after, what was read belonged to the object all the time.
 */
#include "internal.h"

/* Runs `look`. A trap of the core in it is no harm: reading changes nothing. */
static int try_look(struct object *object, int (*look)(void *context), void *context, bool *trapped) {
	struct trap trap;
	*trapped = false;
	if (_setjmp(trap_enter(&trap)->back) != 0) {
		trap_leave(&trap);
		*trapped = true;
		return object_corrupt(object);
	}
	const int code = look(context);
	trap_leave(&trap);
	return code;
}

int read_consistently(struct object *object, int turns, int (*look)(void *context), void *context) {
	for (int turn = 0; turn < turns; turn++) {
		bool trapped;
		int code = object_check(object);
		if (code != DHMEM_OK) {
			return code;
		}
		const uint32_t version = object_word(object, CORE_OBJECT_VERSION);
		code = try_look(object, look, context, &trapped);
		atomic_thread_fence(memory_order_seq_cst);
		if (object->region->failed != DHMEM_OK) {
			return code;
		}
		if (object_word(object, CORE_OBJECT_VERSION) == version && object_is_there(object)) {
			return trapped ? region_trapped(object->region) : code;
		}
	}
	return PENDING;
}

int while_locked(struct lock *lock, int (*body)(void *context), void *context) {
	const bool is_held = lock_is_held_here(lock);
	int code = is_held ? object_check(&lock->object) : lock_take(lock, -1);
	if (code != DHMEM_OK) {
		return code;
	}
	code = body(context);
	if (!is_held && lock->object.region->failed == DHMEM_OK) {
		const int unlocked = lock_release(lock, false);
		code = code == DHMEM_OK ? unlocked : code;
	}
	return code;
}
