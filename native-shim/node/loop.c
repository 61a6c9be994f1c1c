/*
 * Asks the event loop to call when a descriptor is ready. Node's event loop is libuv's, whose functions are looked up
 * by name: other runtimes have no libuv, and we need none of its headers.
 */
#include "node.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

/* Constants of libuv's ABI: the type of uv_poll_t, and events. */
#define UV_POLL 8
#define UV_READABLE 1
#define UV_DISCONNECT 4

struct functions {
	napi_status (*loop_of)(napi_env env, void **loop);
	size_t (*size_of)(int type);
	int (*init)(void *loop, void *handle, int fd);
	int (*start)(void *handle, int events, void (*ready)(void *handle, int status, int events));
	void (*close)(void *handle, void (*closed)(void *handle));
	void (*ref)(void *handle);
	void (*unref)(void *handle);
};

struct poller {
	struct functions uv;
	/* A uv_poll_t. */
	void *handle;
	void (*ready)(void *owner);
	void *owner;
	bool referenced;
};

static bool find(void *function, const char *name) {
	*(void **)function = dlsym(RTLD_DEFAULT, name);
	return *(void **)function != NULL;
}

static bool find_all(struct functions *uv) {
	return find(&uv->loop_of, "napi_get_uv_event_loop") && find(&uv->size_of, "uv_handle_size") &&
		find(&uv->init, "uv_poll_init") && find(&uv->start, "uv_poll_start") &&
		find(&uv->close, "uv_close") && find(&uv->ref, "uv_ref") && find(&uv->unref, "uv_unref");
}

/* The user's pointer, `data`, is the first member of every handle of libuv. */
static struct poller *poller_of(void *handle) {
	return *(void **)handle;
}

/* A dead reader is an error of the descriptor, after which libuv has stopped the handle. */
static void on_ready(void *handle, int status, int events) {
	(void)status;
	(void)events;
	struct poller *poller = poller_of(handle);
	if (poller->ready != NULL) {
		poller->ready(poller->owner);
	}
}

static void on_closed(void *handle) {
	struct poller *poller = poller_of(handle);
	free(poller);
	free(handle);
}

struct poller *poller_open(napi_env env, int fd, enum readiness readiness, void (*ready)(void *owner),
	void *owner, struct failure *failure) {
	struct poller *poller = calloc(1, sizeof *poller);
	void *loop;
	*failure = (struct failure){ .error = -ENOSYS, .syscall = "uv_poll_init" };
	if (poller == NULL || !find_all(&poller->uv) || poller->uv.loop_of(env, &loop) != napi_ok) {
		free(poller);
		return NULL;
	}
	poller->ready = ready;
	poller->owner = owner;
	poller->handle = calloc(1, poller->uv.size_of(UV_POLL));
	const int error = poller->handle == NULL ? -ENOMEM : poller->uv.init(loop, poller->handle, fd);
	if (error != 0) {
		failure->error = error;
		free(poller->handle);
		free(poller);
		return NULL;
	}
	*(void **)poller->handle = poller;
	poller->uv.unref(poller->handle);
	failure->error =
		poller->uv.start(poller->handle, readiness == CAN_READ ? UV_READABLE : UV_DISCONNECT, on_ready);
	if (failure->error != 0) {
		poller_close(poller);
		return NULL;
	}
	return poller;
}

void poller_reference(struct poller *poller, bool wanted) {
	if (wanted != poller->referenced) {
		poller->referenced = wanted;
		(wanted ? poller->uv.ref : poller->uv.unref)(poller->handle);
	}
}

void poller_close(struct poller *poller) {
	poller->ready = NULL;
	poller->uv.close(poller->handle, on_closed);
}
