/*
 * dhmem: memory that processes share, also across containers. This is the library for C.
 *
 * A region is a file in /dev/shm. Any number of processes open it by its name, in C or in TypeScript, in any
 * order. In it they find queues, mutexes and blocks of memory. When a process dies, the others go on: what it
 * had is freed, and what it had locked is unlocked.
 *
 * Conventions, unless a function says otherwise:
 *
 *	- Functions return DHMEM_OK, DHMEM_END, or a negative `enum dhmem_code`. After a negative result,
 *	  dhmem_error() says what happened, to what, and what to do. Results that would have been set through
 *	  pointers are then undefined.
 *	- A timeout is in milliseconds. 0 tries once, and a negative timeout waits for ever. Signals do not end a wait.
 *	- Names of objects are UTF-8, 1 to 200 bytes. Objects of all kinds share one set of names in a region.
 *	- Options may be NULL, and each of their members may be 0: that is the default.
 *	- Only one thread at a time may use a region and what was opened in it. Threads that work at the same time open
 *	  the region once each.
 *	- A region can't be used after fork() in the child: its functions return DHMEM_CLOSED, and its memory reads zeros. Open it
 *	  again there.
 *	- Nothing that other participants write to the region can make these functions crash: at worst they return
 *	  DHMEM_CORRUPT. But your own code must expect any bytes in a message.
 */
#ifndef DHMEM_H
#define DHMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(DHMEM_BUILD)
#define DHMEM_API __attribute__((visibility("default")))
#else
#define DHMEM_API
#endif

/* The codes are those of the errors in TypeScript. */
enum dhmem_code {
	DHMEM_OK = 0,
	/* No error: the stream has ended, and all its messages were received. */
	DHMEM_END = 1,
	/* No error: dhmem_on_sleep()'s function has ended the wait. */
	DHMEM_INTERRUPTED = 2,

	DHMEM_EXISTS = -1,
	DHMEM_NOT_FOUND = -2,
	DHMEM_PERMISSION = -3,
	DHMEM_NO_SPACE = -4,
	DHMEM_REGION_FULL = -5,
	DHMEM_FORMAT = -6,
	DHMEM_VERSION = -7,
	DHMEM_TYPE_MISMATCH = -8,
	DHMEM_BAD_HANDLE = -9,
	DHMEM_BAD_ARGUMENT = -10,
	DHMEM_DOUBLE_FREE = -11,
	DHMEM_ENDPOINT_TAKEN = -12,
	DHMEM_QUEUE_ENDED = -13,
	DHMEM_PEER_GONE = -14,
	DHMEM_MESSAGE_TOO_LARGE = -15,
	DHMEM_TIMEOUT = -16,
	DHMEM_CLOSED = -17,
	DHMEM_READ_ONLY = -18,
	DHMEM_TRUNCATED = -19,
	DHMEM_CORRUPT = -20,
	DHMEM_TOO_MANY_PARTICIPANTS = -21,
	DHMEM_UNSUPPORTED = -22
};

/* What the last failure in this thread was. Valid until the thread's next failure; never NULL. */
DHMEM_API const char *dhmem_error(void);
/* "DHMEM_TIMEOUT" for DHMEM_TIMEOUT, and so on; "unknown" for another number. */
DHMEM_API const char *dhmem_code_name(int code);

/* ------------------------------------------------------------------------------------------------- regions */

typedef struct dhmem_region dhmem_region;

enum dhmem_mode {
	DHMEM_OPEN_OR_CREATE = 0,
	/* It must be new. */
	DHMEM_CREATE = 1,
	/* It must exist. */
	DHMEM_OPEN = 2,
	/* It replaces one that exists, whose participants keep it. */
	DHMEM_FORCE_CREATE = 3,
	/*
	 * It must exist. This opening is no participant, needs no permission to write, and changes nothing: structs, arrays,
	 * vectors, maps and tokens can be read, as others change them. Everything else is DHMEM_READ_ONLY. Don't write
	 * through the pointers: what is written becomes private, and shows no changes by others from then on.
	 */
	DHMEM_OPEN_READ_ONLY = 4
};

enum dhmem_lifetime {
	/* The region stays until it is unlinked. */
	DHMEM_PERSISTENT = 0,
	/* The region is removed after its last participant has left or died. */
	DHMEM_LAST_CLOSE = 1
};

