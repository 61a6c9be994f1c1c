/* Results and exceptions of a call. */
#include "node.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

napi_value boolean(napi_env env, bool value) {
	napi_value result;
	return napi_get_boolean(env, value, &result) == napi_ok ? result : NULL;
}

napi_value number(napi_env env, double value) {
	napi_value result;
	return napi_create_double(env, value, &result) == napi_ok ? result : NULL;
}

napi_value owner_of(napi_env env, const struct stat *status) {
	const napi_property_descriptor properties[] = {
		{ .utf8name = "uid", .value = number(env, status->st_uid), .attributes = napi_default_jsproperty },
		{ .utf8name = "gid", .value = number(env, status->st_gid), .attributes = napi_default_jsproperty },
	};
	napi_value result;
	const bool done = napi_create_object(env, &result) == napi_ok &&
		napi_define_properties(env, result, 2, properties) == napi_ok;
	return done ? result : NULL;
}

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

#define NAMED(number) \
	{ -number, #number }

static const struct {
	int error;
	const char *name;
} error_names[] = {
	{ NOT_REGULAR, "ENOTREG" },
	NAMED(E2BIG),
	NAMED(EACCES),
	NAMED(EAGAIN),
	NAMED(EBADF),
	NAMED(EBUSY),
	NAMED(EDEADLK),
	NAMED(EDQUOT),
	NAMED(EEXIST),
	NAMED(EFAULT),
	NAMED(EFBIG),
	NAMED(EINTR),
	NAMED(EINVAL),
	NAMED(EIO),
	NAMED(EISDIR),
	NAMED(ELOOP),
	NAMED(EMFILE),
	NAMED(EMLINK),
	NAMED(ENAMETOOLONG),
	NAMED(ENFILE),
	NAMED(ENODEV),
	NAMED(ENOENT),
	NAMED(ENOLCK),
	NAMED(ENOMEM),
	NAMED(ENOSPC),
	NAMED(ENOSYS),
	NAMED(ENOTDIR),
	NAMED(ENOTEMPTY),
	NAMED(ENXIO),
	NAMED(EOPNOTSUPP),
	NAMED(EOVERFLOW),
	NAMED(EPERM),
	NAMED(EPIPE),
	NAMED(EROFS),
	NAMED(ESTALE),
	NAMED(ETIMEDOUT),
	NAMED(ETXTBSY),
	NAMED(EXDEV),
};

static void error_name(int error, char name[16]) {
	snprintf(name, 16, "E%d", -error);
	for (size_t i = 0; i < sizeof error_names / sizeof *error_names; i++) {
		if (error_names[i].error == error) {
			snprintf(name, 16, "%s", error_names[i].name);
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
	const char *reason = failure->error == NOT_REGULAR ? "not a regular file" : strerror(-failure->error);
	char name[16], text[MESSAGE_BYTES];
	error_name(failure->error, name);
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
