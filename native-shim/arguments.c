/* What JavaScript passes is checked here, and what went wrong is thrown here. Nothing is ever converted. */
#include "shim.h"

#include <stdio.h>
#include <string.h>

#define MESSAGE_BYTES (PATH_BYTES + 256)

napi_value throw_type(const struct call *call, const char *message) {
	char text[MESSAGE_BYTES];
	snprintf(text, sizeof text, "%s: %s", call->name, message);
	napi_throw_type_error(call->env, NULL, text);
	return NULL;
}

napi_value throw_code(const struct call *call, const char *code, const char *message) {
	char text[MESSAGE_BYTES];
	snprintf(text, sizeof text, "%s: %s (%s)", call->name, message, code);
	napi_throw_error(call->env, code, text);
	return NULL;
}

#define NAMED(number) { number, #number }

static const struct {
	int number;
	const char *name;
} errno_names[] = {
	{ NOT_REGULAR, "ENOTREG" },
	NAMED(E2BIG), NAMED(EACCES), NAMED(EAGAIN), NAMED(EBADF), NAMED(EBUSY), NAMED(EDEADLK), NAMED(EDQUOT),
	NAMED(EEXIST), NAMED(EFAULT), NAMED(EFBIG), NAMED(EINTR), NAMED(EINVAL), NAMED(EIO), NAMED(EISDIR),
	NAMED(ELOOP), NAMED(EMFILE), NAMED(EMLINK), NAMED(ENAMETOOLONG), NAMED(ENFILE), NAMED(ENODEV), NAMED(ENOENT),
	NAMED(ENOLCK), NAMED(ENOMEM), NAMED(ENOSPC), NAMED(ENOSYS), NAMED(ENOTDIR), NAMED(ENOTEMPTY), NAMED(ENXIO),
	NAMED(EOPNOTSUPP), NAMED(EOVERFLOW), NAMED(EPERM), NAMED(EROFS), NAMED(ESTALE), NAMED(ETIMEDOUT),
	NAMED(ETXTBSY), NAMED(EXDEV),
};

static void errno_name(int number, char name[16]) {
	snprintf(name, 16, "E%d", number);
	for (size_t i = 0; i < sizeof errno_names / sizeof *errno_names; i++) {
		if (errno_names[i].number == number) {
			snprintf(name, 16, "%s", errno_names[i].name);
		}
	}
}

static bool set_text(napi_env env, napi_value object, const char *name, const char *text) {
	napi_value value;
	return napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value) == napi_ok &&
		napi_set_named_property(env, object, name, value) == napi_ok;
}

napi_value throw_failure(const struct call *call, const struct failure *failure, const char *path) {
	const napi_env env = call->env;
	const char *reason = failure->number == NOT_REGULAR ? "not a regular file" : strerror(failure->number);
	char name[16], text[MESSAGE_BYTES];
	errno_name(failure->number, name);
	if (path != NULL) {
		snprintf(text, sizeof text, "%s '%s': %s (%s)", failure->syscall, path, reason, name);
	} else {
		snprintf(text, sizeof text, "%s: %s (%s)", failure->syscall, reason, name);
	}
	napi_value code, message, error;
	if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &code) == napi_ok &&
		napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message) == napi_ok &&
		napi_create_error(env, code, message, &error) == napi_ok &&
		set_text(env, error, "syscall", failure->syscall) &&
		(path == NULL || set_text(env, error, "path", path))) {
		napi_throw(env, error);
	}
	return NULL;
}

bool call_begin(struct call *call, napi_env env, napi_callback_info info, const char *name) {
	call->env = env;
	call->name = name;
	/* Those that are missing come out as undefined, which no check accepts. */
	size_t count = sizeof call->values / sizeof *call->values;
	return napi_get_cb_info(env, info, &count, call->values, NULL, NULL) == napi_ok;
}

static bool wrong(const struct call *call, size_t index, const char *wanted) {
	char text[128];
	snprintf(text, sizeof text, "argument %zu must be %s", index + 1, wanted);
	throw_type(call, text);
	return false;
}

static bool has_type(const struct call *call, size_t index, napi_valuetype wanted) {
	napi_valuetype type;
	return napi_typeof(call->env, call->values[index], &type) == napi_ok && type == wanted;
}

bool take_file(const struct call *call, size_t index, enum need need, struct handle **result) {
	struct handle *handle = handle_of(call->env, call->values[index]);
	if (handle == NULL) {
		return wrong(call, index, "a File");
	}
	if (need != ANY_FILE && handle->closed) {
		throw_code(call, "ECLOSED", "the file is closed");
		return false;
	}
	if (need == MAPPED_FILE && !handle->mapped) {
		throw_code(call, "EINVAL", "the file is not mapped");
		return false;
	}
	*result = handle;
	return true;
}

bool take_path(const struct call *call, size_t index, char path[PATH_BYTES]) {
	size_t length;
	if (!has_type(call, index, napi_string) ||
		napi_get_value_string_utf8(call->env, call->values[index], NULL, 0, &length) != napi_ok) {
		return wrong(call, index, "a string");
	}
	if (length >= PATH_BYTES) {
		throw_code(call, "ENAMETOOLONG", "the path is too long");
		return false;
	}
	napi_get_value_string_utf8(call->env, call->values[index], path, PATH_BYTES, &length);
	return strlen(path) == length || wrong(call, index, "a path without null bytes");
}

bool take_boolean(const struct call *call, size_t index, bool *value) {
	return napi_get_value_bool(call->env, call->values[index], value) == napi_ok ||
		wrong(call, index, "a boolean");
}

static bool take_number(const struct call *call, size_t index, double *value) {
	return napi_get_value_double(call->env, call->values[index], value) == napi_ok ||
		wrong(call, index, "a number");
}

bool take_integer(const struct call *call, size_t index, double minimum, double maximum, double *value) {
	if (!take_number(call, index, value)) {
		return false;
	}
	/* Written so that NaN fails, before the cast that it is undefined for. */
	if (*value >= minimum && *value <= maximum && *value == (double)(int64_t)*value) {
		return true;
	}
	char wanted[80];
	snprintf(wanted, sizeof wanted, "an integer from %.0f to %.0f", minimum, maximum);
	return wrong(call, index, wanted);
}

bool take_word(const struct call *call, size_t index, uint32_t *value) {
	double number;
	if (!take_integer(call, index, INT32_MIN, UINT32_MAX, &number)) {
		return false;
	}
	*value = (uint32_t)(int64_t)number;
	return true;
}

bool take_milliseconds(const struct call *call, size_t index, double *value) {
	return take_number(call, index, value) && (*value >= 0 || wrong(call, index, "a time of 0 or more"));
}

bool take_bytes(const struct call *call, size_t index, struct bytes *bytes) {
	napi_typedarray_type type;
	bool is_array = false;
	if (napi_is_typedarray(call->env, call->values[index], &is_array) != napi_ok || !is_array ||
		napi_get_typedarray_info(call->env, call->values[index], &type, &bytes->length, &bytes->start,
			&bytes->buffer, &bytes->offset) != napi_ok ||
		type != napi_uint8_array) {
		return wrong(call, index, "a Uint8Array");
	}
	return true;
}

bool take_function(const struct call *call, size_t index) {
	return has_type(call, index, napi_function) || wrong(call, index, "a function");
}