struct dhmem_options {
	enum dhmem_mode mode;
	/*
	 * Bytes, 64 KiB to 16 TiB: address space, not memory. The default is 4 GiB. A block, message or array has less than
	 * 4 GiB in any region; what is above that size can only be used by blocks, messages and arrays of at least 2 MiB.
	 */
	uint64_t size;
	/* The file's mode when it is created, regardless of the umask. The default is 0600. */
	unsigned permissions;
	enum dhmem_lifetime lifetime;
	/* The folder of the region's file. The default is $DHMEM_DIR, else /dev/shm. */
	const char *directory;
	/* This participant's name for others. The default is $DHMEM_TASK, else hostname:pid. */
	const char *label;
	/*
	 * The owners whose regions are accepted in a folder where anyone can create files, such as /dev/shm: "owner"
	 * (this user and root), "any", or also users and groups by their numbers, as in "1001,12000". The default is
	 * $DHMEM_TRUST, else "owner".
	 */
	const char *trust;
};

/*
 * Opens or creates the region called `name`. A name that contains a slash is the path of the region's file.
 *
 *	dhmem_region *region;
 *	if (dhmem_open("climate", NULL, &region) != DHMEM_OK) {
 *		fprintf(stderr, "%s\n", dhmem_error());
 *	}
 */
DHMEM_API int dhmem_open(const char *name, const struct dhmem_options *options, dhmem_region **region);
/*
 * Leaves the region, and frees the blocks that this participant owns. Pointers into the region are invalid from
 * then on; what was opened in it must still be closed. NULL is allowed.
 */
DHMEM_API void dhmem_close(dhmem_region *region);
/*
 * Removes the file of this name, whomever it belongs to. Participants that have the region open keep it. Of the options,
 * `directory` counts, and `trust`: this does not wait for those who are just joining a stranger's region.
 */
DHMEM_API int dhmem_unlink(const char *name, const struct dhmem_options *options);
/*
 * Removes the file of this region, which may be closed if dhmem_keep() was called. DHMEM_NOT_FOUND if it has none any more,
 * also if another region has the name by now.
 */
DHMEM_API int dhmem_unlink_region(const dhmem_region *region);
/*
 * Recovers from all participants that have died, and sets `count`, which may be NULL, to their number. This also
 * happens by itself.
 */
DHMEM_API int dhmem_recover(dhmem_region *region, unsigned *count);
/* Sets `found` to whether a living participant has this label. */
DHMEM_API int dhmem_has_participant(dhmem_region *region, const char *label, bool *found);
/* Gives the pages of free memory back to the machine. `given`, which may be NULL, is set to their bytes. */
DHMEM_API int dhmem_trim(dhmem_region *region, uint64_t *given);
/* The path of the region's file. */
DHMEM_API const char *dhmem_path(const dhmem_region *region);
/* Its size in bytes. */
DHMEM_API uint64_t dhmem_size(const dhmem_region *region);

/* -------------------------------------------------------------------------------------------------- blocks */

/* Memory in a region, which one participant owns. `data` is aligned to 64 bytes, and NULL if there is no block. */
struct dhmem_block {
	void *data;
	size_t length;
	/* The library's own. */
	uint32_t at;
};

/* Allocates a block. It contains old bytes. DHMEM_REGION_FULL or DHMEM_NO_SPACE if there is no memory. */
DHMEM_API int dhmem_allocate(dhmem_region *region, size_t length, struct dhmem_block *block);
/* Frees the block, and sets `block->data` to NULL. */
DHMEM_API int dhmem_free(dhmem_region *region, struct dhmem_block *block);
/*
 * Makes another reference to the same memory, which can be sent and must be freed like a block. The memory is freed
 * with its last reference; a block has at most 960.
 */
DHMEM_API int dhmem_clone(dhmem_region *region, struct dhmem_block *block, struct dhmem_block *copy);

/* A token: 38 characters of A-Z a-z 0-9 - _ and a zero. It works in any process and any language. */
#define DHMEM_TOKEN_BYTES 39
/* Gives the block to the region, under a token. It stays until it is freed; `block->data` is NULL afterwards. */
DHMEM_API int dhmem_save(dhmem_region *region, struct dhmem_block *block, char token[DHMEM_TOKEN_BYTES]);
/* The block under a token, to read and write. It belongs to the region: don't free it with dhmem_free(). */
DHMEM_API int dhmem_load(dhmem_region *region, const char *token, struct dhmem_block *block);
/* DHMEM_BAD_HANDLE if it was freed before. */
DHMEM_API int dhmem_free_saved(dhmem_region *region, const char *token);

