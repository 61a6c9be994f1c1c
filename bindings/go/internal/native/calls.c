#include "calls.h"

#include <stdio.h>
#include <stdlib.h>

static int note(struct calls *calls, int code) {
	if (code < 0) {
		snprintf(calls->why, sizeof calls->why, "%s", dhmem_error());
	}
	return code;
}

struct calls *go_calls(void) {
	return calloc(1, sizeof(struct calls));
}

void go_free(struct calls *calls) {
	free(calls->messages);
	free(calls);
}

/* In Go: the region's lock is released while a thread sleeps. The second says whether the wait shall end. */
extern void goBeforeSleep(uintptr_t waiting);
extern int goAfterSleep(uintptr_t waiting);
extern int goEntry(uintptr_t each, void *key, size_t key_length, void *value, size_t value_length);

static _Thread_local uintptr_t sleeper;

static void *before_sleep(void) {
	const uintptr_t waiting = sleeper;
	goBeforeSleep(waiting);
	return (void *)waiting;
}

static bool after_sleep(void *state) {
	const bool ended = goAfterSleep((uintptr_t)state) != 0;
	/* Other calls may have slept on this thread meanwhile. */
	sleeper = (uintptr_t)state;
	return ended;
}

/* A call that may sleep, on behalf of the handle `waiting`. */
#define SLEEPING(calls, waiting, call) \
	sleeper = (waiting); \
	return note(calls, call)

int go_open(struct calls *calls, const char *name, const struct dhmem_options *options) {
	const int code = note(calls, dhmem_open(name, options, &calls->region));
	if (code == DHMEM_OK) {
		/* What Go has of its memory stays valid until Go's object is gone. */
		dhmem_keep(calls->region);
		dhmem_on_sleep(calls->region, before_sleep, after_sleep);
	}
	return code;
}

int go_unlink(struct calls *calls, const char *name, const struct dhmem_options *options) {
	return note(calls, dhmem_unlink(name, options));
}

int go_check(struct calls *calls) {
	return note(calls, dhmem_check(calls->region));
}

int go_recover(struct calls *calls) {
	unsigned count = 0;
	const int code = note(calls, dhmem_recover(calls->region, &count));
	calls->number = count;
	return code;
}

int go_trim(struct calls *calls) {
	return note(calls, dhmem_trim(calls->region, &calls->number));
}

int go_has_participant(struct calls *calls, const char *label) {
	return note(calls, dhmem_has_participant(calls->region, label, &calls->flag));
}

int go_remove(struct calls *calls, const char *name) {
	return note(calls, dhmem_remove(calls->region, name, &calls->flag));
}

int go_fd(struct calls *calls) {
	int fd = -1;
	const int code = note(calls, dhmem_fd(calls->region, &fd));
	calls->number = (uint64_t)fd;
	return code;
}

int go_allocate(struct calls *calls, size_t length) {
	return note(calls, dhmem_allocate(calls->region, length, &calls->block));
}

int go_free_block(struct calls *calls, struct dhmem_block block) {
	return note(calls, dhmem_free(calls->region, &block));
}

int go_clone(struct calls *calls, struct dhmem_block block) {
	const int code = note(calls, dhmem_clone(calls->region, &block, &calls->block));
	/* The first clone makes the block itself a reference. */
	calls->message.block = block;
	return code;
}

int go_save(struct calls *calls, struct dhmem_block block) {
	return note(calls, dhmem_save(calls->region, &block, calls->token));
}

int go_load(struct calls *calls, const char *token) {
	return note(calls, dhmem_load(calls->region, token, &calls->block));
}

int go_free_saved(struct calls *calls, const char *token) {
	return note(calls, dhmem_free_saved(calls->region, token));
}

int go_token_kind(struct calls *calls, const char *token) {
	enum dhmem_kind kind = DHMEM_KIND_BLOCK;
	const int code = note(calls, dhmem_token_kind(calls->region, token, &kind));
	calls->number = (uint64_t)kind;
	return code;
}

int go_producer(struct calls *calls, const char *queue, const struct dhmem_queue_options *options) {
	return note(calls, dhmem_producer_open(calls->region, queue, options, (dhmem_producer **)&calls->handle));
}

int go_send(struct calls *calls, dhmem_producer *producer, const void *data, size_t length) {
	return note(calls, dhmem_send(producer, data, length, 0));
}

int go_send_block(struct calls *calls, dhmem_producer *producer, const void *data, size_t length,
	struct dhmem_block block) {
	return note(calls, dhmem_send_block(producer, data, length, &block, 0));
}

int go_reserve(struct calls *calls, dhmem_producer *producer, size_t length) {
	return note(calls, dhmem_reserve(producer, length, 0, &calls->data));
}

