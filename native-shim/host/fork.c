/*
 * A forked child that does not exec has copies of all descriptors. Its copy of a lock descriptor would keep
 * this process's locks alive after this process dies, so no one could recover it. So the child closes its
 * copies of the lock descriptors.
 */
#include "internal.h"

#include <pthread.h>
#include <unistd.h>

/*
 * Held while a lock descriptor is opened or closed, and while the process forks. So a child closes every copy
 * that it has, and never a descriptor that has been reused for another file.
 */
static pthread_mutex_t descriptors = PTHREAD_MUTEX_INITIALIZER;
static struct file *first;

static void before_fork(void) {
	pthread_mutex_lock(&descriptors);
}

static void in_parent(void) {
	pthread_mutex_unlock(&descriptors);
}

/* Only this thread exists in the child, so call nothing that takes a lock. close() takes none. */
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
		return failed_with(failure, "pthread_atfork", -install_error);
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
