/* Exports about named pipes: the one that wakes this thread's event loop, and those that wake peers. */
#include "node.h"

napi_value js_make_pipe(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	char path[PATH_BYTES];
	struct failure failure;
	if (!call_begin(&call, env, info, "makePipe") || !take_watched(&call, &handle) ||
		!take_path(&call, 1, path)) {
		return NULL;
	}
	if (handle->pipe != NULL) {
		return throw_code(&call, "EBUSY", "the file has a pipe already");
	}
	if (!handle_make_pipe(handle, path, &failure)) {
		return throw_failure(&call, &failure, path);
	}
	return NULL;
}

napi_value js_arm_pipe(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (!call_begin(&call, env, info, "armPipe") || !take_watched(&call, &handle)) {
		return NULL;
	}
	if (handle->pipe == NULL) {
		return throw_code(&call, "EINVAL", "the file has no pipe");
	}
	handle_arm_pipe(handle);
	return NULL;
}

napi_value js_remove_pipe(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (call_begin(&call, env, info, "removePipe") && take_file(&call, 0, OPEN_FILE, &handle)) {
		handle_remove_pipe(handle);
	}
	return NULL;
}

static bool take_peer(const struct call *call, struct handle **handle, uint32_t *index) {
	double value;
	if (!take_file(call, 0, OPEN_FILE, handle) || !take_integer(call, 1, 0, PEER_PIPES - 1, &value)) {
		return false;
	}
	*index = (uint32_t)value;
	return true;
}

napi_value js_connect_pipe(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t index;
	char path[PATH_BYTES];
	struct stat status;
	struct failure failure;
	if (!call_begin(&call, env, info, "connectPipe") || !take_peer(&call, &handle, &index) ||
		!take_path(&call, 2, path)) {
		return NULL;
	}
	handle_unwatch_peer(handle, index);
	if (!pipe_connect(&handle->file, index, path, &status, &failure)) {
		return throw_failure(&call, &failure, path);
	}
	return owner_of(env, &status);
}

napi_value js_disconnect_pipe(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t index;
	if (call_begin(&call, env, info, "disconnectPipe") && take_peer(&call, &handle, &index)) {
		handle_unwatch_peer(handle, index);
		pipe_disconnect(&handle->file, index);
	}
	return NULL;
}

napi_value js_ring_pipe(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t index;
	bool rung;
	struct failure failure;
	if (!call_begin(&call, env, info, "ringPipe") || !take_peer(&call, &handle, &index)) {
		return NULL;
	}
	if (!pipe_ring(&handle->file, index, &rung, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return boolean(env, rung);
}

napi_value js_watch_pipe(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t index;
	struct failure failure;
	if (!call_begin(&call, env, info, "watchPipe") || !take_watched(&call, &handle) ||
		!take_peer(&call, &handle, &index)) {
		return NULL;
	}
	if (!handle_watch_peer(handle, index, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return NULL;
}

napi_value js_remove_dead_pipe(napi_env env, napi_callback_info info) {
	struct call call;
	char path[PATH_BYTES];
	bool removed;
	struct failure failure;
	if (!call_begin(&call, env, info, "removeDeadPipe") || !take_path(&call, 0, path)) {
		return NULL;
	}
	if (!pipe_remove_litter(path, &removed, &failure)) {
		return throw_failure(&call, &failure, path);
	}
	return boolean(env, removed);
}
