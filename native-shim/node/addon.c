/* The addon: its exports, in the order of index.d.ts. */
#include "node.h"

#include <dlfcn.h>
#include <unistd.h>

/*
 * Node unloads an addon when the last worker that loaded it ends. But the signal handler and the waiter
 * threads run code of this library, so the library must stay.
 */
static void stay_loaded(void) {
	Dl_info self;
	if (dladdr((void *)(uintptr_t)stay_loaded, &self) != 0) {
		dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
	}
}

#define METHOD(text, function) \
	{ .utf8name = text, .method = function, .attributes = napi_enumerable }
#define CONSTANT(text, x) \
	{ .utf8name = text, .value = number(env, x), .attributes = napi_enumerable }

NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
	stay_loaded();
	if (!memory_begin(env)) {
		return NULL;
	}
	const napi_property_descriptor properties[] = {
		METHOD("createFile", js_create_file),
		METHOD("publishFile", js_publish_file),
		METHOD("openFile", js_open_file),
		METHOD("statFile", js_stat_file),
		METHOD("isNamed", js_is_named),
		METHOD("readFile", js_read_file),
		METHOD("mapFile", js_map_file),
		METHOD("mapWindow", js_map_window),
		METHOD("closeFile", js_close_file),
		METHOD("abandonFile", js_abandon_file),
		METHOD("isBroken", js_is_broken),
		METHOD("renewGuard", js_renew_guard),
		METHOD("commit", js_commit),
		METHOD("punch", js_punch),
		METHOD("tryLock", js_try_lock),
		METHOD("unlock", js_unlock),
		METHOD("isLocked", js_is_locked),
		METHOD("wait", js_wait),
		METHOD("wake", js_wake),
		METHOD("watch", js_watch),
		METHOD("arm", js_arm),
		METHOD("disarm", js_disarm),
		METHOD("makePipe", js_make_pipe),
		METHOD("armPipe", js_arm_pipe),
		METHOD("removePipe", js_remove_pipe),
		METHOD("connectPipe", js_connect_pipe),
		METHOD("disconnectPipe", js_disconnect_pipe),
		METHOD("ringPipe", js_ring_pipe),
		METHOD("watchPipe", js_watch_pipe),
		METHOD("removeDeadPipe", js_remove_dead_pipe),
		METHOD("openFiles", js_open_files),
		CONSTANT("pageSize", (double)sysconf(_SC_PAGESIZE)),
		CONSTANT("makerLock", MAKER_LOCK),
		CONSTANT("peerPipes", PEER_PIPES),
	};
	napi_define_properties(env, exports, sizeof properties / sizeof *properties, properties);
	return exports;
}
