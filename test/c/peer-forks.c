/* A command about forks: what a child can do with what its parent has open. */
#include "peer.h"

#include <sys/wait.h>
#include <unistd.h>

/* Something of everything, opened by the parent. */
static struct {
	dhmem_producer *producer;
	dhmem_consumer *consumer;
	dhmem_record_producer *records_in;
	dhmem_record_consumer *records_out;
	dhmem_memory *array;
	dhmem_vector *vector;
	dhmem_map *map;
	dhmem_mutex *mutex;
	dhmem_condition *condition;
	struct dhmem_block block, large;
	struct dhmem_message message;
	void *reserved;
	char token[DHMEM_TOKEN_BYTES];
} all;

/* The call that is checked; a child's status is one byte. */
static int call;

#define EXPECT(code, function, ...) \
	do { \
		call++; \
		if (function(__VA_ARGS__) != (code)) { \
			fprintf(stderr, "call %d: %s is not %s: %s\n", call, #function, #code, dhmem_error()); \
			return false; \
		} \
	} while (0)
#define DONE(...) EXPECT(DHMEM_OK, __VA_ARGS__)
#define REFUSED(...) EXPECT(DHMEM_CLOSED, __VA_ARGS__)

static bool open_all(void) {
	const double numbers[] = { 1, 2, 3, 4 };
	struct dhmem_block saved;
	bool abandoned;
	size_t pushed;
	DONE(dhmem_producer_open, region, "fork messages", NULL, &all.producer);
	DONE(dhmem_consumer_open, region, "fork messages", NULL, &all.consumer);
	DONE(dhmem_record_producer_open, region, "fork records", "f64", NULL, &all.records_in);
	DONE(dhmem_record_consumer_open, region, "fork records", "f64", NULL, &all.records_out);
	DONE(dhmem_push, all.records_in, numbers, 4, 0, &pushed);
	DONE(dhmem_array_open, region, "fork array", "f64[4]", numbers, &all.array);
	DONE(dhmem_vector_open, region, "fork vector", "f64", &all.vector);
	DONE(dhmem_vector_append, all.vector, numbers, 4);
	DONE(dhmem_map_open, region, "fork map", "string", "f64", &all.map);
	DONE(dhmem_map_set, all.map, "key", 3, numbers, sizeof *numbers);
	DONE(dhmem_mutex_open, region, "fork mutex", &all.mutex);
	DONE(dhmem_condition_open, region, "fork condition", &all.condition);
	DONE(dhmem_lock, all.mutex, 0, &abandoned);
	DONE(dhmem_send, all.producer, "message", 7, 0);
	DONE(dhmem_receive, all.consumer, &all.message, 0);
	DONE(dhmem_reserve, all.producer, 100, 0, &all.reserved);
	DONE(dhmem_allocate, region, 100, &all.block);
	DONE(dhmem_allocate, region, 4 << 20, &all.large);
	DONE(dhmem_allocate, region, 100, &saved);
	DONE(dhmem_save, region, &saved, all.token);
	memcpy(all.reserved, "message", 7);
	memcpy(all.block.data, "message", 7);
	memcpy(all.large.data, "message", 7);
	memcpy(dhmem_memory_data(all.array), "message", 7);
	return true;
}

static bool until(void *context) {
	(void)context;
	return false;
}

static bool each(void *context, const void *key, size_t key_length, const void *value, size_t value_length) {
	(void)context, (void)key, (void)key_length, (void)value, (void)value_length;
	return true;
}

static bool endpoints_are_refused(void) {
	struct dhmem_message message, messages[2];
	const struct dhmem_bytes bytes = { "x", 1 };
	struct dhmem_activity activity;
	double number = 1;
	void *data;
	size_t count;
	REFUSED(dhmem_send, all.producer, "x", 1, -1);
	REFUSED(dhmem_send_block, all.producer, "x", 1, &all.block, -1);
	REFUSED(dhmem_send_many, all.producer, &bytes, 1, &count);
	REFUSED(dhmem_reserve, all.producer, 1, -1, &data);
	REFUSED(dhmem_commit, all.producer, 1);
	REFUSED(dhmem_abort, all.producer);
	REFUSED(dhmem_end, all.producer);
	REFUSED(dhmem_receive, all.consumer, &message, -1);
	REFUSED(dhmem_receive_many, all.consumer, messages, 2, &count);
	REFUSED(dhmem_release, all.consumer, &all.message);
	REFUSED(dhmem_push, all.records_in, &number, 1, -1, &count);
	REFUSED(dhmem_push_wait, all.records_in, -1);
	REFUSED(dhmem_record_end, all.records_in);
	REFUSED(dhmem_pop, all.records_out, &number, 1, -1, &count);
	REFUSED(dhmem_pop_wait, all.records_out, -1);
	REFUSED(dhmem_queue_activity, region, "fork messages", &activity);
	return true;
}

static bool objects_are_refused(void) {
	bool answer;
	double number = 1;
	void *data;
	size_t count;
	char token[DHMEM_TOKEN_BYTES];
	REFUSED(dhmem_memory_check, all.array);
	REFUSED(dhmem_memory_save, all.array, token);
	REFUSED(dhmem_vector_view, all.vector, &data, &count);
	REFUSED(dhmem_vector_read, all.vector, 0, &number, 1, &count);
	REFUSED(dhmem_vector_append, all.vector, &number, 1);
	REFUSED(dhmem_vector_write, all.vector, 0, &number, 1);
	REFUSED(dhmem_vector_pop, all.vector, &number, &answer);
	REFUSED(dhmem_vector_resize, all.vector, 0);
	REFUSED(dhmem_vector_save, all.vector, token);
	REFUSED(dhmem_map_size, all.map, &count);
	REFUSED(dhmem_map_get, all.map, "key", 3, &number, sizeof number, &count);
	REFUSED(dhmem_map_set, all.map, "key", 3, &number, sizeof number);
	REFUSED(dhmem_map_delete, all.map, "key", 3, &answer);
	REFUSED(dhmem_map_each, all.map, each, NULL);
	REFUSED(dhmem_map_lock, all.map, -1);
	REFUSED(dhmem_map_unlock, all.map);
	REFUSED(dhmem_lock, all.mutex, -1, &answer);
	REFUSED(dhmem_wait, all.condition, all.mutex, until, NULL, -1);
	REFUSED(dhmem_unlock, all.mutex);
	REFUSED(dhmem_notify_one, all.condition);
	REFUSED(dhmem_notify_all, all.condition);
	return true;
}

static bool region_is_refused(void) {
	struct dhmem_block block;
	enum dhmem_kind kind;
	char token[DHMEM_TOKEN_BYTES];
	dhmem_memory *memory;
	dhmem_vector *vector;
	dhmem_map *map;
	dhmem_mutex *mutex;
	dhmem_condition *condition;
	dhmem_producer *producer;
	dhmem_record_consumer *consumer;
	unsigned count;
	bool answer;
	int fd;
	REFUSED(dhmem_check, region);
	REFUSED(dhmem_allocate, region, 100, &block);
	REFUSED(dhmem_clone, region, &all.block, &block);
	REFUSED(dhmem_save, region, &all.block, token);
	REFUSED(dhmem_load, region, all.token, &block);
	REFUSED(dhmem_free_saved, region, all.token);
	REFUSED(dhmem_token_kind, region, all.token, &kind);
	REFUSED(dhmem_free, region, &all.block);
	REFUSED(dhmem_free, region, &all.large);
	REFUSED(dhmem_producer_open, region, "fork messages", NULL, &producer);
	REFUSED(dhmem_record_consumer_open, region, "fork records", "f64", NULL, &consumer);
	REFUSED(dhmem_array_open, region, "fork array", NULL, NULL, &memory);
	REFUSED(dhmem_vector_open, region, "fork vector", "f64", &vector);
	REFUSED(dhmem_map_open, region, "fork map", "string", "f64", &map);
	REFUSED(dhmem_mutex_open, region, "fork mutex", &mutex);
	REFUSED(dhmem_condition_open, region, "fork condition", &condition);
	REFUSED(dhmem_remove, region, "fork array", &answer);
	REFUSED(dhmem_has_participant, region, "child", &answer);
	REFUSED(dhmem_recover, region, &count);
	REFUSED(dhmem_trim, region, NULL);
	REFUSED(dhmem_fd, region, &fd);
	REFUSED(dhmem_fd_clear, region);
	return true;
}

/* What pointers show, and what is written through them. */
static bool memory_is(const char *expected) {
	char *const pointers[] = { all.message.data, all.reserved, all.block.data, all.large.data,
		dhmem_memory_data(all.array) };
	for (size_t i = 0; i < sizeof pointers / sizeof *pointers; i++) {
		if (memcmp(pointers[i], expected, 7) != 0) {
			fprintf(stderr, "pointer %zu shows other bytes\n", i);
			return false;
		}
		memcpy(pointers[i], expected[0] == 0 ? "changed" : expected, 7);
	}
	return true;
}

static void close_all(void) {
	dhmem_producer_close(all.producer);
	dhmem_consumer_close(all.consumer);
	dhmem_record_producer_close(all.records_in);
	dhmem_record_consumer_close(all.records_out);
	dhmem_memory_close(all.array);
	dhmem_vector_close(all.vector);
	dhmem_map_close(all.map);
	dhmem_mutex_close(all.mutex);
	dhmem_condition_close(all.condition);
}

/* In a child: what is inherited can't be used, and an opening of its own can. */
static int use(const char *path) {
	dhmem_region *own;
	dhmem_producer *more;
	const struct dhmem_options options = { .mode = DHMEM_OPEN, .label = "child" };
	if (!memory_is("\0\0\0\0\0\0") || !region_is_refused() || !objects_are_refused() ||
		!endpoints_are_refused() || !memory_is("changed")) {
		return 1;
	}
	close_all();
	dhmem_close(region);
	if (dhmem_open(path, &options, &own) != DHMEM_OK ||
		dhmem_producer_open(own, "child", NULL, &more) != DHMEM_OK ||
		dhmem_send(more, "from the child", 14, 0) != DHMEM_OK) {
		fprintf(stderr, "%s\n", dhmem_error());
		return 2;
	}
	dhmem_producer_close(more);
	dhmem_close(own);
	return 0;
}

/* In the parent everything is as it was. */
static bool all_are_left(void) {
	struct dhmem_message message;
	if (!memory_is("message")) {
		return false;
	}
	DONE(dhmem_commit, all.producer, 7);
	DONE(dhmem_release, all.consumer, &all.message);
	DONE(dhmem_receive, all.consumer, &message, 0);
	DONE(dhmem_unlock, all.mutex);
	DONE(dhmem_free, region, &all.block);
	DONE(dhmem_free, region, &all.large);
	DONE(dhmem_free_saved, region, all.token);
	close_all();
	return true;
}

/* fork QUEUE: a child tries things; and then another stays, whose process id is the answer. */
static void run_fork(const struct line *line) {
	char path[1000], text[30];
	int status;
	(void)line;
	snprintf(path, sizeof path, "%s", dhmem_path(region));
	if (!open_all()) {
		answer(DHMEM_CORRUPT, "");
		return;
	}
	pid_t child = fork();
	if (child == 0) {
		_exit(use(path));
	}
	if (waitpid(child, &status, 0) != child || status != 0 || !all_are_left()) {
		printf("the child ended with %d\n", status);
		return;
	}
	/* It has closed what it inherited once fork() has returned in it. */
	int ready[2];
	if (pipe(ready) != 0) {
		abort();
	}
	child = fork();
	if (child == 0) {
		if (write(ready[1], "", 1) == 1) {
			pause();
		}
		_exit(0);
	}
	if (read(ready[0], text, 1) != 1) {
		abort();
	}
	snprintf(text, sizeof text, "%d", (int)child);
	answer(0, text);
}

const struct command fork_commands[] = { { "fork", run_fork }, { NULL, NULL } };