enum dhmem_kind { DHMEM_KIND_BLOCK = 0, DHMEM_KIND_STRUCT = 3, DHMEM_KIND_ARRAY = 4, DHMEM_KIND_VECTOR = 7 };
/* What a token refers to: a saved block, or named memory. */
DHMEM_API int dhmem_token_kind(dhmem_region *region, const char *token, enum dhmem_kind *kind);

/* -------------------------------------------------------------------------------------------------- queues */

/*
 * A queue has one producer and one consumer, in any two processes. Either may open it first, which creates it.
 * Messages have any size; those that are larger than half the queue travel as a block, without further notice.
 */
typedef struct dhmem_producer dhmem_producer;
typedef struct dhmem_consumer dhmem_consumer;

enum dhmem_policy {
	/* The sender waits while the queue is full. */
	DHMEM_BLOCK = 0,
	/* The queue keeps one message. Its sender never waits: the older message is dropped and freed. */
	DHMEM_LATEST = 1,
	/* The queue keeps the last messages. Its sender never waits: older messages are dropped and freed. */
	DHMEM_DROP_OLDEST = 2
};

struct dhmem_queue_options {
	/*
	 * Room for messages that are sent and not yet released: 64 bytes to 1 GiB, rounded up to a power of two. The
	 * default is 1 MiB for a new queue; an existing queue may have any capacity.
	 */
	size_t capacity;
	/*
	 * If true, waits continue after the other side has left or died without ending the stream, because a restarted
	 * program may replace it. Otherwise they fail with DHMEM_PEER_GONE.
	 */
	bool patient;
	/* The default accepts an existing queue with another policy, unless `capacity` is given. */
	enum dhmem_policy policy;
	/* With DHMEM_DROP_OLDEST, how many messages the queue keeps: 1 to 4096. The default is 16 for a new queue. */
	unsigned keep;
};

/* DHMEM_ENDPOINT_TAKEN if another participant is the producer already. */
DHMEM_API int dhmem_producer_open(dhmem_region *region, const char *queue,
	const struct dhmem_queue_options *options, dhmem_producer **producer);
/*
 * Leaves the endpoint, which another participant can take then. This does not end the stream. A reservation is dropped, and
 * its memory must not be used any more. NULL is allowed.
 */
DHMEM_API void dhmem_producer_close(dhmem_producer *producer);
/* Sends a copy of `length` bytes. Waits for room: DHMEM_TIMEOUT, DHMEM_PEER_GONE. */
DHMEM_API int dhmem_send(dhmem_producer *producer, const void *data, size_t length, double timeout);
/*
 * Sends bytes and hands over a block of this participant with them, without copying it. Afterwards `block->data`
 * is NULL; after a failure the block is still yours.
 */
DHMEM_API int dhmem_send_block(dhmem_producer *producer, const void *data, size_t length,
	struct dhmem_block *block, double timeout);
/*
 * Reserves room for a message of up to `length` bytes, to write it in place at `data`. Follow it by dhmem_commit()
 * or dhmem_abort() before anything else is sent.
 */
DHMEM_API int dhmem_reserve(dhmem_producer *producer, size_t length, double timeout, void **data);
/* Sends the first `length` bytes of the reservation. */
DHMEM_API int dhmem_commit(dhmem_producer *producer, size_t length);
DHMEM_API int dhmem_abort(dhmem_producer *producer);

/* The content of a message. */
struct dhmem_bytes {
	const void *data;
	size_t length;
};

/*
 * Sends copies of the `count` messages in order, as many as there is room for, and publishes them in one step. Never waits.
 * `sent` is set to their number, also if there is a failure.
 */
DHMEM_API int dhmem_send_many(dhmem_producer *producer, const struct dhmem_bytes *messages, size_t count,
	size_t *sent);
/* Ends the stream: the consumer receives what was sent, and then DHMEM_END. A second call does nothing. */
DHMEM_API int dhmem_end(dhmem_producer *producer);

