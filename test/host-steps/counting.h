/*
 * Counts the system calls that a process makes from one library, and ends, stops or fails it at one of them. The functions
 * of the C library that it replaces (counting.c) must come before it: by LD_PRELOAD, or in the program itself.
 */
#ifndef COUNTING_H
#define COUNTING_H

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

enum fate { PASS, FAIL, DIE };

struct arming {
	/* "count", "kill-before", "kill-after", "fail-once", "fail-always" or "stop". */
	const char *mode;
	/* The number of the step at which that happens, from 1. */
	unsigned step;
	/* The error that it fails with. */
	int failure;
	/* If false, no file system has O_TMPFILE. */
	bool has_tmpfile;
	/* Counts some calls that others make on this thread, for the library asked for them. */
	bool counts_thread;
};

/* From now on, the calls that are made from inside the library whose path contains this text may count. */
void steps_find(const char *library);
void steps_arm(const struct arming *arming);
/* Stops counting. Returns how many there were. */
unsigned steps_disarm(void);
/* The name of the step of this index, from 0. */
const char *steps_name(unsigned index);
/* Waits until a child has ended or stopped. Returns its status as waitpid() gives it. */
int steps_wait(pid_t pid);
/* Ends this process by SIGKILL. */
_Noreturn void steps_die(void);

/* For functions that are counted. `by_thread`: counted also when others make it on the thread that has armed. */
enum fate steps_begin(const char *name, const void *caller, bool by_thread);
int steps_failure(void);

#define REAL(type, name, parameters) \
	static type(*real) parameters; \
	if (real == NULL) { \
		real = (type(*) parameters)dlsym(RTLD_NEXT, name); \
	}

/* Failing is what the caller is told. What must not be left undone, `anyway`, is done all the same. */
#define MAKE_OR(type, failed, name, by_thread, anyway, call) \
	const enum fate fate = steps_begin(name, __builtin_return_address(0), by_thread); \
	type result = failed; \
	if (fate != FAIL || (anyway)) { \
		result = call; \
	} \
	if (fate == DIE) { \
		steps_die(); \
	} \
	if (fate == FAIL) { \
		errno = steps_failure(); \
		result = failed; \
	} \
	return result
#define MAKE(type, name, by_thread, anyway, call) MAKE_OR(type, (type)-1, name, by_thread, anyway, call)

#define STEP(type, name, parameters, arguments) \
	type name parameters { \
		REAL(type, #name, parameters) \
		MAKE(type, #name, false, false, real arguments); \
	}

#endif
