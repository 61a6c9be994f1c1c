/* Exports that sleep on a word of a mapped file, and that wake sleepers. */
#include "node.h"

static bool take_offset(const struct call *call, struct handle **handle, size_t *offset) {
	double value;
	if (!take_file(call, 0, MAPPED_FILE, handle) ||
		!take_integer(call, 1, 0, (double)((*handle)->mapping.length - sizeof(uint32_t)), &value)) {
		return false;
	}
	*offset = (size_t)value;
	if (*offset % sizeof(uint32_t) != 0) {
		throw_type(call, "argument 2 must be a multiple of 4");
		return false;
	}
	return true;
}

napi_value js_wait(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	size_t offset;
	uint32_t expected;
	double timeout;
	struct failure failure;
	if (!call_begin(&call, env, info, "wait") || !take_offset(&call, &handle, &offset) ||
		!take_word(&call, 2, &expected) || !take_milliseconds(&call, 3, &timeout)) {
		return NULL;
	}
	const enum awaited awaited =
		futex_wait(mapping_word(&handle->mapping, offset), expected, clock_after(timeout), &failure);
	if (awaited == AWAITED_ERROR) {
		return throw_failure(&call, &failure, NULL);
	}
	return boolean(env, awaited == AWAITED_RING);
}

napi_value js_wake(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	size_t offset;
	uint32_t woken;
	struct failure failure;
	if (!call_begin(&call, env, info, "wake") || !take_offset(&call, &handle, &offset)) {
		return NULL;
	}
	if (!futex_wake(mapping_word(&handle->mapping, offset), &woken, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return number(env, woken);
}

napi_value js_watch(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	size_t offset;
	if (!call_begin(&call, env, info, "watch") || !take_offset(&call, &handle, &offset) ||
		!take_function(&call, 2)) {
		return NULL;
	}
	if (handle->watch != NULL) {
		return throw_code(&call, "EBUSY", "the file is already watched");
	}
	bool is_thrown = false;
	if (!handle_watch(handle, call.values[0], call.values[2], offset) &&
		napi_is_exception_pending(env, &is_thrown) == napi_ok && !is_thrown) {
		return throw_type(&call, "argument 1 can't be watched: it is sealed, or memory has run out");
	}
	return NULL;
}

napi_value js_arm(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t expected;
	double slice;
	struct failure failure;
	if (call_begin(&call, env, info, "arm") && take_watched(&call, &handle) &&
		take_word(&call, 1, &expected) && take_milliseconds(&call, 2, &slice) &&
		!handle_arm(handle, expected, slice, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return NULL;
}

napi_value js_disarm(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (call_begin(&call, env, info, "disarm") && take_watched(&call, &handle)) {
		handle_disarm(handle);
	}
	return NULL;
}