/* A received message, read in place. It occupies its room in the queue until it is released. */
struct dhmem_message {
	void *data;
	size_t length;
	/* The block that was handed over with it; its `data` is NULL if there is none. It belongs to the message. */
	struct dhmem_block block;
	/* The library's own. */
	uint32_t position;
	uint32_t large;
};

/* DHMEM_ENDPOINT_TAKEN if another participant is the consumer already. */
DHMEM_API int dhmem_consumer_open(dhmem_region *region, const char *queue,
	const struct dhmem_queue_options *options, dhmem_consumer **consumer);
/*
 * Leaves the endpoint. Messages that were not released are delivered again, and their memory must not be used here any
 * more. NULL is allowed.
 */
DHMEM_API void dhmem_consumer_close(dhmem_consumer *consumer);
/*
 * Waits for the next message. DHMEM_END after the last one of a stream; DHMEM_TIMEOUT, DHMEM_PEER_GONE.
 *
 *	struct dhmem_message message;
 *	int result;
 *	while ((result = dhmem_receive(steps, &message, -1)) == DHMEM_OK) {
 *		printf("%.*s\n", (int)message.length, (char *)message.data);
 *		dhmem_release(steps, &message);
 *	}
 *	if (result != DHMEM_END) {
 *		fprintf(stderr, "%s\n", dhmem_error());
 *	}
 */
DHMEM_API int dhmem_receive(dhmem_consumer *consumer, struct dhmem_message *message, double timeout);
/*
 * Receives up to `count` messages that are there now, and sets `received` to their number. Never waits. DHMEM_END if there
 * is none because the stream has ended.
 */
DHMEM_API int dhmem_receive_many(dhmem_consumer *consumer, struct dhmem_message *messages, size_t count,
	size_t *received);
/* Gives the message's room back, and frees its block. Messages can be released in any order. */
DHMEM_API int dhmem_release(dhmem_consumer *consumer, struct dhmem_message *message);
/* Makes the message's block this participant's own, and releases the message. */
DHMEM_API int dhmem_take(dhmem_consumer *consumer, struct dhmem_message *message, struct dhmem_block *block);

/* ------------------------------------------------------------------------------------------------- records */

/*
 * A queue of records has one producer and one consumer too, and records that all have one type: a dtype ("i8", "u8",
 * "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64"), or the fields of a struct, as in "{ a: f64, step: u32 }". A
 * struct in C with the same fields in the same order has the same layout.
 */
typedef struct dhmem_record_producer dhmem_record_producer;
typedef struct dhmem_record_consumer dhmem_record_consumer;

struct dhmem_record_options {
	/*
	 * The number of records that fit the queue, rounded up to a power of two. The default is 4096 for a new queue; an
	 * existing queue may have any capacity.
	 */
	size_t capacity;
	/* As for queues of messages. */
	bool patient;
};

/* The size of a type in bytes; 0 if it is none. */
DHMEM_API size_t dhmem_sizeof(const char *type);

DHMEM_API int dhmem_record_producer_open(dhmem_region *region, const char *queue, const char *type,
	const struct dhmem_record_options *options, dhmem_record_producer **producer);
/* As dhmem_producer_close(). */
DHMEM_API void dhmem_record_producer_close(dhmem_record_producer *producer);
/*
 * Waits until there is room for a record, and adds as many of the `count` records as there is room for. `pushed`, which
 * may be NULL if `count` is 1, is set to their number, as write() does.
 */
DHMEM_API int dhmem_push(dhmem_record_producer *producer, const void *records, size_t count, double timeout,
	size_t *pushed);
/* Waits until there is room for a record. */
DHMEM_API int dhmem_push_wait(dhmem_record_producer *producer, double timeout);
/* As dhmem_end(). */
DHMEM_API int dhmem_record_end(dhmem_record_producer *producer);

DHMEM_API int dhmem_record_consumer_open(dhmem_region *region, const char *queue, const char *type,
	const struct dhmem_record_options *options, dhmem_record_consumer **consumer);
/* As dhmem_consumer_close(). */
DHMEM_API void dhmem_record_consumer_close(dhmem_record_consumer *consumer);
/*
 * Waits for a record, and takes up to `count` that are there. `popped`, which may be NULL if `count` is 1, is set to
 * their number. DHMEM_END after the last one of a stream.
 */
