#include "calls-internal.h"

#include <stdio.h>
#include <stdlib.h>

int go_note(struct calls *calls, int code) {
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

_Thread_local uintptr_t go_sleeper;

static void *before_sleep(void) {
	const uintptr_t waiting = go_sleeper;
	goBeforeSleep(waiting);
	return (void *)waiting;
}

static bool after_sleep(void *state) {
	const bool ended = goAfterSleep((uintptr_t)state) != 0;
	/* Other calls may have slept on this thread meanwhile. */
	go_sleeper = (uintptr_t)state;
	return ended;
}

int go_open(struct calls *calls, const char *name, const struct dhmem_options *options) {
	const int code = go_note(calls, dhmem_open(name, options, &calls->region));
	if (code == DHMEM_OK) {
		/* What Go has of its memory stays valid until Go's object is gone. */
		dhmem_keep(calls->region);
		dhmem_on_sleep(calls->region, before_sleep, after_sleep);
	}
	return code;
}

int go_unlink(struct calls *calls, const char *name, const struct dhmem_options *options) {
	return go_note(calls, dhmem_unlink(name, options));
}

int go_unlink_region(struct calls *calls) {
	return go_note(calls, dhmem_unlink_region(calls->region));
}

int go_check(struct calls *calls) {
	return go_note(calls, dhmem_check(calls->region));
}

int go_recover(struct calls *calls) {
	unsigned count = 0;
	const int code = go_note(calls, dhmem_recover(calls->region, &count));
	calls->number = count;
	return code;
}

int go_trim(struct calls *calls) {
	return go_note(calls, dhmem_trim(calls->region, &calls->number));
}

int go_has_participant(struct calls *calls, const char *label) {
	return go_note(calls, dhmem_has_participant(calls->region, label, &calls->flag));
}

int go_activity(struct calls *calls, const char *queue) {
	return go_note(calls, dhmem_queue_activity(calls->region, queue, &calls->activity));
}

int go_remove(struct calls *calls, const char *name) {
	return go_note(calls, dhmem_remove(calls->region, name, &calls->flag));
}

int go_fd(struct calls *calls) {
	int fd = -1;
	const int code = go_note(calls, dhmem_fd(calls->region, &fd));
	calls->number = (uint64_t)fd;
	return code;
}

int go_allocate(struct calls *calls, size_t length) {
	return go_note(calls, dhmem_allocate(calls->region, length, &calls->block));
}

int go_free_block(struct calls *calls, struct dhmem_block block) {
	return go_note(calls, dhmem_free(calls->region, &block));
}

int go_clone(struct calls *calls, struct dhmem_block block) {
	const int code = go_note(calls, dhmem_clone(calls->region, &block, &calls->block));
	/* The first clone makes the block itself a reference. */
	calls->message.block = block;
	return code;
}

int go_save(struct calls *calls, struct dhmem_block block) {
	return go_note(calls, dhmem_save(calls->region, &block, calls->token));
}

int go_load(struct calls *calls, const char *token) {
	return go_note(calls, dhmem_load(calls->region, token, &calls->block));
}

int go_free_saved(struct calls *calls, const char *token) {
	return go_note(calls, dhmem_free_saved(calls->region, token));
}

int go_token_kind(struct calls *calls, const char *token) {
	enum dhmem_kind kind = DHMEM_KIND_BLOCK;
	const int code = go_note(calls, dhmem_token_kind(calls->region, token, &kind));
	calls->number = (uint64_t)kind;
	return code;
}

int go_producer(struct calls *calls, const char *queue, const struct dhmem_queue_options *options) {
	return go_note(calls,
		dhmem_producer_open(calls->region, queue, options, (dhmem_producer **)&calls->handle));
}

int go_send(struct calls *calls, dhmem_producer *producer, const void *data, size_t length) {
	return go_note(calls, dhmem_send(producer, data, length, 0));
}

int go_send_many(struct calls *calls, dhmem_producer *producer, const void *data, const uint64_t *lengths,
	size_t count) {
	struct dhmem_bytes messages[MOST_MESSAGES];
	const unsigned char *at = data;
	size_t sent = 0;
	for (size_t i = 0; i < count; i++) {
		messages[i] = (struct dhmem_bytes){ at, lengths[i] };
		at += lengths[i];
	}
	const int code = go_note(calls, dhmem_send_many(producer, messages, count, &sent));
	calls->number = sent;
	return code;
}

int go_send_block(struct calls *calls, dhmem_producer *producer, const void *data, size_t length,
	struct dhmem_block block) {
	return go_note(calls, dhmem_send_block(producer, data, length, &block, 0));
}

int go_reserve(struct calls *calls, dhmem_producer *producer, size_t length) {
	return go_note(calls, dhmem_reserve(producer, length, 0, &calls->data));
}

int go_commit(struct calls *calls, dhmem_producer *producer, size_t length) {
	return go_note(calls, dhmem_commit(producer, length));
}

int go_abort(struct calls *calls, dhmem_producer *producer) {
	return go_note(calls, dhmem_abort(producer));
}

int go_end(struct calls *calls, dhmem_producer *producer) {
	return go_note(calls, dhmem_end(producer));
}

int go_consumer(struct calls *calls, const char *queue, const struct dhmem_queue_options *options) {
	return go_note(calls,
		dhmem_consumer_open(calls->region, queue, options, (dhmem_consumer **)&calls->handle));
}

int go_receive(struct calls *calls, dhmem_consumer *consumer) {
	return go_note(calls, dhmem_receive(consumer, &calls->message, 0));
}

static int release(dhmem_consumer *consumer, uint32_t position) {
	/* The library looks at nothing else. */
	struct dhmem_message message = { .data = consumer, .position = position };
	return dhmem_release(consumer, &message);
}

int go_release(struct calls *calls, dhmem_consumer *consumer, uint32_t position) {
	return go_note(calls, release(consumer, position));
}

int go_next(struct calls *calls, dhmem_consumer *consumer, uint32_t position) {
	const int code = release(consumer, position);
	return go_note(calls, code == DHMEM_OK ? dhmem_receive(consumer, &calls->message, 0) : code);
}

int go_take(struct calls *calls, dhmem_consumer *consumer, struct dhmem_message message) {
	return go_note(calls, dhmem_take(consumer, &message, &calls->block));
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
	code = dhmem_receive_many(consumer, calls->messages, most < MOST_MESSAGES ? most : MOST_MESSAGES, &count);
	if (code == DHMEM_OK && count == 0) {
		/* This one asks for a ring. */
		code = dhmem_receive(consumer, calls->messages, 0);
		count = code == DHMEM_OK;
	}
	calls->number = count;
	return go_note(calls, code);
}

int go_release_many(struct calls *calls, dhmem_consumer *consumer, const uint32_t *positions, size_t count) {
	int code = DHMEM_OK;
	for (size_t i = 0; i < count && code == DHMEM_OK; i++) {
		code = release(consumer, positions[i]);
	}
	return go_note(calls, code);
}

int go_record_producer(struct calls *calls, const char *queue, const char *type, size_t capacity,
	bool patient) {
	const struct dhmem_record_options options = { .capacity = capacity, .patient = patient };
	return go_note(calls,
		dhmem_record_producer_open(calls->region, queue, type, &options,
			(dhmem_record_producer **)&calls->handle));
}

int go_push(struct calls *calls, dhmem_record_producer *producer, const void *records, size_t count) {
	size_t done = 0;
	const int code = go_note(calls, dhmem_push(producer, records, count, 0, &done));
	calls->number = done;
	return code;
}

int go_record_end(struct calls *calls, dhmem_record_producer *producer) {
	return go_note(calls, dhmem_record_end(producer));
}

int go_record_consumer(struct calls *calls, const char *queue, const char *type, size_t capacity,
	bool patient) {
	const struct dhmem_record_options options = { .capacity = capacity, .patient = patient };
	return go_note(calls,
		dhmem_record_consumer_open(calls->region, queue, type, &options,
			(dhmem_record_consumer **)&calls->handle));
}

int go_pop(struct calls *calls, dhmem_record_consumer *consumer, void *records, size_t count) {
	size_t done = 0;
	const int code = go_note(calls, dhmem_pop(consumer, records, count, 0, &done));
	calls->number = done;
	return code;
}

int go_struct(struct calls *calls, const char *name, const char *type, const void *initial) {
	return go_note(calls,
		dhmem_struct_open(calls->region, name, type, initial, (dhmem_memory **)&calls->handle));
}

int go_array(struct calls *calls, const char *name, const char *type, const void *initial) {
	return go_note(calls,
		dhmem_array_open(calls->region, name, type, initial, (dhmem_memory **)&calls->handle));
}

int go_memory_load(struct calls *calls, const char *token) {
	return go_note(calls, dhmem_memory_load(calls->region, token, (dhmem_memory **)&calls->handle));
}

int go_memory_save(struct calls *calls, const dhmem_memory *memory) {
	return go_note(calls, dhmem_memory_save(memory, calls->token));
}

int go_memory_check(struct calls *calls, const dhmem_memory *memory) {
	return go_note(calls, dhmem_memory_check(memory));
}
