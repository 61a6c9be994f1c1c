/* Commands about queues. */
#include "peer.h"

/* Describes a message, and its block. */
static void describe(const struct dhmem_message *message, char into[200]) {
	char bytes[40];
	describe_bytes(message->data, message->length, bytes);
	const int length = message->length > 100
		? snprintf(into, 200, "%s", bytes)
		: snprintf(into, 200, "message %.*s", (int)message->length, (char *)message->data);
	if (message->block.data != NULL) {
		describe_bytes(message->block.data, message->block.length, bytes);
		snprintf(into + length, 200 - (size_t)length, ", block %s", bytes);
	}
}

static void receive(struct named *queue, double timeout, char how) {
	struct dhmem_message message;
	struct dhmem_block block;
	char text[200] = "";
	int code = dhmem_receive(queue->consumer, &message, timeout);
	if (code == DHMEM_OK) {
		describe(&message, text);
		if (how == 'r') {
			code = dhmem_release(queue->consumer, &message);
		} else if (how == 't') {
			code = dhmem_take(queue->consumer, &message, &block);
			code = code == DHMEM_OK ? dhmem_free(region, &block) : code;
		}
	}
	answer(code, text);
}

static int send_block(struct named *queue, size_t length, int byte, const char *text) {
	struct dhmem_block block;
	int code = dhmem_allocate(region, length, &block);
	if (code != DHMEM_OK) {
		return code;
	}
	memset(block.data, byte, length);
	code = dhmem_send_block(queue->producer, text, strlen(text), &block, -1);
	if (code == DHMEM_OK && block.data != NULL) {
		abort();
	}
	return code;
}

static int send_large(struct named *queue, size_t length, int byte) {
	void *bytes = malloc(length);
	memset(bytes, byte, length);
	const int code = dhmem_send(queue->producer, bytes, length, -1);
	free(bytes);
	return code;
}

static int reserve(struct named *queue, const char *text) {
	void *at;
	const size_t length = strlen(text);
	int code = dhmem_reserve(queue->producer, length + 5, -1, &at);
	if (code == DHMEM_OK) {
		memcpy(at, text, length);
		code = dhmem_commit(queue->producer, length);
	}
	return code;
}

static void count(struct named *queue) {
	struct dhmem_message message;
	unsigned long messages = 0, bytes = 0;
	int code;
	while ((code = dhmem_receive(queue->consumer, &message, -1)) == DHMEM_OK) {
		messages++;
		bytes += message.length;
		code = dhmem_release(queue->consumer, &message);
		if (code != DHMEM_OK) {
			break;
		}
	}
	if (code == DHMEM_END) {
		printf("%lu messages, %lu bytes\n", messages, bytes);
	} else {
		answer(code, "");
	}
}

static int flood(struct named *queue, unsigned long messages, size_t length) {
	char *bytes = calloc(1, length);
	int code = DHMEM_OK;
	for (unsigned long i = 0; i < messages && code == DHMEM_OK; i++) {
		code = dhmem_send(queue->producer, bytes, length, -1);
	}
	free(bytes);
	return code;
}

static int receive_by_descriptor(struct named *queue, struct dhmem_message *message) {
	int code;
	while ((code = dhmem_receive(queue->consumer, message, 0)) == DHMEM_TIMEOUT) {
		code = wait_at_descriptor();
		if (code != DHMEM_OK) {
			break;
		}
	}
	return code;
}

/* Receives so many messages, and sends each back. */
static void poll_messages(const struct line *line, struct named *back) {
	struct dhmem_message message;
	char last[100] = "";
	int fd, code = dhmem_fd(region, &fd);
	for (int i = 0; i < line->number && code == DHMEM_OK; i++) {
		code = receive_by_descriptor(line->it, &message);
		if (code != DHMEM_OK) {
			break;
		}
		snprintf(last, sizeof last, "%.*s", (int)message.length, (char *)message.data);
		code = dhmem_release(line->it->consumer, &message);
		if (code == DHMEM_OK && back != NULL) {
			code = dhmem_send(back->producer, last, strlen(last), -1);
		}
	}
	answer(code, last);
}

static void run_poll(const struct line *line) {
	poll_messages(line, NULL);
}

static void run_echo(const struct line *line) {
	char back[64];
	snprintf(back, sizeof back, "%.50s-back", line->name);
	poll_messages(line, thing(back));
}