DHMEM_API int dhmem_pop(dhmem_record_consumer *consumer, void *records, size_t count, double timeout,
	size_t *popped);
/* Waits until there is a record. DHMEM_END if the stream has ended. */
DHMEM_API int dhmem_pop_wait(dhmem_record_consumer *consumer, double timeout);

/* ----------------------------------------------------------------------------------------- structs, arrays */

/*
 * Named memory with a type. It is shared at once: what one participant writes, others read, so guard it with a mutex
 * unless single aligned numbers are enough. It stays until it is removed.
 */
typedef struct dhmem_memory dhmem_memory;

/*
 * Opens a struct, or creates it. `type` has its fields, as in "{ a: f64, step: u32 }"; if it is NULL, the struct must
 * exist. A new one contains `initial`, or zeros if that is NULL.
 */
DHMEM_API int dhmem_struct_open(dhmem_region *region, const char *name, const char *type, const void *initial,
	dhmem_memory **memory);
/* The same for an array, whose type is as in "f64[1000,3]", in row-major order. */
DHMEM_API int dhmem_array_open(dhmem_region *region, const char *name, const char *type, const void *initial,
	dhmem_memory **memory);
/* NULL is allowed. */
DHMEM_API void dhmem_memory_close(dhmem_memory *memory);
/* The name of the struct or array, until it is closed. */
DHMEM_API const char *dhmem_memory_name(const dhmem_memory *memory);
/* Its bytes, until the region is closed or the memory is removed here. */
DHMEM_API void *dhmem_memory_data(const dhmem_memory *memory);
DHMEM_API size_t dhmem_memory_length(const dhmem_memory *memory);
/* Its type as text, until it is closed. */
DHMEM_API const char *dhmem_memory_type(const dhmem_memory *memory);
/* DHMEM_OK, or why it can't be used any more. */
DHMEM_API int dhmem_memory_check(const dhmem_memory *memory);
/* A token for it. */
DHMEM_API int dhmem_memory_save(const dhmem_memory *memory, char token[DHMEM_TOKEN_BYTES]);
DHMEM_API int dhmem_memory_load(dhmem_region *region, const char *token, dhmem_memory **memory);

/* ------------------------------------------------------------------------------------------------- vectors */

/*
 * A sequence of numbers that grows. It has a mutex of its own, so changes wait for one another. Reading never waits.
 */
typedef struct dhmem_vector dhmem_vector;

/* Opens a vector, or creates it. If `dtype`, such as "f64", is NULL, it must exist. */
DHMEM_API int dhmem_vector_open(dhmem_region *region, const char *name, const char *dtype,
	dhmem_vector **vector);
/* NULL is allowed. */
DHMEM_API void dhmem_vector_close(dhmem_vector *vector);
/* Its name in the region, until it is closed. */
DHMEM_API const char *dhmem_vector_name(const dhmem_vector *vector);
DHMEM_API const char *dhmem_vector_dtype(const dhmem_vector *vector);
/* The elements in place, and their number. They are valid until the vector grows. */
DHMEM_API int dhmem_vector_view(dhmem_vector *vector, void **data, size_t *length);
/* Copies up to `count` elements from index `first` on, and sets `done` to how many there were. */
DHMEM_API int dhmem_vector_read(dhmem_vector *vector, size_t first, void *elements, size_t count,
	size_t *done);
/* Appends elements in one step. */
DHMEM_API int dhmem_vector_append(dhmem_vector *vector, const void *elements, size_t count);
/* Changes elements that are there. */
DHMEM_API int dhmem_vector_write(dhmem_vector *vector, size_t first, const void *elements, size_t count);
/* Removes the last element. `popped` is set to false if there is none. */
DHMEM_API int dhmem_vector_pop(dhmem_vector *vector, void *element, bool *popped);
/* Changes the length. New elements are 0. */
DHMEM_API int dhmem_vector_resize(dhmem_vector *vector, size_t length);
/* A token for it. */
DHMEM_API int dhmem_vector_save(const dhmem_vector *vector, char token[DHMEM_TOKEN_BYTES]);
DHMEM_API int dhmem_vector_load(dhmem_region *region, const char *token, dhmem_vector **vector);

/* ---------------------------------------------------------------------------------------------------- maps */

