/*
 * A peer that truncates the file, or a read of a hole on a full file system, must not kill this process. On
 * SIGBUS in a guarded range, the handler replaces every range of the same file by zero pages, and marks the file's
 * first range as broken. Every other fault goes to the handler that was installed before.
 */
#include "internal.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>

/*
 * The handler may run at any instruction of any thread, so it takes no lock. It walks entries that are never
 * freed, and skips an entry whose version is odd or changes meanwhile. It never skips the entry that it
 * needs: the thread that faults in a range keeps that range open, so that entry does not change. Another range of
 * the file may be closed meanwhile, so whoever removes an entry waits until no handler runs.
 */
struct guard {
	atomic_uint version;
	_Atomic uintptr_t start;
	_Atomic size_t length;
	/* A forked child does not have its parent's ranges, and may have other memory at these addresses. */
	atomic_uint generation;
	/* The guard of the file's first range: this one, or another. */
	struct guard *_Atomic first;
	atomic_bool broken;
};

/* What an entry says at one moment. */
struct range {
	uintptr_t start;
	size_t length;
	struct guard *first;
};

#define CHUNK_ENTRIES 256

struct chunk {
	struct guard entries[CHUNK_ENTRIES];
	struct chunk *_Atomic next;
};

static struct chunk first_chunk;
/*
 * The number of handlers that may use entries, in the low half. In the high half is the generation of the process: the
 * handlers of a parent never end in its child.
 */
static _Atomic uint64_t handling;
static pthread_mutex_t writers = PTHREAD_MUTEX_INITIALIZER;
/*
 * The handler that was installed before: SIG_DFL, SIG_IGN or a function. It is a single word, because our
 * handler may run on another thread while it is replaced. The function is called with all three arguments;
 * one that takes only the first ignores the others.
 */
typedef void (*handler)(int number, siginfo_t *info, void *context);
static _Atomic uintptr_t previous;
/* The handler that was there before our first. */
static _Atomic uintptr_t original;

#define OUR_FLAGS (SA_SIGINFO | SA_ONSTACK)

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

static bool is_inherited(const struct guard *guard) {
	return atomic_load(&guard->generation) != forks_generation();
}

/* False if the entry is free, inherited over a fork, or changes meanwhile. */
static bool read_entry(struct guard *guard, struct range *range) {
	const unsigned version = atomic_load(&guard->version);
	*range = (struct range){
		.start = atomic_load(&guard->start),
		.length = atomic_load(&guard->length),
		.first = atomic_load(&guard->first),
	};
	const bool is_own = range->length != 0 && !is_inherited(guard);
	return is_own && version % 2 == 0 && atomic_load(&guard->version) == version;
}

static bool find_range(uintptr_t address, struct range *range) {
	for (struct chunk *chunk = &first_chunk; chunk != NULL; chunk = atomic_load(&chunk->next)) {
		for (size_t i = 0; i < CHUNK_ENTRIES; i++) {
			if (read_entry(&chunk->entries[i], range) && address - range->start < range->length) {
				return true;
			}
		}
	}
	return false;
}

/*
 * Replaces every range of the file, the first one last: its user looks only there for a fault, and must not find one
 * while another range still shows the file. True if the range at `start` was replaced.
 */
static bool lay_zeros_over_file(struct guard *first, uintptr_t start) {
	struct range range;
	bool is_replaced = false;
	for (struct chunk *chunk = &first_chunk; chunk != NULL; chunk = atomic_load(&chunk->next)) {
		for (size_t i = 0; i < CHUNK_ENTRIES; i++) {
			struct guard *guard = &chunk->entries[i];
			if (guard != first && read_entry(guard, &range) && range.first == first) {
				is_replaced |= lay_zeros((void *)range.start, range.length) && range.start == start;
			}
		}
	}
	if (read_entry(first, &range) && range.first == first) {
		is_replaced |= lay_zeros((void *)range.start, range.length) && range.start == start;
	}
	return is_replaced;
}

/* `handling` of this process while no handler runs. */
static uint64_t nobody(void) {
	return (uint64_t)forks_generation() << 32;
}

static void enter_handler(void) {
	uint64_t seen = atomic_load(&handling);
	uint64_t next;
	do {
		next = (seen < nobody() ? nobody() : seen) + 1;
	} while (!atomic_compare_exchange_weak(&handling, &seen, next));
}