static void run_producer(const struct line *line) {
	const struct dhmem_queue_options options = { .capacity = (size_t)line->number };
	answer(dhmem_producer_open(region, line->name, &options, &line->it->producer), "producer");
}

static void run_consumer(const struct line *line) {
	const struct dhmem_queue_options options = { .capacity = (size_t)line->number };
	answer(dhmem_consumer_open(region, line->name, &options, &line->it->consumer), "consumer");
}

static struct dhmem_queue_options dropping(const struct line *line) {
	return (struct dhmem_queue_options){ .policy = line->number == 0 ? DHMEM_LATEST : DHMEM_DROP_OLDEST,
		.keep = (unsigned)line->number };
}

static void run_mail_producer(const struct line *line) {
	const struct dhmem_queue_options options = dropping(line);
	answer(dhmem_producer_open(region, line->name, &options, &line->it->producer), "producer");
}

static void run_mail_consumer(const struct line *line) {
	const struct dhmem_queue_options options = dropping(line);
	answer(dhmem_consumer_open(region, line->name, &options, &line->it->consumer), "consumer");
}

static void run_leave(const struct line *line) {
	dhmem_producer_close(line->it->producer);
	dhmem_consumer_close(line->it->consumer);
	line->it->producer = NULL;
	line->it->consumer = NULL;
	answer(0, "left");
}

static void run_send(const struct line *line) {
	answer(dhmem_send(line->it->producer, line->rest, strlen(line->rest), -1), "sent");
}

static void run_reserve(const struct line *line) {
	answer(reserve(line->it, line->rest), "sent");
}

static void run_block(const struct line *line) {
	answer(send_block(line->it, (size_t)line->number, (int)line->second, line->text), "sent");
}

static void run_large(const struct line *line) {
	answer(send_large(line->it, (size_t)line->number, (int)line->second), "sent");
}

static void run_flood(const struct line *line) {
	answer(flood(line->it, (unsigned long)line->number, (size_t)line->second), "sent");
}

static void run_send_many(const struct line *line) {
	char texts[100][32], text[40];
	struct dhmem_bytes messages[100];
	const size_t count = (size_t)line->number;
	size_t sent;
	for (size_t i = 0; i < count; i++) {
		const int length = snprintf(texts[i], sizeof *texts, "message %zu", i);
		messages[i] = (struct dhmem_bytes){ texts[i], (size_t)length };
	}
	const int code = dhmem_send_many(line->it->producer, messages, count, &sent);
	snprintf(text, sizeof text, "%zu sent", sent);
	answer(code, text);
}

static void run_receive_many(const struct line *line) {
	struct dhmem_message messages[100];
	size_t received;
	char text[4000] = "";
	const int code = dhmem_receive_many(line->it->consumer, messages, (size_t)line->number, &received);
	for (size_t i = 0; code == DHMEM_OK && i < received; i++) {
		const size_t used = strlen(text);
		snprintf(text + used, sizeof text - used, "%s%.*s", i > 0 ? ", " : "", (int)messages[i].length,
			(const char *)messages[i].data);
		dhmem_release(line->it->consumer, &messages[i]);
	}
	answer(code, text);
}

static void run_end(const struct line *line) {
	answer(dhmem_end(line->it->producer), "ended");
}

static void run_receive(const struct line *line) {
	receive(line->it, line->number, 'r');
}

static void run_hold(const struct line *line) {
	receive(line->it, line->number, 'h');
}

static void run_take(const struct line *line) {
	receive(line->it, line->number, 't');
}

static void run_count(const struct line *line) {
	count(line->it);
}

const struct command queue_commands[] = { { "producer", run_producer }, { "consumer", run_consumer },
	{ "leave", run_leave }, { "send", run_send }, { "reserve", run_reserve }, { "block", run_block },
	{ "large", run_large }, { "flood", run_flood }, { "send-many", run_send_many },
	{ "receive-many", run_receive_many }, { "end", run_end }, { "receive", run_receive },
	{ "hold", run_hold }, { "take", run_take }, { "count", run_count }, { "poll", run_poll },
	{ "echo", run_echo }, { "mail-producer", run_mail_producer }, { "mail-consumer", run_mail_consumer },
	{ NULL, NULL } };
