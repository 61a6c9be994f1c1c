/* Commands with two threads in one opening, which take turns as those of a language with a lock of its own. */
#include "peer.h"

#include <pthread.h>

static struct {
	/* Whoever has it may use the region. */
	pthread_mutex_t own;
	pthread_cond_t changed;
	unsigned sleeps;
	bool is_done;
	/* The first thread has the mutex of the region. */
	bool is_held;
	/* The other thread has looked although it did not have the mutex. */
	bool has_looked;
	int code;
} shared = { .own = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static void *before_sleep(void) {
	shared.sleeps++;
	pthread_cond_broadcast(&shared.changed);
	pthread_mutex_unlock(&shared.own);
	return NULL;
}

static bool after_sleep(void *state) {
	(void)state;
	pthread_mutex_lock(&shared.own);
	return false;
}

static bool is_reached(void *context) {
	const struct line *line = context;
	shared.has_looked = shared.has_looked || shared.is_held;
	return *state_number() == line->number;
}

static void *await(void *context) {
	const struct line *line = context;
	pthread_mutex_lock(&shared.own);
	shared.code = open_state(line);
	if (shared.code == DHMEM_OK) {
		shared.code = dhmem_wait(line->it->condition, thing("turn")->mutex, is_reached, context, patience);
		if (shared.code == DHMEM_OK) {
			shared.code = dhmem_unlock(thing("turn")->mutex);
		}
	}
	shared.is_done = true;
	pthread_cond_broadcast(&shared.changed);
	pthread_mutex_unlock(&shared.own);
	return NULL;
}

/* Until the other thread has slept so many times more, or is done. */
static void let_it_sleep(unsigned times) {
	const unsigned until = shared.sleeps + times;
	while (shared.sleeps < until && !shared.is_done) {
		pthread_cond_wait(&shared.changed, &shared.own);
	}
}

static int change(const struct line *line) {
	int code = open_state(line);
	if (code == DHMEM_OK) {
		*state_number() = line->number;
		code = dhmem_notify_all(line->it->condition);
		/* Once at the condition, and then at the mutex. */
		shared.is_held = true;
		let_it_sleep(4);
		shared.is_held = false;
		const int unlocked = dhmem_unlock(thing("turn")->mutex);
		code = code == DHMEM_OK ? unlocked : code;
	}
	return code;
}

static void run_await_beside(const struct line *line) {
	pthread_t thread;
	pthread_mutex_lock(&shared.own);
	dhmem_on_sleep(region, before_sleep, after_sleep);
	pthread_create(&thread, NULL, await, (void *)line);
	let_it_sleep(1);
	const int code = change(line);
	while (!shared.is_done) {
		pthread_cond_wait(&shared.changed, &shared.own);
	}
	dhmem_on_sleep(region, NULL, NULL);
	pthread_mutex_unlock(&shared.own);
	pthread_join(thread, NULL);
	/* The text of a failure belongs to its thread. */
	if (shared.code < 0) {
		printf("%s in the thread that waits\n", dhmem_code_name(shared.code));
		return;
	}
	answer(code, shared.has_looked ? "looked without the mutex" : "reached");
}

const struct command thread_commands[] = { { "await-beside", run_await_beside }, { NULL, NULL } };