/*
 * A hash map. It has a mutex of its own, so changes wait for one another; each change is atomic, even if its participant
 * dies. Keys are of type "string" or an integer dtype; values "string", "bytes", a dtype, or a struct's fields. A string
 * is UTF-8 without a zero at its end, and a number has its own size. Keys have at most 1024 bytes.
 */
typedef struct dhmem_map dhmem_map;

/* Opens a map, or creates it. If both types are NULL, it must exist. */
DHMEM_API int dhmem_map_open(dhmem_region *region, const char *name, const char *key, const char *value,
	dhmem_map **map);
/* NULL is allowed. */
DHMEM_API void dhmem_map_close(dhmem_map *map);
DHMEM_API const char *dhmem_map_key_type(const dhmem_map *map);
DHMEM_API const char *dhmem_map_value_type(const dhmem_map *map);
/* The number of entries. */
DHMEM_API int dhmem_map_size(const dhmem_map *map, size_t *size);
/*
 * Copies the value for the key, and sets `length`, which may be NULL, to its bytes. If that is more than `room`, nothing is
 * copied: call again with more. DHMEM_NOT_FOUND if there is no such key.
 */
DHMEM_API int dhmem_map_get(dhmem_map *map, const void *key, size_t key_length, void *value, size_t room,
	size_t *length);
DHMEM_API int dhmem_map_set(dhmem_map *map, const void *key, size_t key_length, const void *value,
	size_t value_length);
/* `deleted`, which may be NULL, is set to false if there was no such key. */
DHMEM_API int dhmem_map_delete(dhmem_map *map, const void *key, size_t key_length, bool *deleted);
/* Calls `each` with copies of all entries as they are now, in no particular order, until it returns false. */
DHMEM_API int dhmem_map_each(dhmem_map *map,
	bool (*each)(void *context, const void *key, size_t key_length, const void *value, size_t value_length),
	void *context);
/* The map's mutex: no other participant changes the map in between, for what reads and then sets. */
DHMEM_API int dhmem_map_lock(dhmem_map *map, double timeout);
DHMEM_API int dhmem_map_unlock(dhmem_map *map);

/* ------------------------------------------------------------------------------------------- named objects */

/*
 * Removes what has this name in the region, and sets `removed`, which may be NULL, to false if there was nothing. What
 * this participant has open under the name can only be closed then, and its memory must not be used any more. Others who
 * have it open keep it.
 */
DHMEM_API int dhmem_remove(dhmem_region *region, const char *name, bool *removed);

/* ------------------------------------------------------------------------------------------------- mutexes */

/* Mutual exclusion between participants. A participant holds the mutex, not a thread. */
typedef struct dhmem_mutex dhmem_mutex;

DHMEM_API int dhmem_mutex_open(dhmem_region *region, const char *name, dhmem_mutex **mutex);
/* Unlock it first: closing does not. NULL is allowed. */
DHMEM_API void dhmem_mutex_close(dhmem_mutex *mutex);
/*
 * Waits for the mutex and locks it. `abandoned`, which may be NULL, is set to true if its last holder died while
 * holding it, so that what it guards may be half changed. DHMEM_BAD_ARGUMENT if this participant holds it already.
 */
DHMEM_API int dhmem_lock(dhmem_mutex *mutex, double timeout, bool *abandoned);
DHMEM_API int dhmem_unlock(dhmem_mutex *mutex);
/*
 * Whether the mutex was abandoned, as `abandoned` says, when this participant took it last: by dhmem_lock(), or inside
 * dhmem_wait().
 */
DHMEM_API bool dhmem_is_abandoned(const dhmem_mutex *mutex);

/* Waiting until something has changed that a mutex guards. */
typedef struct dhmem_condition dhmem_condition;

DHMEM_API int dhmem_condition_open(dhmem_region *region, const char *name, dhmem_condition **condition);
/* NULL is allowed. */
DHMEM_API void dhmem_condition_close(dhmem_condition *condition);
/*
 * Waits until `until` returns true. It is called while this participant has the mutex, which it must have before, has
 * afterwards whatever the result is, and has not while it sleeps: then also another thread of this opening may lock it,
 * and this one waits until that has unlocked it. A holder may have died meanwhile: ask dhmem_is_abandoned() afterwards.
 *
 * In an event loop, with the timeout 0: after DHMEM_TIMEOUT, unlock the mutex, and wait by the descriptor. Then lock the
 * mutex, which may return DHMEM_TIMEOUT itself, and call this again.
 */
