/* An addon: `fork()` makes a child that does not exec, and returns its process id. The child sleeps until it is killed. */
#include <node_api.h>
#include <unistd.h>

static napi_value do_fork(napi_env env, napi_callback_info info) {
	(void)info;
	napi_value result;
	const pid_t child = fork();
	if (child == 0) {
		for (;;) {
			pause();
		}
	}
	return napi_create_int32(env, child, &result) == napi_ok ? result : NULL;
}

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
	napi_value function;
	napi_create_function(env, "fork", NAPI_AUTO_LENGTH, do_fork, NULL, &function);
	napi_set_named_property(env, exports, "fork", function);
	return exports;
}
