/* The calls about vectors, maps, mutexes and conditions. */
#include "calls-internal.h"

int go_vector(struct calls *calls, uintptr_t waiting, const char *name, const char *dtype) {
	SLEEPING(calls, waiting, dhmem_vector_open(calls->region, name, dtype, (dhmem_vector **)&calls->handle));
}

int go_vector_load(struct calls *calls, const char *token) {
	return go_note(calls, dhmem_vector_load(calls->region, token, (dhmem_vector **)&calls->handle));
}

int go_vector_save(struct calls *calls, const dhmem_vector *vector) {
	return go_note(calls, dhmem_vector_save(vector, calls->token));
}

int go_vector_length(struct calls *calls, dhmem_vector *vector) {
	size_t length = 0;
	const int code = go_note(calls, dhmem_vector_view(vector, &calls->data, &length));
	calls->number = length;
	return code;
}

int go_vector_read(struct calls *calls, uintptr_t waiting, dhmem_vector *vector, size_t first, void *elements,
	size_t count) {
	size_t done = 0;
	go_sleeper = waiting;
	const int code = go_note(calls, dhmem_vector_read(vector, first, elements, count, &done));
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
	return go_note(calls, dhmem_map_open(calls->region, name, key, value, (dhmem_map **)&calls->handle));
}

int go_map_size(struct calls *calls, const dhmem_map *map) {
	size_t size = 0;
	const int code = go_note(calls, dhmem_map_size(map, &size));
	calls->number = size;
	return code;
}

int go_map_get(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key, size_t key_length,
	void *value, size_t room) {
	size_t length = 0;
	go_sleeper = waiting;
	const int code = go_note(calls, dhmem_map_get(map, key, key_length, value, room, &length));
	calls->number = length;
	return code;
}

int go_map_set(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key, size_t key_length,
	const void *value, size_t value_length) {
	SLEEPING(calls, waiting, dhmem_map_set(map, key, key_length, value, value_length));
}

int go_map_delete(struct calls *calls, uintptr_t waiting, dhmem_map *map, const void *key,
	size_t key_length) {
	SLEEPING(calls, waiting, dhmem_map_delete(map, key, key_length, &calls->flag));
}

static bool entry(void *context, const void *key, size_t key_length, const void *value, size_t value_length) {
	return goEntry(*(const uintptr_t *)context, (void *)key, key_length, (void *)value, value_length) != 0;
}

int go_map_each(struct calls *calls, uintptr_t waiting, dhmem_map *map, uintptr_t each) {
	SLEEPING(calls, waiting, dhmem_map_each(map, entry, &each));
}

int go_map_lock(struct calls *calls, dhmem_map *map) {
	return go_note(calls, dhmem_map_lock(map, 0));
}

int go_map_unlock(struct calls *calls, dhmem_map *map) {
	return go_note(calls, dhmem_map_unlock(map));
}

int go_mutex(struct calls *calls, const char *name) {
	return go_note(calls, dhmem_mutex_open(calls->region, name, (dhmem_mutex **)&calls->handle));
}

int go_lock(struct calls *calls, dhmem_mutex *mutex) {
	return go_note(calls, dhmem_lock(mutex, 0, &calls->flag));
}

int go_stop_locking(struct calls *calls, uintptr_t waiting, dhmem_mutex *mutex) {
	go_sleeper = waiting;
	const int code = dhmem_lock(mutex, 1e-6, NULL);
	return code == DHMEM_OK ? go_note(calls, dhmem_pass_on(mutex)) : DHMEM_OK;
}

int go_unlock(struct calls *calls, dhmem_mutex *mutex) {
	return go_note(calls, dhmem_unlock(mutex));
}

int go_condition(struct calls *calls, const char *name) {
	return go_note(calls, dhmem_condition_open(calls->region, name, (dhmem_condition **)&calls->handle));
}

int go_condition_sleep(struct calls *calls, uintptr_t waiting, dhmem_condition *condition, dhmem_mutex *mutex,
	bool untold) {
	calls->flag = untold;
	SLEEPING(calls, waiting, dhmem_sleep(condition, mutex, &calls->flag));
}

int go_notify(struct calls *calls, dhmem_condition *condition, bool all) {
	return go_note(calls, all ? dhmem_notify_all(condition) : dhmem_notify_one(condition));
}
