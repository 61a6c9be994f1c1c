/* What the files of calls share. */
#ifndef CALLS_INTERNAL_H
#define CALLS_INTERNAL_H

#include "calls.h"

/* Copies the text of a failure. Returns the code. */
int go_note(struct calls *calls, int code);
/* For whom the calls of this thread sleep. */
extern _Thread_local uintptr_t go_sleeper;

/* In Go: the region's lock is released while a thread sleeps. The second says whether the wait shall end. */
extern void goBeforeSleep(uintptr_t waiting);
extern int goAfterSleep(uintptr_t waiting);
extern int goEntry(uintptr_t each, void *key, size_t key_length, void *value, size_t value_length);

/* A call that may sleep, on behalf of the handle `waiting`. */
#define SLEEPING(calls, waiting, call) \
	go_sleeper = (waiting); \
	return go_note(calls, call)

#endif
