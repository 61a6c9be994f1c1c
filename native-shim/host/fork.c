/*
 * A forked child that does not exec has copies of all descriptors. Its copy of a lock descriptor would keep
 * this process's locks alive after this process dies, so no one could recover it. Its copy of a pipe would keep the
 * pipe's reader alive, so no one would notice the death. So the child closes these copies.
 */
#include "internal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <unistd.h>

/*
 * Held while one of these descriptors is opened or closed, and while the process forks. So a child closes every copy
 * that it has, and never a descriptor that has been reused for another file.
 */
static pthread_mutex_t descriptors = PTHREAD_MUTEX_INITIALIZER;
static struct file *first;
/* The number of forks between the process that installed this and this one. */
static atomic_uint generation;

static void before_fork(void) {
	must_succeed(pthread_mutex_lock(&descriptors));
}

static void in_parent(void) {
	must_succeed(pthread_mutex_unlock(&descriptors));
}

static void close_one(int *fd) {
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

/* Only this thread exists in the child, so call nothing that takes a lock. close() takes none. */
static void in_child(void) {
	for (struct file *file = first; file != NULL; file = file->next) {
		close_one(&file->lock_fd);
		close_one(&file->pipe_fd);
		for (size_t i = 0; i < PEER_PIPES; i++) {
			close_one(&file->peer_fds[i]);
		}
		file->inherited = true;
	}
	first = NULL;
	atomic_fetch_add(&generation, 1);
	must_succeed(pthread_mutex_unlock(&descriptors));
}

unsigned forks_generation(void) {
	return atomic_load(&generation);
}

static int install_error;

#ifdef DHMEM_BUILD
/* A library is built for the C library of its program, also a static one. */
static void install(void) {
	install_error = pthread_atfork(before_fork, in_parent, in_child);
}
#else
typedef void (*handler)(void);

/*
 * glibc has pthread_atfork() only as a static function, which calls the shared __register_atfork(). musl has only a
 * shared pthread_atfork(). One binary is for both, so it asks which is there. The handlers are never removed, and
 * need not be: the library stays loaded (node/addon.c).
 */
static void install(void) {
	int (*in_glibc)(handler, handler, handler, void *);
	int (*in_musl)(handler, handler, handler);
	*(void **)&in_glibc = dlsym(RTLD_DEFAULT, "__register_atfork");
	*(void **)&in_musl = dlsym(RTLD_DEFAULT, "pthread_atfork");
	if (in_glibc != NULL) {
		install_error = in_glibc(before_fork, in_parent, in_child, NULL);
	} else if (in_musl != NULL) {
		install_error = in_musl(before_fork, in_parent, in_child);
	} else {
		install_error = ENOSYS;
	}
}
#endif

bool forks_hold(struct failure *failure) {
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	must_succeed(pthread_once(&once, install));
	if (install_error != 0) {
		return failed_with(failure, "pthread_atfork", -install_error);
	}
	must_succeed(pthread_mutex_lock(&descriptors));
	return true;
}

void forks_release(void) {
	must_succeed(pthread_mutex_unlock(&descriptors));
}

void forks_add(struct file *file) {
	file->previous = NULL;
	file->next = first;
	if (first != NULL) {
		first->previous = file;
	}
	first = file;
}

void forks_close(struct file *file) {
	must_succeed(pthread_mutex_lock(&descriptors));
	if (file->lock_fd >= 0) {
		*(file->previous != NULL ? &file->previous->next : &first) = file->next;
		if (file->next != NULL) {
			file->next->previous = file->previous;
		}
		close(file->lock_fd);
		file->lock_fd = -1;
	}
	must_succeed(pthread_mutex_unlock(&descriptors));
}

void forks_each(void (*act)(const struct file *file)) {
	/* Another thread that holds this may have ended already. */
	if (pthread_mutex_trylock(&descriptors) == 0) {
		for (const struct file *file = first; file != NULL; file = file->next) {
			act(file);
		}
		must_succeed(pthread_mutex_unlock(&descriptors));
	}
}

void forks_close_descriptor(int *fd) {
	must_succeed(pthread_mutex_lock(&descriptors));
	close_one(fd);
	must_succeed(pthread_mutex_unlock(&descriptors));
}