static bool catch_fault(uintptr_t address) {
	struct range range;
	enter_handler();
	bool is_ours = find_range(address, &range);
	if (is_ours) {
		atomic_store(&range.first->broken, true);
		is_ours = lay_zeros_over_file(range.first, range.start);
	}
	atomic_fetch_sub(&handling, 1);
	return is_ours;
}

/* sa_handler and sa_sigaction are the same word. */
static uintptr_t handler_in(const struct sigaction *action) {
	return (action->sa_flags & SA_SIGINFO) ? (uintptr_t)action->sa_sigaction : (uintptr_t)action->sa_handler;
}

static void on_bus_error(int number, siginfo_t *info, void *context);

/* True if somebody has put our handler back with other flags than ours. Bun does, after its last listener. */
static bool has_lost_flags(const struct sigaction *action) {
	return handler_in(action) == (uintptr_t)on_bus_error && (action->sa_flags & OUR_FLAGS) != OUR_FLAGS;
}

/* Safe in a signal handler. 0 or an errno. */
static int set_handler(void) {
	struct sigaction action = { .sa_sigaction = on_bus_error, .sa_flags = OUR_FLAGS };
	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) == 0 ? 0 : errno;
}

/* Whoever has put our handler back has taken its own away, so it must not be called any more. */
static int restore_flags(void) {
	atomic_store(&previous, atomic_load(&original));
	return set_handler();
}

static void on_bus_error(int number, siginfo_t *info, void *context) {
	const int error = errno;
	struct sigaction current;
	if (sigaction(number, NULL, &current) == 0 && has_lost_flags(&current)) {
		/* Without SA_SIGINFO, `info` is not valid. The instruction faults again, and then it is. */
		restore_flags();
		errno = error;
		return;
	}
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

static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_int install_error;

static void install(void) {
	struct sigaction current;
	/* Read the old handler first: if one call did both, our handler could run before the old one is stored. */
	if (sigaction(SIGBUS, NULL, &current) != 0) {
		install_error = errno;
	} else if (has_lost_flags(&current)) {
		install_error = restore_flags();
	} else if (handler_in(&current) != (uintptr_t)on_bus_error) {
		atomic_store(&previous, handler_in(&current));
		install_error = set_handler();
	}
}

/* For the first time. */
static void install_first(void) {
	install();
	atomic_store(&original, atomic_load(&previous));
}

static bool is_installed(struct failure *failure) {
	must_succeed(pthread_once(&once, install_first));
	const int error = atomic_load(&install_error);
	return error == 0 || failed_with(failure, "sigaction", -error);
}

bool guard_renew(struct failure *failure) {
	if (!is_installed(failure)) {
		return false;
	}
	must_succeed(pthread_mutex_lock(&writers));
	install();
	must_succeed(pthread_mutex_unlock(&writers));
	return is_installed(failure);
}

static void write_entry(struct guard *guard, uintptr_t start, size_t length, struct guard *first) {
	atomic_fetch_add(&guard->version, 1);
	atomic_store(&guard->start, start);
	atomic_store(&guard->length, length);
	atomic_store(&guard->generation, forks_generation());
	atomic_store(&guard->first, first);
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
			} else if (start < other + other_length && other < start + length && !is_inherited(guard)) {
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

bool guard_add(void *start, size_t length, struct guard *first, struct guard **guard,
	struct failure *failure) {
	if (!is_installed(failure)) {
		return false;
	}
	int error = 0;
	must_succeed(pthread_mutex_lock(&writers));
	*guard = find_free((uintptr_t)start, length, &error);
	if (*guard != NULL) {
		write_entry(*guard, (uintptr_t)start, length, first != NULL ? first : *guard);
	}
	must_succeed(pthread_mutex_unlock(&writers));
	return *guard != NULL || failed_with(failure, "mmap", error);
}

void guard_remove(struct guard *guard) {
	must_succeed(pthread_mutex_lock(&writers));
	write_entry(guard, 0, 0, NULL);
	must_succeed(pthread_mutex_unlock(&writers));
	while (atomic_load(&handling) > nobody()) {
		sched_yield();
	}
}

bool guard_is_broken(const struct guard *guard) {
	return atomic_load(&guard->broken);
}