int go_commit(struct calls *calls, dhmem_producer *producer, size_t length) {
	return note(calls, dhmem_commit(producer, length));
}

int go_abort(struct calls *calls, dhmem_producer *producer) {
	return note(calls, dhmem_abort(producer));
}

int go_end(struct calls *calls, dhmem_producer *producer) {
	return note(calls, dhmem_end(producer));
}

int go_consumer(struct calls *calls, const char *queue, const struct dhmem_queue_options *options) {
	return note(calls, dhmem_consumer_open(calls->region, queue, options, (dhmem_consumer **)&calls->handle));
}

int go_receive(struct calls *calls, dhmem_consumer *consumer) {
	return note(calls, dhmem_receive(consumer, &calls->message, 0));
}

static int release(dhmem_consumer *consumer, uint32_t position) {
	/* The library looks at nothing else. */
	struct dhmem_message message = { .data = consumer, .position = position };
	return dhmem_release(consumer, &message);
}

int go_release(struct calls *calls, dhmem_consumer *consumer, uint32_t position) {
	return note(calls, release(consumer, position));
}

int go_next(struct calls *calls, dhmem_consumer *consumer, uint32_t position) {
	const int code = release(consumer, position);
	return note(calls, code == DHMEM_OK ? dhmem_receive(consumer, &calls->message, 0) : code);
}

int go_take(struct calls *calls, dhmem_consumer *consumer, struct dhmem_message message) {
	return note(calls, dhmem_take(consumer, &message, &calls->block));
}

int go_receive_many(struct calls *calls, dhmem_consumer *consumer, size_t most) {
	size_t count = 0;
	int code = DHMEM_OK;
	if (calls->messages == NULL) {
		calls->messages = malloc(MOST_MESSAGES * sizeof *calls->messages);
		if (calls->messages == NULL) {
			snprintf(calls->why, sizeof calls->why, "There is no memory for a list of messages; free some");
			return DHMEM_NO_SPACE;
		}
	}
	while (count < most && count < MOST_MESSAGES) {
		code = dhmem_receive(consumer, &calls->messages[count], 0);
		if (code != DHMEM_OK) {
			break;
		}
		count++;
	}
	calls->number = count;
	return count > 0 ? DHMEM_OK : note(calls, code);
}

int go_release_many(struct calls *calls, dhmem_consumer *consumer, const uint32_t *positions, size_t count) {
	int code = DHMEM_OK;
	for (size_t i = 0; i < count && code == DHMEM_OK; i++) {
		code = release(consumer, positions[i]);
	}
	return note(calls, code);
}

int go_record_producer(struct calls *calls, const char *queue, const char *type, size_t capacity, bool patient) {
	const struct dhmem_record_options options = { .capacity = capacity, .patient = patient };
	return note(calls,
		dhmem_record_producer_open(calls->region, queue, type, &options,
			(dhmem_record_producer **)&calls->handle));
}

int go_push(struct calls *calls, dhmem_record_producer *producer, const void *records, size_t count) {
	size_t done = 0;
	const int code = note(calls, dhmem_push(producer, records, count, 0, &done));
	calls->number = done;
	return code;
}

int go_record_end(struct calls *calls, dhmem_record_producer *producer) {
	return note(calls, dhmem_record_end(producer));
}

int go_record_consumer(struct calls *calls, const char *queue, const char *type, size_t capacity, bool patient) {
	const struct dhmem_record_options options = { .capacity = capacity, .patient = patient };
	return note(calls,
		dhmem_record_consumer_open(calls->region, queue, type, &options,
			(dhmem_record_consumer **)&calls->handle));
}

int go_pop(struct calls *calls, dhmem_record_consumer *consumer, void *records, size_t count) {
	size_t done = 0;
	const int code = note(calls, dhmem_pop(consumer, records, count, 0, &done));
	calls->number = done;
	return code;
}

int go_struct(struct calls *calls, const char *name, const char *type, const void *initial) {
	return note(calls, dhmem_struct_open(calls->region, name, type, initial, (dhmem_memory **)&calls->handle));
}

int go_array(struct calls *calls, const char *name, const char *type, const void *initial) {
	return note(calls, dhmem_array_open(calls->region, name, type, initial, (dhmem_memory **)&calls->handle));
}

int go_memory_load(struct calls *calls, const char *token) {
	return note(calls, dhmem_memory_load(calls->region, token, (dhmem_memory **)&calls->handle));
}

int go_memory_save(struct calls *calls, const dhmem_memory *memory) {
	return note(calls, dhmem_memory_save(memory, calls->token));
}

int go_memory_check(struct calls *calls, const dhmem_memory *memory) {
	return note(calls, dhmem_memory_check(memory));
}

