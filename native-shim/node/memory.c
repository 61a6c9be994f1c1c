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

/* The memory that argument `index` views as a whole, from the beginning of a shared WebAssembly.Memory on. */
static bool take_memory(const struct call *call, size_t index, struct bytes *memory) {
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	if (!take_bytes(call, index, memory)) {
		return false;
	}
	if (!begins_shared(call->env, memory)) {
		throw_type(call, "argument 2 must be at the beginning of a shared WebAssembly.Memory");
		return false;
	}
	if (memory->length == 0 || memory->length % page != 0 || (uintptr_t)memory->start % page != 0) {
		throw_type(call, "argument 2 must begin and end at a page boundary");
		return false;
	}
	return true;
}

napi_value js_map_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	struct bytes memory;
	bool is_private;
	struct stat status;
	struct failure failure;
	if (!call_begin(&call, env, info, "mapFile") || !take_file(&call, 0, OPEN_FILE, &handle) ||
		!take_memory(&call, 1, &memory) || !take_boolean(&call, 2, &is_private)) {
		return NULL;
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
	if ((size_t)status.st_size < memory.length || handle->file.size != status.st_size) {
		return throw_type(&call, "argument 2 must not be longer than the file");
	}
	if (napi_create_reference(env, call.values[1], 1, &handle->memory) != napi_ok) {
		return NULL;
	}
	if (!mapping_open_part(&handle->mapping, NULL, &handle->file, memory.start, 0, memory.length, is_private,
			&failure)) {
		napi_delete_reference(env, handle->memory);
		handle->memory = NULL;
		return throw_failure(&call, &failure, NULL);
	}
	handle->mapped = true;
	return NULL;
}

/* The size of a huge page. A window that begins at such an address can have them. */
#define WINDOW_ALIGNMENT ((uintptr_t)2 << 20)

/* Where the window begins in the memory. */
static size_t window_start(const struct bytes *memory) {
	return (size_t)(-(uintptr_t)memory->start % WINDOW_ALIGNMENT);
}

/* The part of the file, from argument 3 on, as long as argument 4. */
static bool take_window(const struct call *call, const struct handle *handle, const struct bytes *memory,
	double *offset, double *length) {
	const int64_t page = sysconf(_SC_PAGESIZE);
	const size_t start = window_start(memory);
	if (!take_integer(call, 2, 0, SAFE_INTEGER_MAX, offset) ||
		!take_integer(call, 3, 1, SAFE_INTEGER_MAX, length)) {
		return false;
	}
	if ((int64_t)*offset % page != 0 || (int64_t)*length % page != 0 ||
		*offset + *length > (double)handle->file.size) {
		throw_type(call, "the window must begin and end at page boundaries of the file");
		return false;
	}
	if (memory->length < start || *length > (double)(memory->length - start)) {
		throw_type(call, "argument 2 must be 2 MiB longer than the window");
		return false;
	}
	return true;
}

napi_value js_map_window(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	struct bytes memory;
	double offset, length;
	struct failure failure;
	if (!call_begin(&call, env, info, "mapWindow") || !take_file(&call, 0, MAPPED_FILE, &handle) ||
		!take_memory(&call, 1, &memory) || !take_window(&call, handle, &memory, &offset, &length)) {
		return NULL;
	}
	struct window *window = calloc(1, sizeof *window);
	if (window == NULL) {
		return throw_code(&call, "ENOMEM", "out of memory (ENOMEM)");
	}
	if (napi_create_reference(env, call.values[1], 1, &window->memory) != napi_ok) {
		free(window);
		return NULL;
	}
	char *start = (char *)memory.start + window_start(&memory);
	if (!mapping_open_part(&window->mapping, &handle->mapping, &handle->file, start, (off_t)offset,
			(size_t)length, handle->mapping.is_private, &failure)) {
		napi_delete_reference(env, window->memory);
		free(window);
		return throw_failure(&call, &failure, NULL);
	}
	window->next = handle->windows;
	handle->windows = window;
	return number(env, (double)window_start(&memory));
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
