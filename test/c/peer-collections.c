/* Commands about vectors, maps and conditions. */
#include "peer.h"

static void run_vector(const struct line *line) {
	const int code =
		dhmem_vector_open(region, line->name, *line->rest != '\0' ? line->rest : NULL, &line->it->vector);
	answer(code, code == DHMEM_OK ? dhmem_vector_dtype(line->it->vector) : "");
}

static void run_append(const struct line *line) {
	int code = DHMEM_OK;
	for (int i = 0; i < line->second && code == DHMEM_OK; i++) {
		const double number = line->number + i;
		code = dhmem_vector_append(line->it->vector, &number, 1);
	}
	answer(code, "appended");
}

static void run_sum(const struct line *line) {
	double numbers[100], sum = 0;
	size_t first = 0, done;
	int code;
	while ((code = dhmem_vector_read(line->it->vector, first, numbers, 100, &done)) == DHMEM_OK && done > 0) {
		for (size_t i = 0; i < done; i++) {
			sum += numbers[i];
		}
		first += done;
	}
	char text[60];
	snprintf(text, sizeof text, "%zu numbers, %.17g", first, sum);
	answer(code, text);
}

static void run_pop_back(const struct line *line) {
	double number = 0;
	bool popped;
	char text[40];
	const int code = dhmem_vector_pop(line->it->vector, &number, &popped);
	snprintf(text, sizeof text, "%g", number);
	answer(code, code == DHMEM_OK && popped ? text : "empty");
}

static void run_resize(const struct line *line) {
	answer(dhmem_vector_resize(line->it->vector, (size_t)line->number), "resized");
}

static void run_vector_token(const struct line *line) {
	char token[DHMEM_TOKEN_BYTES];
	answer(dhmem_vector_save(line->it->vector, token), token);
}

static void run_map(const struct line *line) {
	char key[20] = "", value[100] = "", text[140];
	sscanf(line->rest, "%19s %99[^\n]", key, value);
	const int code = dhmem_map_open(region, line->name, *key != '\0' ? key : NULL,
		*value != '\0' ? value : NULL, &line->it->map);
	if (code == DHMEM_OK) {
		snprintf(text, sizeof text, "%s to %s", dhmem_map_key_type(line->it->map),
			dhmem_map_value_type(line->it->map));
	}
	answer(code, code == DHMEM_OK ? text : "");
}

/* A key: text, or a u64. */
static size_t key_of(const struct line *line, char key[100]) {
	char word[100] = "";
	sscanf(line->rest, "%99s", word);
	if (strcmp(dhmem_map_key_type(line->it->map), "u64") == 0) {
		const uint64_t number = strtoull(word, NULL, 10);
		memcpy(key, &number, sizeof number);
		return sizeof number;
	}
	strcpy(key, word);
	return strlen(word);
}

static void run_put(const struct line *line) {
	char key[100];
	const size_t length = key_of(line, key);
	const char *value = strchr(line->rest, ' ') + 1;
	const double number = atof(value);
	const bool is_number = strcmp(dhmem_map_value_type(line->it->map), "f64") == 0;
	answer(dhmem_map_set(line->it->map, key, length, is_number ? (const void *)&number : value,
			   is_number ? sizeof number : strlen(value)),
		"set");
}

static void run_look(const struct line *line) {
	char key[100], text[100] = "";
	union {
		double number;
		char text[50];
	} value = { 0 };
	size_t length;
	const int code = dhmem_map_get(line->it->map, key, key_of(line, key), &value, sizeof value, &length);
	if (code == DHMEM_OK && strcmp(dhmem_map_value_type(line->it->map), "f64") == 0) {
		snprintf(text, sizeof text, "%g", value.number);
	} else if (code == DHMEM_OK && length > sizeof value) {
		snprintf(text, sizeof text, "%zu bytes", length);
	} else if (code == DHMEM_OK) {
		snprintf(text, sizeof text, "%.*s", (int)length, value.text);
	}
	answer(code, text);
}

static void run_delete(const struct line *line) {
	char key[100];
	bool deleted;
	const int code = dhmem_map_delete(line->it->map, key, key_of(line, key), &deleted);
	answer(code, code == DHMEM_OK && deleted ? "deleted" : "missing");
}

static void run_count_up(const struct line *line) {
	char key[100];
	const size_t key_length = key_of(line, key);
	int code = DHMEM_OK;
	for (int i = 0; i < atoi(strchr(line->rest, ' ')) && code == DHMEM_OK; i++) {
		double number = 0;
		code = dhmem_map_lock(line->it->map, -1);
		if (code == DHMEM_OK) {
			code = dhmem_map_get(line->it->map, key, key_length, &number, sizeof number, NULL);
			number += 1;
			if (code == DHMEM_OK || code == DHMEM_NOT_FOUND) {
				code = dhmem_map_set(line->it->map, key, key_length, &number, sizeof number);
			}
			dhmem_map_unlock(line->it->map);
		}
	}
	answer(code, "counted");
}

