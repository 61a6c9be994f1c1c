/*
 * A trap of the core: it has found an impossible value in the region. It ends in the function of the interface that
 * called the core, by longjmp(), so nothing may hold memory or a lock across a call of the core that only its own
 * stack frame knows of.
 */
#include "internal.h"

static _Thread_local struct trap *innermost;

struct trap *trap_enter(struct trap *trap) {
	trap->innermost = &innermost;
	trap->outer = innermost;
	innermost = trap;
	return trap;
}

/* What wasm2c's output needs of its runtime, under the names that the Makefile gives these. */

void wasm_rt_trap(wasm_rt_trap_t code) {
	(void)code;
	_longjmp(innermost->back, 1);
}

bool wasm_rt_is_initialized(void) {
	return true;
}

wasm_rt_shared_memory_t *w2c_env_memory(struct w2c_env *region) {
	return &((dhmem_region *)region)->memory;
}
