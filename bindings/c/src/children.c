/*
 * What a forked child has in place of the mappings. The kernel leaves them out of it (MADV_DONTFORK), so a pointer into a
 * region would end it by a signal. It gets private zero pages there, as this process does when it closes a region.
 */
#include "internal.h"

#include <pthread.h>
#include <sys/mman.h>

/* Since Linux 4.17; older kernels take the address for a hint. */
#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

/* Held while the list changes, and while the process forks. */
static pthread_mutex_t changing = PTHREAD_MUTEX_INITIALIZER;
static struct shown *first;

static void before_fork(void) {
	pthread_mutex_lock(&changing);
}

static void after_fork(void) {
	pthread_mutex_unlock(&changing);
}

/* Never over something that another handler of this fork has mapped there. */
static bool lay_zeros(const struct shown *shown, int protection) {
	const int flags = MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	void *const laid = mmap(shown->start, shown->length, protection, flags, -1, 0);
	if (laid != MAP_FAILED && laid != shown->start) {
		munmap(laid, shown->length);
	}
	return laid == shown->start;
}

/* Only this thread exists in the child, so this calls nothing that takes a lock. */
static void in_child(void) {
	for (struct shown *shown = first; shown != NULL; shown = shown->next) {
		/* Under strict overcommit writable pages may be refused. */
		shown->is_lost = !lay_zeros(shown, PROT_READ | PROT_WRITE) && !lay_zeros(shown, PROT_READ);
		shown->is_listed = false;
	}
	first = NULL;
	after_fork();
}

static int install_error;

static void install(void) {
	install_error = pthread_atfork(before_fork, after_fork, in_child);
}

bool children_show_zeros(struct shown *shown, void *start, size_t length, struct failure *failure) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, install);
	if (install_error != 0) {
		*failure = (struct failure){ .error = -install_error, .syscall = "pthread_atfork" };
		return false;
	}
	*shown = (struct shown){ .start = start, .length = length, .is_listed = true };
	pthread_mutex_lock(&changing);
	shown->next = first;
	if (first != NULL) {
		first->previous = shown;
	}
	first = shown;
	pthread_mutex_unlock(&changing);
	return true;
}

void children_forget(struct shown *shown) {
	pthread_mutex_lock(&changing);
	if (shown->is_listed) {
		*(shown->previous != NULL ? &shown->previous->next : &first) = shown->next;
		if (shown->next != NULL) {
			shown->next->previous = shown->previous;
		}
		shown->is_listed = false;
	}
	pthread_mutex_unlock(&changing);
}
