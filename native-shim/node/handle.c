/*
 * The lifetime of a File. JavaScript creates it, and it ends with closeFile, garbage collection, or the end
 * of its thread, whichever comes first. All three call handle_close().
 */
#include "node.h"

#include <stdlib.h>

/* Random, so that objects of other addons don't have this tag. Copies of a File don't have it either. */
static const napi_type_tag file_tag = { 0x9d3fb2c64e7a41d8, 0xb51c08e9f27d6a3f };

static void on_collected(napi_env env, void *data, void *hint) {
	(void)env;
	(void)hint;
	handle_close(data);
	free(data);
}

/* Runs before the engine frees the memory of this thread, so it can still replace the mapping. */
static void on_environment_end(void *data) {
	handle_close(data);
}

struct handle *handle_create(napi_env env, napi_value *object) {
	struct handle *handle = calloc(1, sizeof *handle);
	if (handle == NULL) {
		napi_throw_error(env, "ENOMEM", "out of memory (ENOMEM)");
		return NULL;
	}
	handle->env = env;
	handle->closed = true;
	file_clear(&handle->file);
	for (uint32_t i = 0; i < PEER_PIPES; i++) {
		handle->peers[i].handle = handle;
	}
	if (napi_create_object(env, object) != napi_ok ||
		napi_wrap(env, *object, handle, on_collected, NULL, NULL) != napi_ok) {
		free(handle);
		return NULL;
	}
	return napi_type_tag_object(env, *object, &file_tag) == napi_ok ? handle : NULL;
}

void handle_opened(struct handle *handle) {
	handle->closed = false;
	napi_add_env_cleanup_hook(handle->env, on_environment_end, handle);
}

struct handle *handle_of(napi_env env, napi_value object) {
	napi_valuetype type;
	bool is_file = false;
	void *data = NULL;
	if (napi_typeof(env, object, &type) != napi_ok || type != napi_object) {
		return NULL;
	}
	if (napi_check_object_type_tag(env, object, &file_tag, &is_file) != napi_ok || !is_file) {
		return NULL;
	}
	return napi_unwrap(env, object, &data) == napi_ok ? data : NULL;
}

/* Keeps the File from being collected while a call may come. */
static void pin(struct handle *handle) {
	const bool wanted = watch_is_armed(handle->watch) || handle->pipe_armed;
	uint32_t count;
	if (wanted != handle->pinned) {
		handle->pinned = wanted;
		if (wanted) {
			napi_reference_ref(handle->env, handle->self, &count);
		} else {
			napi_reference_unref(handle->env, handle->self, &count);
		}
	}
}

/*
 * An exception in the callback would only cause a deprecation warning. Make it an uncaught exception like any other.
 */
static void report_exception(napi_env env) {
	napi_value error;
	bool is_thrown = false;
	if (napi_is_exception_pending(env, &is_thrown) == napi_ok && is_thrown &&
		napi_get_and_clear_last_exception(env, &error) == napi_ok) {
		napi_fatal_exception(env, error);
	}
}

/* False if they were collected. The local handles keep both alive for as long as the callback runs. */
static bool find_callback(struct handle *handle, napi_value *self, napi_value *function) {
	return napi_get_reference_value(handle->env, handle->self, self) == napi_ok && *self != NULL &&
		napi_get_reference_value(handle->env, handle->on_ring, function) == napi_ok && *function != NULL;
}

static void on_rung(napi_env env, void *owner) {
	struct handle *handle = owner;
	napi_value self, function, receiver;
	const bool is_found =
		find_callback(handle, &self, &function) && napi_get_undefined(env, &receiver) == napi_ok;
	pin(handle);
	if (is_found && napi_call_function(env, receiver, function, 0, NULL, NULL) != napi_ok) {
		report_exception(env);
	}
}

/* Calls from the event loop itself, which runs promises and ticks afterwards. */
static void call_from_loop(struct handle *handle, const double *index) {
	const napi_env env = handle->env;
	napi_handle_scope scope;
	napi_value self, function, argument = NULL;
	if (napi_open_handle_scope(env, &scope) != napi_ok) {
		return;
	}
	const bool is_found = find_callback(handle, &self, &function) &&
		(index == NULL || (argument = number(env, *index)) != NULL);
	pin(handle);
	if (is_found &&
		napi_make_callback(env, NULL, self, function, index == NULL ? 0 : 1, &argument, NULL) != napi_ok) {
		report_exception(env);
	}
	napi_close_handle_scope(env, scope);
}

/*
 * The File keeps the function as a property, and we keep only a weak reference. Otherwise a function that
 * refers to its File, as most do, would keep an unclosed File alive for ever.
 */
static bool keep_function(struct handle *handle, napi_value object, napi_value on_ring) {
	napi_value description, symbol;
	if (napi_create_string_utf8(handle->env, "onRing", NAPI_AUTO_LENGTH, &description) != napi_ok ||
		napi_create_symbol(handle->env, description, &symbol) != napi_ok) {
		return false;
	}
	const napi_property_descriptor property = { .name = symbol, .value = on_ring };
	return napi_define_properties(handle->env, object, 1, &property) == napi_ok &&
		napi_create_reference(handle->env, on_ring, 0, &handle->on_ring) == napi_ok &&
		napi_create_reference(handle->env, object, 0, &handle->self) == napi_ok;
}

