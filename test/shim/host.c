/*
 * native-shim/host without Node: makes a file in the folder that is named, maps it, waits until another thread rings,
 * and finds that the kernel knows who holds a lock. Exits with 0 if all of that worked.
 */
#include "host.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE 65536

static void check(bool worked, const char *what) {
	if (!worked) {
		fprintf(stderr, "host alone: %s failed\n", what);
		exit(1);
	}
}

static void must(bool done, const struct failure *failure) {
	if (!done) {
		fprintf(stderr, "host alone: %s: %s\n", failure->syscall, strerror(-failure->error));
		exit(1);
	}
}

static void map(struct mapping *mapping, const struct file *file) {
	struct failure failure;
	void *memory = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	check(memory != MAP_FAILED, "mmap");
	must(mapping_open(mapping, file, memory, false, &failure), &failure);
}

/* Rings the doorbell through a mapping of its own. */
static void *ring(void *data) {
	_Atomic uint32_t *word = data;
	struct failure failure;
	uint32_t woken;
	atomic_store(word, 1);
	must(futex_wake(word, &woken, &failure), &failure);
	return NULL;
}

static void on_fired(void *owner) {
	sem_post(owner);
}

int main(int count, char **arguments) {
	check(count == 2, "reading the arguments");
	char path[4096];
	snprintf(path, sizeof path, "%s/region", arguments[1]);

	struct failure failure;
	struct file file, peer;
	bool taken, held;
	must(file_create(&file, arguments[1], SIZE, 0600, &failure), &failure);
	must(file_commit(&file, 0, SIZE, &failure), &failure);
	must(file_publish(&file, path, false, &taken, &failure), &failure);
	check(!taken, "publishing");
	must(file_open(&peer, path, true, &failure), &failure);
	must(lock_try(&file, 0, &taken, &failure), &failure);
	must(lock_is_held(&peer, 0, &held, &failure), &failure);
	check(taken && held, "seeing a lock");

	struct mapping ours, theirs;
	map(&ours, &file);
	map(&theirs, &peer);
	const _Atomic uint32_t *word = mapping_word(&ours, 0);
	check(futex_wait(word, 0, clock_after(1), &failure) == AWAITED_TIMEOUT, "waiting in vain");

	sem_t fired;
	sem_init(&fired, 0, 0);
	struct waiter *waiter = waiter_open(word, on_fired, &fired);
	check(waiter != NULL, "waiter_open");
	must(waiter_arm(waiter, 0, 1e9, &failure), &failure);
	pthread_t thread;
	pthread_create(&thread, NULL, ring, theirs.start);
	check(futex_wait(word, 0, NEVER, &failure) == AWAITED_RING, "waiting");
	sem_wait(&fired);
	check(waiter_take(waiter) && !waiter_is_armed(waiter), "waking the waiter");
	pthread_join(thread, NULL);
	waiter_close(waiter);

	check(truncate(path, 0) == 0 && theirs.start[4096] == 0 && mapping_is_broken(&theirs),
		"catching a fault");
	mapping_close(&ours);
	mapping_close(&theirs);
	check(mappings_open() == 0, "counting the mappings");
	file_close(&file);
	must(lock_is_held(&peer, 0, &held, &failure), &failure);
	check(!held, "losing a lock");
	file_close(&peer);
	unlink(path);
	return 0;
}
