/* Exports that open, name, examine and close a file. index.d.ts documents them. */
#include "node.h"

napi_value js_create_file(napi_env env, napi_callback_info info) {
	struct call call;
	char directory[PATH_BYTES];
	double size, mode;
	struct failure failure;
	napi_value object;
	if (!call_begin(&call, env, info, "createFile") || !take_path(&call, 0, directory) ||
		!take_integer(&call, 1, 0, SAFE_INTEGER_MAX, &size) || !take_integer(&call, 2, 0, 07777, &mode)) {
		return NULL;
	}
	struct handle *handle = handle_create(env, &object);
	if (handle == NULL) {
		return NULL;
	}
	if (!file_create(&handle->file, directory, (off_t)size, (mode_t)mode, &failure)) {
		return throw_failure(&call, &failure, directory);
	}
	handle_opened(handle);
	return object;
}

napi_value js_publish_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	char path[PATH_BYTES];
	bool replace, taken;
	struct failure failure;
	if (!call_begin(&call, env, info, "publishFile") || !take_file(&call, 0, OPEN_FILE, &handle) ||
		!take_path(&call, 1, path) || !take_boolean(&call, 2, &replace)) {
		return NULL;
	}
	if (!file_publish(&handle->file, path, replace, &taken, &failure)) {
		return throw_failure(&call, &failure, path);
	}
	return boolean(env, !taken);
}

napi_value js_open_file(napi_env env, napi_callback_info info) {
	struct call call;
	char path[PATH_BYTES];
	bool writable;
	struct failure failure;
	napi_value object;
	if (!call_begin(&call, env, info, "openFile") || !take_path(&call, 0, path) ||
		!take_boolean(&call, 1, &writable)) {
		return NULL;
	}
	struct handle *handle = handle_create(env, &object);
	if (handle == NULL) {
		return NULL;
	}
	if (!file_open(&handle->file, path, writable, &failure)) {
		return throw_failure(&call, &failure, path);
	}
	handle_opened(handle);
	return object;
}

napi_value js_stat_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	struct stat status;
	struct failure failure;
	if (!call_begin(&call, env, info, "statFile") || !take_file(&call, 0, OPEN_FILE, &handle)) {
		return NULL;
	}
	if (!file_status(&handle->file, &status, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	const napi_property_attributes data = napi_default_jsproperty;
	const napi_property_descriptor properties[] = {
		/* st_blocks counts blocks of 512 bytes, whatever the file system's block size. */
		{ .utf8name = "size", .value = number(env, (double)status.st_size), .attributes = data },
		{ .utf8name = "committed", .value = number(env, (double)status.st_blocks * 512), .attributes = data },
		{ .utf8name = "mode", .value = number(env, status.st_mode & 07777), .attributes = data },
		{ .utf8name = "uid", .value = number(env, status.st_uid), .attributes = data },
		{ .utf8name = "gid", .value = number(env, status.st_gid), .attributes = data },
	};
	napi_value result;
	const size_t count = sizeof properties / sizeof *properties;
	const bool done = napi_create_object(env, &result) == napi_ok &&
		napi_define_properties(env, result, count, properties) == napi_ok;
	return done ? result : NULL;
}

napi_value js_is_named(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	char path[PATH_BYTES];
	bool named;
	struct failure failure;
	if (!call_begin(&call, env, info, "isNamed") || !take_file(&call, 0, OPEN_FILE, &handle) ||
		!take_path(&call, 1, path)) {
		return NULL;
	}
	if (!file_is_named(&handle->file, path, &named, &failure)) {
		return throw_failure(&call, &failure, path);
	}
	return boolean(env, named);
}

napi_value js_read_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	struct bytes into;
	double position;
	size_t done;
	struct failure failure;
	if (!call_begin(&call, env, info, "readFile") || !take_file(&call, 0, OPEN_FILE, &handle) ||
		!take_bytes(&call, 1, &into) || !take_integer(&call, 2, 0, SAFE_INTEGER_MAX, &position)) {
		return NULL;
	}
	if (!file_read(&handle->file, into.start, into.length, (off_t)position, &done, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return number(env, (double)done);
}

napi_value js_close_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (call_begin(&call, env, info, "closeFile") && take_file(&call, 0, ANY_FILE, &handle)) {
		handle_close(handle);
	}
	return NULL;
}

napi_value js_abandon_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (call_begin(&call, env, info, "abandonFile") && take_file(&call, 0, ANY_FILE, &handle) &&
		!handle->closed) {
		handle->abandoned = true;
		lock_drop_all(&handle->file);
	}
	return NULL;
}
