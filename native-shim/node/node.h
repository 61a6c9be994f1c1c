/*
 * The Node-API layer over host/. It checks arguments, throws, and ties a file to the life of a JavaScript object; every
 * system call is made in host/.
 *
 * A file calls only into host/ and into files above it in this list (scripts/check-shim-layers.sh):
 *
 *	results.c	what a call returns or throws
 *	watch.c		a waiter in one JavaScript thread
 *	handle.c	the C side of a JavaScript File
 *	arguments.c	the arguments of a call, checked
 *	files.c, memory.c, locks.c, waiting.c	the exports
 *	addon.c		the table of them
 */
#ifndef DHMEM_NODE_H
#define DHMEM_NODE_H

#define NAPI_VERSION 8

/* First: it asks the C library for all that Linux has. */
#include "../host/host.h"

#include <node_api.h>

/* Integers that a JavaScript number holds exactly. */
#define SAFE_INTEGER_MAX 9007199254740991.0
#define PATH_BYTES 4096

struct call {
	napi_env env;
	const char *name;
	napi_value values[4];
};

/* results.c: those that create return NULL with an exception pending when they fail. */

napi_value boolean(napi_env env, bool value);
napi_value number(napi_env env, double value);
/* These throw and return NULL, which is what a callback then returns. */
napi_value throw_type(const struct call *call, const char *message);
napi_value throw_code(const struct call *call, const char *code, const char *message);
napi_value throw_failure(const struct call *call, const struct failure *failure, const char *path);

/* watch.c: called on the JavaScript thread only. */

struct watch;

/* `rung` runs on the JavaScript thread when an arming has fired that was not disarmed since. NULL when it fails. */
struct watch *watch_open(napi_env env, const _Atomic uint32_t *word, void (*rung)(napi_env env, void *owner),
	void *owner);
bool watch_arm(struct watch *watch, uint32_t expected, double slice, struct failure *failure);
void watch_disarm(struct watch *watch);
/* A call may still come. */
bool watch_is_armed(const struct watch *watch);
/* `rung` is not called after this. */
void watch_close(struct watch *watch);

/* handle.c */

struct handle {
	napi_env env;
	bool closed;
	bool abandoned;
	bool broken;
	bool mapped;
	struct file file;
	struct mapping mapping;
	struct watch *watch;
	/* Keeps the engine from unmapping the memory under the mapping. Strong, from map to close. */
	napi_ref memory;
	/* Weak; pinned, that is strong, while armed, because then a call is owed. */
	napi_ref self;
	bool pinned;
	/* Weak: the File itself keeps the function, so that the two can be collected together. */
	napi_ref on_ring;
};

/* A closed handle in a new File; NULL with an exception pending. */
struct handle *handle_create(napi_env env, napi_value *object);
/* To be called once the file is open: from here on it is closed with its environment. */
void handle_opened(struct handle *handle);
/* NULL when the object is no File. */
struct handle *handle_of(napi_env env, napi_value object);
bool handle_watch(struct handle *handle, napi_value object, napi_value on_ring, size_t offset);
bool handle_arm(struct handle *handle, uint32_t expected, double slice, struct failure *failure);
void handle_disarm(struct handle *handle);
void handle_close(struct handle *handle);

/* arguments.c: every function throws and returns false when the argument is not what it should be. */

enum need { ANY_FILE, OPEN_FILE, MAPPED_FILE };

struct bytes {
	void *start;
	size_t length;
	size_t offset;
	napi_value buffer;
};

bool call_begin(struct call *call, napi_env env, napi_callback_info info, const char *name);
bool take_file(const struct call *call, size_t index, enum need need, struct handle **handle);
bool take_path(const struct call *call, size_t index, char path[PATH_BYTES]);
bool take_boolean(const struct call *call, size_t index, bool *value);
bool take_integer(const struct call *call, size_t index, double minimum, double maximum, double *value);
/* A 32-bit word, signed or unsigned. */
bool take_word(const struct call *call, size_t index, uint32_t *value);
bool take_milliseconds(const struct call *call, size_t index, double *value);
bool take_bytes(const struct call *call, size_t index, struct bytes *bytes);
bool take_function(const struct call *call, size_t index);

/* The exports: js_create_file is createFile, and so on. */

#define EXPORT(name) napi_value name(napi_env env, napi_callback_info info)

/* files.c */
EXPORT(js_create_file);
EXPORT(js_publish_file);
EXPORT(js_open_file);
EXPORT(js_stat_file);
EXPORT(js_is_named);
EXPORT(js_read_file);
EXPORT(js_close_file);
EXPORT(js_abandon_file);

/* memory.c; memory_begin() is for each environment, before the exports are used. */
bool memory_begin(napi_env env);
EXPORT(js_map_file);
EXPORT(js_is_broken);
EXPORT(js_renew_guard);
EXPORT(js_commit);
EXPORT(js_punch);
EXPORT(js_open_files);

/* locks.c */
EXPORT(js_try_lock);
EXPORT(js_unlock);
EXPORT(js_is_locked);

/* waiting.c */
EXPORT(js_wait);
EXPORT(js_wake);
EXPORT(js_watch);
EXPORT(js_arm);
EXPORT(js_disarm);

#endif
