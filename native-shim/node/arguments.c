/* Checks the arguments of a call. Nothing is ever converted. */
#include "node.h"

#include <stdio.h>
#include <string.h>

bool call_begin(struct call *call, napi_env env, napi_callback_info info, const char *name) {
	call->env = env;
	call->name = name;
	/* Missing arguments are undefined, which no check accepts. */
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

bool take_watched(const struct call *call, struct handle **handle) {
	if (!take_file(call, 0, OPEN_FILE, handle)) {
		return false;
	}
	if ((*handle)->watch == NULL) {
		throw_code(call, "EINVAL", "the file is not watched");
		return false;
	}
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
	/* Written so that NaN fails before the cast, which is undefined for NaN. */
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
