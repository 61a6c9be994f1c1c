/* Exports that lock bytes of a file. */
#include "node.h"

static bool take_lock(const struct call *call, struct handle **handle, uint32_t *index) {
	double value;
	if (!take_file(call, 0, OPEN_FILE, handle) || !take_integer(call, 1, 0, LOCK_BYTES - 1, &value)) {
		return false;
	}
	*index = (uint32_t)value;
	return true;
}

napi_value js_try_lock(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t index;
	bool taken;
	struct failure failure;
	if (!call_begin(&call, env, info, "tryLock") || !take_lock(&call, &handle, &index)) {
		return NULL;
	}
	if (handle->abandoned) {
		/* Others count this participant as dead, and may be recovering it. */
		return throw_code(&call, "ECLOSED", "the file is abandoned");
	}
	if (!lock_try(&handle->file, index, &taken, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return boolean(env, taken);
}

napi_value js_unlock(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t index;
	struct failure failure;
	if (call_begin(&call, env, info, "unlock") && take_lock(&call, &handle, &index) &&
		!lock_drop(&handle->file, index, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return NULL;
}

napi_value js_is_locked(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t index;
	bool held;
	struct failure failure;
	if (!call_begin(&call, env, info, "isLocked") || !take_lock(&call, &handle, &index)) {
		return NULL;
	}
	if (!lock_is_held(&handle->file, index, &held, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return boolean(env, held);
}
