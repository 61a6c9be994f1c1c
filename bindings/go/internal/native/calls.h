/*
 * The library for C as Go calls it. A call of Go's can move to another thread between two calls of C, and what C writes
 * to memory of Go must be checked and kept in place. So each call here leaves its results, and the text of its error, in
 * a `struct calls` of the region, in C's memory. Whoever calls holds the region's lock until it has read them.
 *
 * Nothing here waits, because that would hold a thread: waits try with the timeout 0, and watch the descriptor in between.
 * Except for what may have to wait for a short lock (vectors and maps) and for conditions: these release the region's lock
 * while they sleep.
 */
#ifndef CALLS_H
#define CALLS_H

#include "dhmem.h"

struct calls {
	dhmem_region *region;
	/* The text of the last failure. */
	char why[1024];
	/* What was opened. */
	void *handle;
	struct dhmem_message message;
	struct dhmem_block block;
	void *data;
	char token[DHMEM_TOKEN_BYTES];
	uint64_t number;
	bool flag;
	struct dhmem_activity activity;
	/* Of go_receive_many(), with room for MOST_MESSAGES; NULL before the first. */
	struct dhmem_message *messages;
};

#define MOST_MESSAGES 256

struct calls *go_calls(void);
void go_free(struct calls *calls);

int go_open(struct calls *calls, const char *name, const struct dhmem_options *options);
int go_unlink(struct calls *calls, const char *name, const struct dhmem_options *options);
int go_unlink_region(struct calls *calls);
int go_check(struct calls *calls);
int go_recover(struct calls *calls);
int go_trim(struct calls *calls);
int go_has_participant(struct calls *calls, const char *label);
int go_activity(struct calls *calls, const char *queue);
int go_remove(struct calls *calls, const char *name);
int go_fd(struct calls *calls);

int go_allocate(struct calls *calls, size_t length);
int go_free_block(struct calls *calls, struct dhmem_block block);
int go_clone(struct calls *calls, struct dhmem_block block);
int go_save(struct calls *calls, struct dhmem_block block);
int go_load(struct calls *calls, const char *token);
int go_free_saved(struct calls *calls, const char *token);
int go_token_kind(struct calls *calls, const char *token);

int go_producer(struct calls *calls, const char *queue, const struct dhmem_queue_options *options);
int go_send(struct calls *calls, dhmem_producer *producer, const void *data, size_t length);
/* `number` is how many of these messages, at most MOST_MESSAGES and one behind the other, there was room for. */
int go_send_many(struct calls *calls, dhmem_producer *producer, const void *data, const uint64_t *lengths,
	size_t count);
int go_send_block(struct calls *calls, dhmem_producer *producer, const void *data, size_t length,
	struct dhmem_block block);
int go_reserve(struct calls *calls, dhmem_producer *producer, size_t length);
int go_commit(struct calls *calls, dhmem_producer *producer, size_t length);
int go_abort(struct calls *calls, dhmem_producer *producer);
int go_end(struct calls *calls, dhmem_producer *producer);

int go_consumer(struct calls *calls, const char *queue, const struct dhmem_queue_options *options);
int go_receive(struct calls *calls, dhmem_consumer *consumer);
int go_release(struct calls *calls, dhmem_consumer *consumer, uint32_t position);
int go_next(struct calls *calls, dhmem_consumer *consumer, uint32_t position);
int go_take(struct calls *calls, dhmem_consumer *consumer, struct dhmem_message message);
/* `number` is how many there are. */
int go_receive_many(struct calls *calls, dhmem_consumer *consumer, size_t most);
int go_release_many(struct calls *calls, dhmem_consumer *consumer, const uint32_t *positions, size_t count);

int go_record_producer(struct calls *calls, const char *queue, const char *type, size_t capacity,
	bool patient);
int go_push(struct calls *calls, dhmem_record_producer *producer, const void *records, size_t count);
int go_record_end(struct calls *calls, dhmem_record_producer *producer);
int go_record_consumer(struct calls *calls, const char *queue, const char *type, size_t capacity,
	bool patient);
int go_pop(struct calls *calls, dhmem_record_consumer *consumer, void *records, size_t count);

int go_struct(struct calls *calls, const char *name, const char *type, const void *initial);
int go_array(struct calls *calls, const char *name, const char *type, const void *initial);
int go_memory_load(struct calls *calls, const char *token);
int go_memory_save(struct calls *calls, const dhmem_memory *memory);
int go_memory_check(struct calls *calls, const dhmem_memory *memory);

int go_vector(struct calls *calls, uintptr_t waiting, const char *name, const char *dtype);
int go_vector_load(struct calls *calls, const char *token);
int go_vector_save(struct calls *calls, const dhmem_vector *vector);
int go_vector_length(struct calls *calls, dhmem_vector *vector);
int go_vector_read(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, size_t first, void *elements,
	size_t count);
int go_vector_append(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, const void *elements,
	size_t count);
int go_vector_write(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, size_t first,
	const void *elements, size_t count);
int go_vector_pop(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, void *element);
int go_vector_resize(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, size_t length);

int go_map(struct calls *calls, const char *name, const char *key, const char *value);
int go_map_size(struct calls *calls, const dhmem_map *map);
int go_map_get(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key, size_t key_length,
	void *value, size_t room);
int go_map_set(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key, size_t key_length,
	const void *value, size_t value_length);
int go_map_delete(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key, size_t key_length);
/* Calls goEntry() for each. */
int go_map_each(struct calls *calls, uintptr_t waiting, dhmem_map *map, uintptr_t each);
int go_map_lock(struct calls *calls, dhmem_map *map);
int go_map_unlock(struct calls *calls, dhmem_map *map);

int go_mutex(struct calls *calls, const char *name);
int go_lock(struct calls *calls, dhmem_mutex *mutex);
/* For one that gives up waiting. */
int go_stop_locking(struct calls *calls, uintptr_t waiting, dhmem_mutex *mutex);
int go_unlock(struct calls *calls, dhmem_mutex *mutex);

int go_condition(struct calls *calls, const char *name);
/* Sleeps once without the mutex, until a notification or for a while. It has the mutex afterwards. */
int go_condition_sleep(struct calls *calls, uintptr_t waiting, dhmem_condition *condition, dhmem_mutex *mutex,
	bool untold);
int go_notify(struct calls *calls, dhmem_condition *condition, bool all);

#endif
