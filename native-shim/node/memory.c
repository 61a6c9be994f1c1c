/* Exports that map a file over a WebAssembly memory, and that allocate or free its pages. */
#include "node.h"

#include <stdlib.h>
#include <unistd.h>

/*
 * The getter of a SharedArrayBuffer's byteLength, which throws for anything else. Node-API 8 has no function
 * to recognise a SharedArrayBuffer, and a false prototype can't deceive this getter.
 */
struct environment {
	napi_ref shared_length;
};

static void free_environment(napi_env env, void *data, void *hint) {
	(void)env;
	(void)hint;
	free(data);
}

bool memory_begin(napi_env env) {
	napi_value global, object, constructor, prototype, function, name, arguments[2], descriptor, getter;
	struct environment *environment = calloc(1, sizeof *environment);
	const bool done = environment != NULL && napi_get_global(env, &global) == napi_ok &&
		napi_get_named_property(env, global, "SharedArrayBuffer", &constructor) == napi_ok &&
		napi_get_named_property(env, constructor, "prototype", &prototype) == napi_ok &&
		napi_get_named_property(env, global, "Object", &object) == napi_ok &&
		napi_get_named_property(env, object, "getOwnPropertyDescriptor", &function) == napi_ok &&
		napi_create_string_utf8(env, "byteLength", NAPI_AUTO_LENGTH, &name) == napi_ok &&
		(arguments[0] = prototype, arguments[1] = name, true) &&
		napi_call_function(env, object, function, 2, arguments, &descriptor) == napi_ok &&
		napi_get_named_property(env, descriptor, "get", &getter) == napi_ok &&
		napi_create_reference(env, getter, 1, &environment->shared_length) == napi_ok &&
		napi_set_instance_data(env, environment, free_environment, NULL) == napi_ok;
	if (!done) {
		free(environment);
	}
	return done;
}

/* True if the array is at the beginning of a SharedArrayBuffer, which is never detached and never moves. */
static bool begins_shared(napi_env env, const struct bytes *memory) {
	struct environment *environment = NULL;
	napi_value getter, length, ignored;
	double bytes;
	if (napi_get_instance_data(env, (void **)&environment) != napi_ok || environment == NULL ||
		napi_get_reference_value(env, environment->shared_length, &getter) != napi_ok) {
		return false;
	}
	if (napi_call_function(env, memory->buffer, getter, 0, NULL, &length) != napi_ok) {
		napi_get_and_clear_last_exception(env, &ignored);
		return false;
	}
	return napi_get_value_double(env, length, &bytes) == napi_ok && memory->offset == 0 &&
		bytes >= (double)memory->length;
}

napi_value js_map_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	struct bytes memory;
	bool is_private;
	struct stat status;
	struct failure failure;
	if (!call_begin(&call, env, info, "mapFile") || !take_file(&call, 0, OPEN_FILE, &handle) ||
		!take_bytes(&call, 1, &memory) || !take_boolean(&call, 2, &is_private)) {
		return NULL;
	}
	if (!begins_shared(env, &memory)) {
		return throw_type(&call, "argument 2 must be at the beginning of a shared WebAssembly.Memory");
	}
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	if (memory.length == 0 || memory.length % page != 0 || (uintptr_t)memory.start % page != 0) {
		return throw_type(&call, "argument 2 must begin and end at a page boundary");
	}
	if (handle->mapped) {
		return throw_code(&call, "EBUSY", "the file is already mapped");
	}
	if (!handle->file.writable && !is_private) {
		return throw_code(&call, "EACCES", "a file opened read-only can only be mapped private");
	}
	if (!file_status(&handle->file, &status, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	if ((size_t)status.st_size != memory.length || handle->file.size != status.st_size) {
		return throw_type(&call, "argument 2 must be as long as the file");
	}
	if (napi_create_reference(env, call.values[1], 1, &handle->memory) != napi_ok) {
		return NULL;
	}
	if (!mapping_open(&handle->mapping, &handle->file, memory.start, is_private, &failure)) {
		napi_delete_reference(env, handle->memory);
		handle->memory = NULL;
		return throw_failure(&call, &failure, NULL);
	}
	handle->mapped = true;
	return NULL;
}

napi_value js_is_broken(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (!call_begin(&call, env, info, "isBroken") || !take_file(&call, 0, ANY_FILE, &handle)) {
		return NULL;
	}
	return boolean(env, handle->mapped ? mapping_is_broken(&handle->mapping) : handle->broken);
}

napi_value js_renew_guard(napi_env env, napi_callback_info info) {
	struct call call;
	struct failure failure;
	if (call_begin(&call, env, info, "renewGuard") && !guard_renew(&failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return NULL;
}

/* The arguments that commit and punch have in common: the file and the range. */
static bool take_range(const struct call *call, struct handle **handle, double *offset, double *length) {
	if (!take_file(call, 0, OPEN_FILE, handle) || !take_integer(call, 1, 0, SAFE_INTEGER_MAX, offset) ||
		!take_integer(call, 2, 0, SAFE_INTEGER_MAX, length)) {
		return false;
	}
	if (*offset + *length > (double)(*handle)->file.size) {
		throw_type(call, "the range ends beyond the end of the file");
		return false;
	}
	return true;
}

napi_value js_commit(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	double offset, length;
	struct failure failure;
	if (call_begin(&call, env, info, "commit") && take_range(&call, &handle, &offset, &length) &&
		!file_commit(&handle->file, (off_t)offset, (off_t)length, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return NULL;
}

napi_value js_punch(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	double offset, length;
	struct failure failure;
	if (call_begin(&call, env, info, "punch") && take_range(&call, &handle, &offset, &length) &&
		!file_punch(&handle->file, (off_t)offset, (off_t)length, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return NULL;
}

napi_value js_open_files(napi_env env, napi_callback_info info) {
	(void)info;
	return number(env, mappings_open());
}
