/*
 * A peer that truncates the file, or a read of a hole on a full file system, must not kill this process. On
 * SIGBUS in a guarded range, the handler replaces the whole range by zero pages and marks it as broken. Every
 * other fault goes to the handler that was installed before.
 */
#include "internal.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

/*
 * The handler may run at any instruction of any thread, so it takes no lock. It walks entries that are never
 * freed, and skips an entry whose version is odd or changes meanwhile. It never skips the entry that it
 * needs: the thread that faults in a range keeps that range open, so that entry does not change.
 */
struct guard {
	atomic_uint version;
	_Atomic uintptr_t start;
	_Atomic size_t length;
	atomic_bool broken;
};

#define CHUNK_ENTRIES 256

struct chunk {
	struct guard entries[CHUNK_ENTRIES];
	struct chunk *_Atomic next;
};

static struct chunk first_chunk;
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;
/*
 * The handler that was installed before: SIG_DFL, SIG_IGN or a function. It is a single word, because our
 * handler may run on another thread while it is replaced. The function is called with all three arguments;
 * one that takes only the first ignores the others.
 */
typedef void (*handler)(int number, siginfo_t *info, void *context);
static _Atomic uintptr_t previous;

bool lay_zeros(void *start, size_t length) {
	const int flags = MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	/*
	 * Writable even if the mapping was not, because the kernel refuses a futex on a page that can never change.
	 */
	if (mmap(start, length, PROT_READ | PROT_WRITE, flags, -1, 0) != MAP_FAILED) {
		return true;
	}
	/* Under strict overcommit writable pages may be refused. Read-only ones are the next best. */
	return mmap(start, length, PROT_READ, flags, -1, 0) != MAP_FAILED;
}

static bool catch_fault(uintptr_t address) {
	for (struct chunk *chunk = &first_chunk; chunk != NULL; chunk = atomic_load(&chunk->next)) {
		for (size_t i = 0; i < CHUNK_ENTRIES; i++) {
			struct guard *guard = &chunk->entries[i];
			const unsigned version = atomic_load(&guard->version);
			const uintptr_t start = atomic_load(&guard->start);
			const size_t length = atomic_load(&guard->length);
			if (address - start >= length || version % 2 != 0 || atomic_load(&guard->version) != version) {
				continue;
			}
			atomic_store(&guard->broken, true);
			return lay_zeros((void *)start, length);
		}
	}
	return false;
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
	const int error = errno;
	/* Not BUS_ADRALN, which zero pages would not fix, and not a signal that a process has sent. */
	const bool is_page =
		info->si_code == BUS_ADRERR || info->si_code == BUS_OBJERR || info->si_code == BUS_MCEERR_AR;
	if (is_page && catch_fault((uintptr_t)info->si_addr)) {
		errno = error;
		return;
	}
	const uintptr_t other = atomic_load(&previous);
	if (other != (uintptr_t)SIG_DFL && other != (uintptr_t)SIG_IGN) {
		((handler)other)(number, info, context);
	} else if (info->si_code > 0) {
		/* When we return, the instruction faults again, and the process dies as it would have without us. */
		signal(number, SIG_DFL);
	} else if (other == (uintptr_t)SIG_DFL) {
		signal(number, SIG_DFL);
		raise(number);
	}
	errno = error;
}

/* sa_handler and sa_sigaction are the same word. */
static uintptr_t handler_in(const struct sigaction *action) {
	return (action->sa_flags & SA_SIGINFO) ? (uintptr_t)action->sa_sigaction : (uintptr_t)action->sa_handler;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int install_error;

static void install(void) {
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	struct sigaction current;
	sigemptyset(&action.sa_mask);
	/* Read the old handler first: if one call did both, our handler could run before the old one is stored. */
	if (sigaction(SIGBUS, NULL, &current) != 0) {
		install_error = errno;
		return;
	}
	if (handler_in(&current) != (uintptr_t)on_bus_error) {
		atomic_store(&previous, handler_in(&current));
		install_error = sigaction(SIGBUS, &action, NULL) == 0 ? 0 : errno;
	}
}

static bool is_installed(struct failure *failure) {
	pthread_once(&once, install);
	const int error = atomic_load(&install_error);
	return error == 0 || failed_with(failure, "sigaction", -error);
}

bool guard_renew(struct failure *failure) {
	if (!is_installed(failure)) {
		return false;
	}
	pthread_mutex_lock(&writers);
	install();
	pthread_mutex_unlock(&writers);
	return is_installed(failure);
}

static void write_entry(struct guard *guard, uintptr_t start, size_t length) {
	atomic_fetch_add(&guard->version, 1);
	atomic_store(&guard->start, start);
	atomic_store(&guard->length, length);
	atomic_store(&guard->broken, false);
	atomic_fetch_add(&guard->version, 1);
}

/* Call with `writers` held. A free entry has the length 0. */
static struct guard *find_free(uintptr_t start, size_t length, int *error) {
	struct guard *found = NULL;
	for (struct chunk *chunk = &first_chunk;;) {
		for (size_t i = 0; i < CHUNK_ENTRIES; i++) {
			struct guard *guard = &chunk->entries[i];
			const uintptr_t other = atomic_load(&guard->start);
			const size_t other_length = atomic_load(&guard->length);
			if (other_length == 0) {
				found = found != NULL ? found : guard;
			} else if (start < other + other_length && other < start + length) {
				*error = -EBUSY;
				return NULL;
			}
		}
		struct chunk *next = atomic_load(&chunk->next);
		if (next == NULL && found == NULL) {
			next = calloc(1, sizeof *next);
			if (next == NULL) {
				*error = -ENOMEM;
				return NULL;
			}
			atomic_store(&chunk->next, next);
		}
		if (next == NULL) {
			return found;
		}
		chunk = next;
	}
}

bool guard_add(void *start, size_t length, struct guard **guard, struct failure *failure) {
	if (!is_installed(failure)) {
		return false;
	}
	int error = 0;
	pthread_mutex_lock(&writers);
	*guard = find_free((uintptr_t)start, length, &error);
	if (*guard != NULL) {
		write_entry(*guard, (uintptr_t)start, length);
	}
	pthread_mutex_unlock(&writers);
	return *guard != NULL || failed_with(failure, "mmap", error);
}

void guard_remove(struct guard *guard) {
	pthread_mutex_lock(&writers);
	write_entry(guard, 0, 0);
	pthread_mutex_unlock(&writers);
}

bool guard_is_broken(const struct guard *guard) {
	return atomic_load(&guard->broken);
}