static void delete_reference(napi_env env, napi_ref *reference) {
	if (*reference != NULL) {
		napi_delete_reference(env, *reference);
		*reference = NULL;
	}
}

bool handle_watch(struct handle *handle, napi_value object, napi_value on_ring, size_t offset) {
	if (keep_function(handle, object, on_ring)) {
		handle->watch = watch_open(handle->env, mapping_word(&handle->mapping, offset), on_rung, handle);
	}
	if (handle->watch == NULL) {
		delete_reference(handle->env, &handle->on_ring);
		delete_reference(handle->env, &handle->self);
		return false;
	}
	/*
	 * Hooks run in reverse order, and ours must stop the thread before the hook of the thread-safe function
	 * runs.
	 */
	napi_remove_env_cleanup_hook(handle->env, on_environment_end, handle);
	napi_add_env_cleanup_hook(handle->env, on_environment_end, handle);
	return true;
}

bool handle_arm(struct handle *handle, uint32_t expected, double slice, struct failure *failure) {
	const bool done = watch_arm(handle->watch, expected, slice, failure);
	pin(handle);
	return done;
}

static void set_pipe_armed(struct handle *handle, bool armed) {
	handle->pipe_armed = armed;
	poller_reference(handle->pipe, armed);
}

void handle_disarm(struct handle *handle) {
	watch_disarm(handle->watch);
	if (handle->pipe != NULL) {
		set_pipe_armed(handle, false);
	}
	pin(handle);
}

/* A ring that comes while it is not armed was for a wait that is over. */
static void on_pipe(void *owner) {
	struct handle *handle = owner;
	pipe_drain(&handle->file);
	if (handle->pipe_armed) {
		set_pipe_armed(handle, false);
		call_from_loop(handle, NULL);
	}
}

bool handle_make_pipe(struct handle *handle, const char *path, struct failure *failure) {
	if (!pipe_make(&handle->file, path, failure)) {
		return false;
	}
	handle->pipe = poller_open(handle->env, handle->file.pipe_fd, CAN_READ, on_pipe, handle, failure);
	if (handle->pipe == NULL) {
		pipe_remove(&handle->file);
	}
	return handle->pipe != NULL;
}

void handle_arm_pipe(struct handle *handle) {
	set_pipe_armed(handle, true);
	pin(handle);
}

void handle_remove_pipe(struct handle *handle) {
	if (handle->pipe != NULL) {
		set_pipe_armed(handle, false);
		pin(handle);
		poller_close(handle->pipe);
		handle->pipe = NULL;
		pipe_remove(&handle->file);
	}
}

static void on_peer_lost(void *owner) {
	const struct peer *peer = owner;
	struct handle *handle = peer->handle;
	const double index = (double)(peer - handle->peers);
	call_from_loop(handle, &index);
}

bool handle_watch_peer(struct handle *handle, uint32_t index, struct failure *failure) {
	struct peer *peer = &handle->peers[index];
	handle_unwatch_peer(handle, index);
	peer->poller =
		poller_open(handle->env, handle->file.peer_fds[index], DISCONNECTED, on_peer_lost, peer, failure);
	return peer->poller != NULL;
}

void handle_unwatch_peer(struct handle *handle, uint32_t index) {
	struct peer *peer = &handle->peers[index];
	if (peer->poller != NULL) {
		poller_close(peer->poller);
		peer->poller = NULL;
	}
}

/* In the child of a fork the event loop is the parent's. */
static void close_pollers(struct handle *handle) {
	if (handle->file.inherited) {
		return;
	}
	for (uint32_t i = 0; i < PEER_PIPES; i++) {
		handle_unwatch_peer(handle, i);
	}
	if (handle->pipe != NULL) {
		poller_close(handle->pipe);
		handle->pipe = NULL;
	}
	handle->pipe_armed = false;
}

/* The windows first, and the mapping that their guards refer to after them. */
static void close_mappings(struct handle *handle) {
	while (handle->windows != NULL) {
		struct window *window = handle->windows;
		handle->windows = window->next;
		if (!handle->file.inherited) {
			mapping_close(&window->mapping);
		}
		delete_reference(handle->env, &window->memory);
		free(window);
	}
	if (handle->mapped && !handle->file.inherited) {
		handle->broken = mapping_is_broken(&handle->mapping);
		mapping_close(&handle->mapping);
		handle->mapped = false;
	}
}

void handle_close(struct handle *handle) {
	if (handle->closed) {
		return;
	}
	handle->closed = true;
	/*
	 * The thread sleeps on the mapping, so it ends first. The lock is dropped last, when nothing uses the file
	 * any more.
	 */
	if (handle->watch != NULL && !handle->file.inherited) {
		watch_close(handle->watch);
		handle->watch = NULL;
	}
	close_mappings(handle);
	close_pollers(handle);
	file_close(&handle->file);
	delete_reference(handle->env, &handle->memory);
	delete_reference(handle->env, &handle->on_ring);
	delete_reference(handle->env, &handle->self);
	napi_remove_env_cleanup_hook(handle->env, on_environment_end, handle);
}