struct total {
	double sum;
	unsigned long keys;
};

static bool add(void *context, const void *key, size_t key_length, const void *value, size_t value_length) {
	struct total *total = context;
	double number;
	(void)key;
	if (value_length == sizeof number) {
		memcpy(&number, value, sizeof number);
		total->sum += number;
	}
	total->keys += key_length;
	return true;
}

static void run_entries(const struct line *line) {
	struct total total = { 0 };
	size_t size = 0;
	char text[100];
	int code = dhmem_map_each(line->it->map, add, &total);
	code = code == DHMEM_OK ? dhmem_map_size(line->it->map, &size) : code;
	snprintf(text, sizeof text, "%zu entries, %lu bytes of keys, %.17g", size, total.keys, total.sum);
	answer(code, text);
}

int open_state(const struct line *line) {
	struct named *turn = thing("turn"), *state = thing("state");
	int code = DHMEM_OK;
	if (turn->mutex == NULL) {
		code = dhmem_mutex_open(region, "turn", &turn->mutex);
	}
	if (code == DHMEM_OK && state->memory == NULL) {
		code = dhmem_struct_open(region, "state", "{ step: f64 }", NULL, &state->memory);
	}
	if (code == DHMEM_OK && line->it->condition == NULL) {
		code = dhmem_condition_open(region, line->name, &line->it->condition);
	}
	return code == DHMEM_OK ? dhmem_lock(turn->mutex, -1, NULL) : code;
}

double *state_number(void) {
	return dhmem_memory_data(thing("state")->memory);
}

static bool is_reached(void *context) {
	const double *wanted = context;
	return *state_number() == *wanted;
}

static void run_await(const struct line *line) {
	double wanted = line->number;
	int code = open_state(line);
	if (code == DHMEM_OK) {
		code = dhmem_wait(line->it->condition, thing("turn")->mutex, is_reached, &wanted,
			line->second != 0 ? line->second : -1);
		if (dhmem_unlock(thing("turn")->mutex) != DHMEM_OK) {
			abort();
		}
	}
	answer(code, "reached");
}

/* Adds 1 to the number, until it is below 0. */
static bool is_over(void *context) {
	(void)context;
	if (*state_number() < 0) {
		return true;
	}
	*state_number() += 1;
	return false;
}

static void run_watch(const struct line *line) {
	dhmem_mutex *mutex;
	int code = open_state(line);
	mutex = thing("turn")->mutex;
	code = code == DHMEM_OK ? dhmem_wait(line->it->condition, mutex, is_over, NULL, -1) : code;
	const bool is_abandoned = dhmem_is_abandoned(mutex);
	code = code == DHMEM_OK ? dhmem_unlock(mutex) : code;
	answer(code, is_abandoned ? "abandoned" : "whole");
}

static void run_change(const struct line *line) {
	int code = open_state(line);
	if (code == DHMEM_OK) {
		*state_number() = line->number;
		code = dhmem_notify_all(line->it->condition);
		dhmem_unlock(thing("turn")->mutex);
	}
	answer(code, "changed");
}

/* Locks the mutex, or waits for it by the descriptor. */
static int lock_at_descriptor(dhmem_mutex *mutex) {
	int code;
	while (
		(code = dhmem_lock(mutex, 0, NULL)) == DHMEM_TIMEOUT && (code = wait_at_descriptor()) == DHMEM_OK) {
	}
	return code;
}

static void run_poll_turns(const struct line *line) {
	dhmem_mutex *mutex;
	int code = open_state(line), fd;
	code = code == DHMEM_OK ? dhmem_fd(region, &fd) : code;
	mutex = thing("turn")->mutex;
	for (double turn = 0; turn < line->number && code == DHMEM_OK; turn++) {
		double wanted = 2 * turn + 1;
		while ((code = dhmem_wait(line->it->condition, mutex, is_reached, &wanted, 0)) == DHMEM_TIMEOUT) {
			dhmem_unlock(mutex);
			code = wait_at_descriptor();
			code = code == DHMEM_OK ? lock_at_descriptor(mutex) : code;
			if (code != DHMEM_OK) {
				break;
			}
		}
		*state_number() += 1;
		code = code == DHMEM_OK ? dhmem_notify_all(line->it->condition) : code;
	}
	dhmem_unlock(mutex);
	answer(code, "turned");
}

const struct command collection_commands[] = { { "vector", run_vector }, { "append", run_append },
	{ "sum", run_sum }, { "pop-back", run_pop_back }, { "resize", run_resize },
	{ "vector-token", run_vector_token }, { "map", run_map }, { "put", run_put }, { "look", run_look },
	{ "delete", run_delete }, { "count-up", run_count_up }, { "entries", run_entries },
	{ "await", run_await }, { "watch", run_watch }, { "change", run_change },
	{ "poll-turns", run_poll_turns }, { NULL, NULL } };
