/*
 * An addon through which a script counts the system calls of the shim (counting.h). The library is put before the C library
 * by LD_PRELOAD, so the shim is the very one that is shipped. What Node itself calls does not count, but for what the
 * binding has it do: `unlink` and reading a folder.
 */
#define _GNU_SOURCE
#define NAPI_VERSION 8
#include "counting.h"

#include <node_api.h>
#include <stdint.h>
#include <unistd.h>

static int32_t integer(napi_env env, napi_value value) {
	int32_t result = 0;
	napi_get_value_int32(env, value, &result);
	return result;
}

static napi_value number(napi_env env, int32_t value) {
	napi_value result;
	return napi_create_int32(env, value, &result) == napi_ok ? result : NULL;
}

static napi_value arm(napi_env env, napi_callback_info info) {
	napi_value values[4];
	size_t length = 4;
	char name[16];
	napi_get_cb_info(env, info, &length, values, NULL, NULL);
	napi_get_value_string_utf8(env, values[0], name, sizeof name, NULL);
	struct arming arming = { .mode = name,
		.step = (unsigned)integer(env, values[1]),
		.failure = integer(env, values[2]),
		.counts_thread = true };
	napi_get_value_bool(env, values[3], &arming.has_tmpfile);
	steps_arm(&arming);
	return NULL;
}

static napi_value disarm(napi_env env, napi_callback_info info) {
	(void)info;
	napi_value result, name;
	const unsigned count = steps_disarm();
	napi_create_array(env, &result);
	for (unsigned i = 0; i < count; i++) {
		napi_create_string_utf8(env, steps_name(i), NAPI_AUTO_LENGTH, &name);
		napi_set_element(env, result, i, name);
	}
	return result;
}

/* The child has this one thread of the process, so it may do only what needs no other. */
static napi_value fork_process(napi_env env, napi_callback_info info) {
	(void)info;
	steps_find("/shim.node");
	return number(env, fork());
}

/* The status of a child that has ended or stopped. */
static napi_value wait_process(napi_env env, napi_callback_info info) {
	napi_value values[1];
	size_t length = 1;
	napi_get_cb_info(env, info, &length, values, NULL, NULL);
	return number(env, steps_wait(integer(env, values[0])));
}

/* Node's own `process.pid` is that of the process that was copied. */
static napi_value die_here(napi_env env, napi_callback_info info) {
	(void)env;
	(void)info;
	steps_die();
}

/* At once: what Node does at its end is not for a process that was forked. */
static napi_value exit_process(napi_env env, napi_callback_info info) {
	(void)env;
	(void)info;
	_exit(0);
}

#define METHOD(text, function) \
	{ .utf8name = text, .method = function, .attributes = napi_enumerable }

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
	const napi_property_descriptor properties[] = {
		METHOD("arm", arm),
		METHOD("disarm", disarm),
		METHOD("fork", fork_process),
		METHOD("wait", wait_process),
		METHOD("die", die_here),
		METHOD("exit", exit_process),
	};
	napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
	return exports;
}
