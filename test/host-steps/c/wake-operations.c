/* Waiting and waking. */
#include "victim.h"

#include <poll.h>
#include <stdatomic.h>

#define TEXT "wake up"
#define TEXT_BYTES (sizeof TEXT - 1)
#define LARGE 2000000
#define OPEN .mode = DHMEM_OPEN

static void enter_producer(struct stage *stage) {
	enter(stage);
	need(dhmem_producer_open(first(stage), QUEUE, NULL, &stage->producer));
}

static void enter_consumer(struct stage *stage) {
	enter(stage);
	need(dhmem_consumer_open(first(stage), QUEUE, NULL, &stage->consumer));
}

static void enter_producer_with_block(struct stage *stage) {
	enter_producer(stage);
	need(dhmem_allocate(first(stage), 100000, &stage->blocks[0]));
}

static void enter_holder(struct stage *stage) {
	enter(stage);
	need(dhmem_mutex_open(first(stage), MUTEX, &stage->mutex));
	need(dhmem_lock(stage->mutex, -1, NULL));
}

static void enter_notifier(struct stage *stage) {
	enter(stage);
	need(dhmem_mutex_open(first(stage), MUTEX, &stage->mutex));
	need(dhmem_condition_open(first(stage), "condition", &stage->condition));
	need(dhmem_array_open(first(stage), "flag", "u32[1]", NULL, &stage->memory));
}

static int send_text(struct stage *stage) {
	return dhmem_send(stage->producer, TEXT, TEXT_BYTES, -1);
}

static int send_large(struct stage *stage) {
	static char bytes[LARGE];
	memset(bytes, 1, sizeof bytes);
	return dhmem_send(stage->producer, bytes, sizeof bytes, -1);
}

static int hand_over(struct stage *stage) {
	return dhmem_send_block(stage->producer, TEXT, TEXT_BYTES, &stage->blocks[0], -1);
}

static int send_many(struct stage *stage) {
	const struct dhmem_bytes text = { .data = TEXT, .length = TEXT_BYTES };
	const struct dhmem_bytes texts[] = { text, text, text };
	size_t sent;
	return dhmem_send_many(stage->producer, texts, 3, &sent);
}

static int end(struct stage *stage) {
	return dhmem_end(stage->producer);
}

static int send_and_leave(struct stage *stage) {
	int code = dhmem_producer_open(first(stage), QUEUE, NULL, &stage->producer);
	code = code == DHMEM_OK ? send_text(stage) : code;
	if (code == DHMEM_OK) {
		close_first(stage);
	}
	return code;
}

static int release(struct stage *stage) {
	struct dhmem_message messages[100];
	size_t received;
	int code = dhmem_receive_many(stage->consumer, messages, 100, &received);
	for (size_t i = 0; code == DHMEM_OK && i < received; i++) {
		code = dhmem_release(stage->consumer, &messages[i]);
	}
	return code;
}

static int unlock(struct stage *stage) {
	return dhmem_unlock(stage->mutex);
}

static int notify(struct stage *stage) {
	int code = dhmem_lock(stage->mutex, -1, NULL);
	if (code == DHMEM_OK) {
		atomic_store((_Atomic uint32_t *)dhmem_memory_data(stage->memory), 1);
		code = dhmem_notify_one(stage->condition);
		const int unlocked = dhmem_unlock(stage->mutex);
		code = code == DHMEM_OK ? unlocked : code;
	}
	return code;
}

static int wait_for_message(struct stage *stage) {
	struct dhmem_message message;
	const int code = dhmem_consumer_open(first(stage), QUEUE, NULL, &stage->consumer);
	return code == DHMEM_OK ? dhmem_receive(stage->consumer, &message, 100) : code;
}

/* Begins to wait for a message in an event loop. */
static int begin_to_wait(struct stage *stage, int *fd) {
	struct dhmem_message message;
	int code = dhmem_consumer_open(first(stage), QUEUE, NULL, &stage->consumer);
	code = code == DHMEM_OK ? dhmem_fd(first(stage), fd) : code;
	code = code == DHMEM_OK ? dhmem_receive(stage->consumer, &message, 0) : code;
	return code == DHMEM_TIMEOUT ? DHMEM_OK : code;
}

static int wait_in_event_loop(struct stage *stage) {
	struct pollfd polled = { .events = POLLIN };
	int code = begin_to_wait(stage, &polled.fd);
	if (code == DHMEM_OK) {
		poll(&polled, 1, 20);
		code = dhmem_fd_clear(first(stage));
	}
	close_first(stage);
	return code;
}

static void sleep_on_pipe(struct stage *stage) {
	const struct dhmem_options options = { OPEN };
	int ignored;
	need(open_region(stage, &options));
	need(begin_to_wait(stage, &ignored));
}

static void enter_and_lose_sleeper(struct stage *stage) {
	enter(stage);
	perish(stage, sleep_on_pipe);
}

static int recover(struct stage *stage) {
	return dhmem_recover(first(stage), NULL);
}

static int wait_for_mutex(struct stage *stage) {
	const int code = dhmem_mutex_open(first(stage), MUTEX, &stage->mutex);
	return code == DHMEM_OK ? dhmem_lock(stage->mutex, 100, NULL) : code;
}

#define WITH_OPEN { OPEN }, 0, 0, false
#define TO_SLEEPER " to a consumer that sleeps"

const struct operation wake_operations[] = {
	{ "send" TO_SLEEPER, enter_producer, send_text, WITH_OPEN },
	{ "send what travels as a block" TO_SLEEPER, enter_producer, send_large, WITH_OPEN },
	{ "hand over a block" TO_SLEEPER, enter_producer_with_block, hand_over, WITH_OPEN },
	{ "send many" TO_SLEEPER, enter_producer, send_many, WITH_OPEN },
	{ "end" TO_SLEEPER, enter_producer, end, WITH_OPEN },
	{ "send and leave" TO_SLEEPER, enter, send_and_leave, WITH_OPEN },
	{ "release to a producer that sleeps", enter_consumer, release, WITH_OPEN },
	{ "unlock, and another sleeps", enter_holder, unlock, WITH_OPEN },
	{ "notify somebody who sleeps", enter_notifier, notify, WITH_OPEN },
	{ "receiveSync", enter, wait_for_message, WITH_OPEN },
	{ "receive", enter, wait_in_event_loop, WITH_OPEN },
	{ "recover from somebody who slept on a pipe", enter_and_lose_sleeper, recover, WITH_OPEN },
	{ "lockSync", enter, wait_for_mutex, WITH_OPEN },
	{ .name = NULL },
};
