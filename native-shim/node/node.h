/*
 * The Node-API layer over host/. It checks arguments, throws exceptions, and ties a file to the lifetime of a
 * JavaScript object. Every system call is made in host/.
 *
 * A file calls only into host/ and into files above it in this list (scripts/check-shim-layers.mjs):
 *
 *	results.c	results and exceptions of a call
 *	watch.c		a waiter in one JavaScript thread
 *	loop.c		a descriptor that the event loop watches
 *	handle.c	the C side of a JavaScript File
 *	arguments.c	checking the arguments of a call
 *	files.c, memory.c, locks.c, waiting.c, pipes.c	the exports
 *	addon.c		the table of exports
 */
#ifndef DHMEM_NODE_H
#define DHMEM_NODE_H

#define NAPI_VERSION 8

/* First, because it defines _GNU_SOURCE. */
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

/* results.c: if a value can't be created, these return NULL, and an exception is pending. */

napi_value boolean(napi_env env, bool value);
napi_value number(napi_env env, double value);
/* An object with the user and the group that own a file. */
napi_value owner_of(napi_env env, const struct stat *status);
/* These throw, and return NULL for the callback to return. */
napi_value throw_type(const struct call *call, const char *message);
napi_value throw_code(const struct call *call, const char *code, const char *message);
napi_value throw_failure(const struct call *call, const struct failure *failure, const char *path);

/* watch.c: called on the JavaScript thread only. */

struct watch;

/*
 * `rung` runs on the JavaScript thread after an arming has fired, unless it was disarmed since. Returns NULL
 * if it fails.
 */
struct watch *watch_open(napi_env env, const _Atomic uint32_t *word, void (*rung)(napi_env env, void *owner),
	void *owner);
bool watch_arm(struct watch *watch, uint32_t expected, double slice, struct failure *failure);
void watch_disarm(struct watch *watch);
/* True if a call may still come. */
bool watch_is_armed(const struct watch *watch);
/* `rung` is not called after this. */
void watch_close(struct watch *watch);

/* loop.c: called on the JavaScript thread only. */

struct poller;

/* DISCONNECTED: no process reads the pipe that the descriptor writes to. It is reported once. */
enum readiness { CAN_READ, DISCONNECTED };

/*
 * Calls `ready` on the JavaScript thread, without a handle scope, when the descriptor is ready. Does not keep the event
 * loop alive. Returns NULL if it fails, with -ENOSYS if the runtime's event loop is not libuv's.
 */
struct poller *poller_open(napi_env env, int fd, enum readiness readiness, void (*ready)(void *owner),
	void *owner, struct failure *failure);
/* Keeps the event loop alive, or no longer. */
void poller_reference(struct poller *poller, bool wanted);
/* Call it before the descriptor is closed. `ready` is not called after this. */
void poller_close(struct poller *poller);

/* handle.c */

/* A peer's pipe that is watched for the death of its reader. */
struct peer {
	struct handle *handle;
	struct poller *poller;
};

/* A part of the file that is mapped besides the first one. */
struct window {
	struct mapping mapping;
	/* Keeps the engine from unmapping the memory under the mapping. */
	napi_ref memory;
	struct window *next;
};

struct handle {
	napi_env env;
	bool closed;
	bool abandoned;
	bool broken;
	bool mapped;
	struct file file;
	struct mapping mapping;
	struct watch *watch;
	/* Watches the pipe of this file, if it has one. */
	struct poller *pipe;
	/* A call for the pipe may come. */
	bool pipe_armed;
	struct peer peers[PEER_PIPES];
	/* Keeps the engine from unmapping the memory under the mapping. Strong, from map to close. */
	napi_ref memory;
	struct window *windows;
	/* Weak; strong ("pinned") while armed, because a call may still come. */
	napi_ref self;
	bool pinned;
	/* Weak: the File itself keeps the function, so that the two can be collected together. */
	napi_ref on_ring;
};

/* Creates a closed handle in a new File. Returns NULL with an exception pending if it fails. */
struct handle *handle_create(napi_env env, napi_value *object);
/* Call it once the file is open. From then on the file is closed when its environment ends. */
void handle_opened(struct handle *handle);
/* NULL if the object is not a File. */
struct handle *handle_of(napi_env env, napi_value object);
bool handle_watch(struct handle *handle, napi_value object, napi_value on_ring, size_t offset);
bool handle_arm(struct handle *handle, uint32_t expected, double slice, struct failure *failure);
void handle_disarm(struct handle *handle);
/* Makes the pipe, and calls `on_ring` when it is rung while armed. */
bool handle_make_pipe(struct handle *handle, const char *path, struct failure *failure);
void handle_arm_pipe(struct handle *handle);
void handle_remove_pipe(struct handle *handle);
/* Calls `on_ring` with the index when no process reads the peer's pipe any more. */
bool handle_watch_peer(struct handle *handle, uint32_t index, struct failure *failure);
void handle_unwatch_peer(struct handle *handle, uint32_t index);
void handle_close(struct handle *handle);

/* arguments.c: every function throws and returns false if the argument is wrong. */

enum need { ANY_FILE, OPEN_FILE, MAPPED_FILE };

struct bytes {
	void *start;
	size_t length;
	size_t offset;
	napi_value buffer;
};

bool call_begin(struct call *call, napi_env env, napi_callback_info info, const char *name);
bool take_file(const struct call *call, size_t index, enum need need, struct handle **handle);
/* The first argument: a file with a doorbell. */
bool take_watched(const struct call *call, struct handle **handle);
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

/* memory.c; each environment calls memory_begin() before it uses the exports. */
bool memory_begin(napi_env env);
EXPORT(js_map_file);
EXPORT(js_map_window);
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

/* pipes.c */
EXPORT(js_make_pipe);
EXPORT(js_arm_pipe);
EXPORT(js_remove_pipe);
EXPORT(js_connect_pipe);
EXPORT(js_disconnect_pipe);
EXPORT(js_ring_pipe);
EXPORT(js_watch_pipe);
EXPORT(js_remove_dead_pipe);

#endif