DHMEM_API int dhmem_wait(dhmem_condition *condition, dhmem_mutex *mutex, bool (*until)(void *context),
	void *context, double timeout);
/* Wakes one participant that waits, or all of them. Call it after the change, with the mutex. */
DHMEM_API int dhmem_notify_one(dhmem_condition *condition);
DHMEM_API int dhmem_notify_all(dhmem_condition *condition);

/* --------------------------------------------------------------------------------------------- event loops */

/*
 * A descriptor to watch in an event loop (poll, epoll, libuv, asyncio), one for each region. It becomes readable when
 * something that this participant waits for may have happened. This works with every function that has a timeout:
 *
 *	1. Call it with the timeout 0. Go on if it does not return DHMEM_TIMEOUT.
 *	2. Wait until the descriptor is readable.
 *	3. Call dhmem_fd_clear(), and then once more each function that has returned DHMEM_TIMEOUT, because the descriptor
 *	   does not say which of them can go on.
 *
 * No timer is needed beside it, although peers can die without a word: it also becomes readable a few times a second.
 * dhmem_close() closes it. A call with a timeout of 0 costs more from now on.
 */
DHMEM_API int dhmem_fd(dhmem_region *region, int *fd);
/* Makes the descriptor unreadable, before everything is tried again. */
DHMEM_API int dhmem_fd_clear(dhmem_region *region);

/* ------------------------------------------------------------------------------- bindings of other languages */

/* What has happened in a queue of messages so far, for those who run workflows. All counts are modulo 2^32. */
struct dhmem_activity {
	/* How many producers and consumers have opened it. */
	uint32_t producers, consumers;
	/* The number of the last stream if its producer, which has the same number, has ended it; else 0. */
	uint32_t ended;
	/* How many ends its consumers have read. */
	uint32_t ends_read;
	/*
	 * Positions in the ring: the first message that is not released, and the one that is received next. Both are 0 for a
	 * queue that drops messages.
	 */
	uint32_t head, next;
};

/* Looks at a queue without opening it. DHMEM_NOT_FOUND if there is none. */
DHMEM_API int dhmem_queue_activity(dhmem_region *region, const char *queue, struct dhmem_activity *activity);
/*
 * One sleep of dhmem_wait(), for runtimes whose functions can't be called from C. Begin with `untold` false; it is
 * set to whether the mutex was abandoned, and must have that value in the next sleep of the same wait.
 */
DHMEM_API int dhmem_sleep(dhmem_condition *condition, dhmem_mutex *mutex, bool *untold);
/*
 * For a wait at a condition that does without dhmem_wait(): as dhmem_lock(), but while another thread of this opening has the
 * mutex, it waits.
 */
DHMEM_API int dhmem_lock_again(dhmem_mutex *mutex, double timeout);
/* Unlocks a mutex whose user has not seen that it is locked: if it was abandoned, the next one who locks it is told so. */
DHMEM_API int dhmem_pass_on(dhmem_mutex *mutex);
/* Whether a block is a reference, as dhmem_clone() makes them, so that others may have its memory too. */
DHMEM_API bool dhmem_is_shared(const dhmem_region *region, const struct dhmem_block *block);
/* DHMEM_OK, or why the region can't be used any more. It is fast. */
DHMEM_API int dhmem_check(dhmem_region *region);
/*
 * Keeps the addresses of the region valid until dhmem_drop() is called as often, even if it is closed before. They read
 * zeros then.
 */
DHMEM_API void dhmem_keep(dhmem_region *region);
DHMEM_API void dhmem_drop(dhmem_region *region);
/*
 * Functions around each sleep of a wait, which takes at most 50 ms: for runtimes that have a lock, and look for signals
 * in between. `after` gets what `before` has returned. If it returns true, the wait ends with DHMEM_INTERRUPTED.
 *
 * While the thread sleeps, others may use the region and what was opened in it, except for closing what this thread
 * waits at. They may close the region.
 */
DHMEM_API void dhmem_on_sleep(dhmem_region *region, void *(*before)(void), bool (*after)(void *state));

#ifdef __cplusplus
}
#endif

#endif
