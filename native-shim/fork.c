/*
 * A child that forks and does not exec has copies of all descriptors. Through its copy of a lock descriptor it would
 * keep this process's locks when this process dies, and nobody could recover from it. So the child closes those.
 */
#include "shim.h"

#include <pthread.h>
#include <unistd.h>

/*
 * Held wherever a lock descriptor comes or goes, and while the process forks: a child closes all that it has copies of,
 * and never a descriptor that has become something else.
 */
static pthread_mutex_t descriptors = PTHREAD_MUTEX_INITIALIZER;
static struct file *first;

static void before_fork(void) {
	pthread_mutex_lock(&descriptors);
}

static void in_parent(void) {
	pthread_mutex_unlock(&descriptors);
}

/* Of the threads there is only this one, so nothing may be called that takes a lock: close() is permitted. */
static void in_child(void) {
	for (struct file *file = first; file != NULL; file = file->next) {
		close(file->lock_fd);
		file->lock_fd = -1;
		file->inherited = true;
	}
	first = NULL;
	pthread_mutex_unlock(&descriptors);
}

static int install_error;

static void install(void) {
	install_error = pthread_atfork(before_fork, in_parent, in_child);
}

bool forks_hold(struct failure *failure) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, install);
	if (install_error != 0) {
		return failed_with(failure, "pthread_atfork", install_error);
	}
	pthread_mutex_lock(&descriptors);
	return true;
}

void forks_release(struct file *file) {
	if (file->lock_fd >= 0) {
		file->previous = NULL;
		file->next = first;
		if (first != NULL) {
			first->previous = file;
		}
		first = file;
	}
	pthread_mutex_unlock(&descriptors);
}

void forks_close(struct file *file) {
	pthread_mutex_lock(&descriptors);
	if (file->lock_fd >= 0) {
		*(file->previous != NULL ? &file->previous->next : &first) = file->next;
		if (file->next != NULL) {
			file->next->previous = file->previous;
		}
		close(file->lock_fd);
		file->lock_fd = -1;
	}
	pthread_mutex_unlock(&descriptors);
}