int go_vector(struct calls *calls, uintptr_t waiting, const char *name, const char *dtype) {
	SLEEPING(calls, waiting, dhmem_vector_open(calls->region, name, dtype, (dhmem_vector **)&calls->handle));
}

int go_vector_load(struct calls *calls, const char *token) {
	return note(calls, dhmem_vector_load(calls->region, token, (dhmem_vector **)&calls->handle));
}

int go_vector_save(struct calls *calls, const dhmem_vector *vector) {
	return note(calls, dhmem_vector_save(vector, calls->token));
}

int go_vector_length(struct calls *calls, dhmem_vector *vector) {
	size_t length = 0;
	const int code = note(calls, dhmem_vector_view(vector, &calls->data, &length));
	calls->number = length;
	return code;
}

int go_vector_read(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, size_t first, void *elements,
	size_t count) {
	size_t done = 0;
	sleeper = waiting;
	const int code = note(calls, dhmem_vector_read(vector, first, elements, count, &done));
	calls->number = done;
	return code;
}

int go_vector_append(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, const void *elements,
	size_t count) {
	SLEEPING(calls, waiting, dhmem_vector_append(vector, elements, count));
}

int go_vector_write(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, size_t first,
	const void *elements, size_t count) {
	SLEEPING(calls, waiting, dhmem_vector_write(vector, first, elements, count));
}

int go_vector_pop(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, void *element) {
	SLEEPING(calls, waiting, dhmem_vector_pop(vector, element, &calls->flag));
}

int go_vector_resize(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, size_t length) {
	SLEEPING(calls, waiting, dhmem_vector_resize(vector, length));
}

int go_map(struct calls *calls, const char *name, const char *key, const char *value) {
	return note(calls, dhmem_map_open(calls->region, name, key, value, (dhmem_map **)&calls->handle));
}

int go_map_size(struct calls *calls, const dhmem_map *map) {
	size_t size = 0;
	const int code = note(calls, dhmem_map_size(map, &size));
	calls->number = size;
	return code;
}

int go_map_get(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key, size_t key_length,
	void *value, size_t room) {
	size_t length = 0;
	sleeper = waiting;
	const int code = note(calls, dhmem_map_get(map, key, key_length, value, room, &length));
	calls->number = length;
	return code;
}

int go_map_set(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key, size_t key_length,
	const void *value, size_t value_length) {
	SLEEPING(calls, waiting, dhmem_map_set(map, key, key_length, value, value_length));
}

int go_map_delete(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key, size_t key_length) {
	SLEEPING(calls, waiting, dhmem_map_delete(map, key, key_length, &calls->flag));
}

static bool entry(void *context, const void *key, size_t key_length, const void *value, size_t value_length) {
	return goEntry(*(const uintptr_t *)context, (void *)key, key_length, (void *)value, value_length) != 0;
}

int go_map_each(struct calls *calls, uintptr_t waiting, dhmem_map *map, uintptr_t each) {
	SLEEPING(calls, waiting, dhmem_map_each(map, entry, &each));
}

int go_map_lock(struct calls *calls, dhmem_map *map) {
	return note(calls, dhmem_map_lock(map, 0));
}

int go_map_unlock(struct calls *calls, dhmem_map *map) {
	return note(calls, dhmem_map_unlock(map));
}

int go_mutex(struct calls *calls, const char *name) {
	return note(calls, dhmem_mutex_open(calls->region, name, (dhmem_mutex **)&calls->handle));
}

int go_lock(struct calls *calls, dhmem_mutex *mutex) {
	return note(calls, dhmem_lock(mutex, 0, &calls->flag));
}

int go_stop_locking(struct calls *calls, uintptr_t waiting, dhmem_mutex *mutex) {
	sleeper = waiting;
	const int code = dhmem_lock(mutex, 1e-6, NULL);
	return code == DHMEM_OK ? note(calls, dhmem_unlock(mutex)) : DHMEM_OK;
}

int go_unlock(struct calls *calls, dhmem_mutex *mutex) {
	return note(calls, dhmem_unlock(mutex));
}

int go_condition(struct calls *calls, const char *name) {
	return note(calls, dhmem_condition_open(calls->region, name, (dhmem_condition **)&calls->handle));
}

/* True from the second call on. */
static bool has_slept(void *context) {
	return (*(unsigned *)context)++ > 0;
}

int go_condition_sleep(struct calls *calls, uintptr_t waiting, dhmem_condition *condition, dhmem_mutex *mutex) {
	unsigned looked = 0;
	SLEEPING(calls, waiting, dhmem_wait(condition, mutex, has_slept, &looked, -1));
}

int go_notify(struct calls *calls, dhmem_condition *condition, bool all) {
	return note(calls, all ? dhmem_notify_all(condition) : dhmem_notify_one(condition));
}
