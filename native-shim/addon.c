/* The exports, in the order of index.d.ts, which says what they do. */
#include "shim.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Reads the byteLength of a SharedArrayBuffer, and throws for anything else. Node-API 8 has no question of its own
 * for that, and this one can't be deceived by a prototype.
 */
struct environment {
	napi_ref shared_length;
};

static napi_value boolean(napi_env env, bool value) {
	napi_value result;
	return napi_get_boolean(env, value, &result) == napi_ok ? result : NULL;
}

static napi_value number(napi_env env, double value) {
	napi_value result;
	return napi_create_double(env, value, &result) == napi_ok ? result : NULL;
}

static napi_value create_file(napi_env env, napi_callback_info info) {
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

static napi_value publish_file(napi_env env, napi_callback_info info) {
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

static napi_value open_file(napi_env env, napi_callback_info info) {
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

static napi_value stat_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	struct stat status;
	struct failure failure;
	if (!call_begin(&call, env, info, "statFile") || !take_file(&call, 0, OPEN_FILE, &handle)) {
		return NULL;
	}
	if (fstat(handle->file.fd, &status) != 0) {
		failed(&failure, "fstat");
		return throw_failure(&call, &failure, NULL);
	}
	const napi_property_attributes data = napi_default_jsproperty;
	const napi_property_descriptor properties[] = {
		/* st_blocks counts 512 bytes whatever the file system's block. */
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

static napi_value is_named(napi_env env, napi_callback_info info) {
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

static napi_value read_file(napi_env env, napi_callback_info info) {
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

/* Whether the array begins a SharedArrayBuffer, which is never detached and never moves. */
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

static napi_value map_file(napi_env env, napi_callback_info info) {
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
		return throw_type(&call, "argument 2 must begin a shared WebAssembly.Memory");
	}
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	if (memory.length == 0 || memory.length % page != 0 || (uintptr_t)memory.start % page != 0) {
		return throw_type(&call, "argument 2 must begin and end at a page");
	}
	if (handle->mapped) {
		return throw_code(&call, "EBUSY", "the file is mapped already");
	}
	if (!handle->file.writable && !is_private) {
		return throw_code(&call, "EACCES", "a file opened read-only can only be mapped private");
	}
	if (fstat(handle->file.fd, &status) != 0) {
		failed(&failure, "fstat");
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

static napi_value close_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (call_begin(&call, env, info, "closeFile") && take_file(&call, 0, ANY_FILE, &handle)) {
		handle_close(handle);
	}
	return NULL;
}

static napi_value abandon_file(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (call_begin(&call, env, info, "abandonFile") && take_file(&call, 0, ANY_FILE, &handle) &&
		!handle->closed) {
		handle->abandoned = true;
		lock_drop_all(&handle->file);
	}
	return NULL;
}

static napi_value is_broken(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (!call_begin(&call, env, info, "isBroken") || !take_file(&call, 0, ANY_FILE, &handle)) {
		return NULL;
	}
	return boolean(env, handle->mapped ? mapping_is_broken(&handle->mapping) : handle->broken);
}

static napi_value renew_guard(napi_env env, napi_callback_info info) {
	struct call call;
	struct failure failure;
	if (call_begin(&call, env, info, "renewGuard") && !guard_renew(&failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return NULL;
}

/* The file and the range that commit and punch have in common. */
static bool take_range(const struct call *call, struct handle **handle, double *offset, double *length) {
	if (!take_file(call, 0, OPEN_FILE, handle) || !take_integer(call, 1, 0, SAFE_INTEGER_MAX, offset) ||
		!take_integer(call, 2, 0, SAFE_INTEGER_MAX, length)) {
		return false;
	}
	if (*offset + *length > (double)(*handle)->file.size) {
		throw_type(call, "the range ends beyond the file");
		return false;
	}
	return true;
}

static napi_value commit(napi_env env, napi_callback_info info) {
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

static napi_value punch(napi_env env, napi_callback_info info) {
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

static bool take_lock(const struct call *call, struct handle **handle, uint32_t *index) {
	double value;
	if (!take_file(call, 0, OPEN_FILE, handle) || !take_integer(call, 1, 0, LOCK_BYTES - 1, &value)) {
		return false;
	}
	*index = (uint32_t)value;
	return true;
}

static napi_value try_lock(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t index;
	bool taken;
	struct failure failure;
	if (!call_begin(&call, env, info, "tryLock") || !take_lock(&call, &handle, &index)) {
		return NULL;
	}
	if (handle->abandoned) {
		/* The others count it as dead and may be clearing up after it. */
		return throw_code(&call, "ECLOSED", "the file is abandoned");
	}
	if (!lock_try(&handle->file, index, &taken, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return boolean(env, taken);
}

static napi_value unlock(napi_env env, napi_callback_info info) {
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

static napi_value is_locked(napi_env env, napi_callback_info info) {
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

static const _Atomic uint32_t *word_at(const struct handle *handle, size_t offset) {
	return (const _Atomic uint32_t *)(handle->mapping.words + offset);
}

static napi_value wait(napi_env env, napi_callback_info info) {
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
		futex_wait(word_at(handle, offset), expected, clock_after(timeout), &failure);
	if (awaited == AWAITED_ERROR) {
		return throw_failure(&call, &failure, NULL);
	}
	return boolean(env, awaited == AWAITED_RING);
}

static napi_value wake(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	size_t offset;
	uint32_t woken;
	struct failure failure;
	if (!call_begin(&call, env, info, "wake") || !take_offset(&call, &handle, &offset)) {
		return NULL;
	}
	if (!futex_wake(word_at(handle, offset), &woken, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return number(env, woken);
}

static napi_value watch(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	size_t offset;
	if (!call_begin(&call, env, info, "watch") || !take_offset(&call, &handle, &offset) ||
		!take_function(&call, 2)) {
		return NULL;
	}
	if (handle->waiter != NULL) {
		return throw_code(&call, "EBUSY", "the file is watched already");
	}
	bool is_thrown = false;
	if (!handle_watch(handle, call.values[0], call.values[2], offset) &&
		napi_is_exception_pending(env, &is_thrown) == napi_ok && !is_thrown) {
		return throw_type(&call, "argument 1 can't be watched: it was sealed, or memory is out");
	}
	return NULL;
}

static bool take_watched(const struct call *call, struct handle **handle) {
	if (!take_file(call, 0, OPEN_FILE, handle)) {
		return false;
	}
	if ((*handle)->waiter == NULL) {
		throw_code(call, "EINVAL", "the file is not watched");
		return false;
	}
	return true;
}

static napi_value arm(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	uint32_t expected;
	double slice;
	struct failure failure;
	if (call_begin(&call, env, info, "arm") && take_watched(&call, &handle) && take_word(&call, 1, &expected) &&
		take_milliseconds(&call, 2, &slice) && !handle_arm(handle, expected, slice, &failure)) {
		return throw_failure(&call, &failure, NULL);
	}
	return NULL;
}

static napi_value disarm(napi_env env, napi_callback_info info) {
	struct call call;
	struct handle *handle;
	if (call_begin(&call, env, info, "disarm") && take_watched(&call, &handle)) {
		handle_disarm(handle);
	}
	return NULL;
}

static napi_value open_files(napi_env env, napi_callback_info info) {
	(void)info;
	return number(env, mappings_open());
}

static void free_environment(napi_env env, void *data, void *hint) {
	(void)env;
	(void)hint;
	free(data);
}

static bool remember_getter(napi_env env) {
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

/*
 * Node unloads an addon with the last worker that loaded it. The signal handler, and the threads that other files
 * started, are in this library, so it stays.
 */
static void stay_loaded(void) {
	Dl_info self;
	if (dladdr((void *)(uintptr_t)stay_loaded, &self) != 0) {
		dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
	}
}

#define METHOD(text, function) { .utf8name = text, .method = function, .attributes = napi_enumerable }

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
	stay_loaded();
	if (!remember_getter(env)) {
		return NULL;
	}
	const napi_property_descriptor properties[] = {
		METHOD("createFile", create_file), METHOD("publishFile", publish_file), METHOD("openFile", open_file),
		METHOD("statFile", stat_file), METHOD("isNamed", is_named), METHOD("readFile", read_file),
		METHOD("mapFile", map_file), METHOD("closeFile", close_file), METHOD("abandonFile", abandon_file),
		METHOD("isBroken", is_broken), METHOD("renewGuard", renew_guard),
		METHOD("commit", commit), METHOD("punch", punch),
		METHOD("tryLock", try_lock), METHOD("unlock", unlock), METHOD("isLocked", is_locked),
		METHOD("wait", wait), METHOD("wake", wake), METHOD("watch", watch), METHOD("arm", arm),
		METHOD("disarm", disarm), METHOD("openFiles", open_files),
		{ .utf8name = "pageSize", .value = number(env, (double)sysconf(_SC_PAGESIZE)),
			.attributes = napi_enumerable },
		{ .utf8name = "makerLock", .value = number(env, MAKER_LOCK), .attributes = napi_enumerable },
	};
	napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
	return exports;
}
