/* A command for a process that is killed again and again while it sends and receives. */
#include "peer.h"

#include <time.h>
#include <unistd.h>

/* What processes do, as `progress` says. */
enum phase { EXCHANGING = 0, RECEIVING = 1, ENDING = 2, SENDING = 3 };

struct chaos {
	/*
	 * Of each queue, the last number that was sent, the last that was received, and how many came again; and behind
	 * them what to do, the number of a message to leave out, and that of one to change.
	 */
	volatile double *progress;
	size_t phase;
	int out;
	int in;
	dhmem_producer *producer;
	dhmem_consumer *consumer;
};

/* A message: its number, and number % 200 bytes; each seventh has a block. */
static size_t fill(unsigned char *bytes, unsigned long number) {
	const double as_double = (double)number;
	memcpy(bytes, &as_double, sizeof as_double);
	memset(bytes + sizeof as_double, (int)(number & 0xff), number % 200);
	return sizeof as_double + number % 200;
}

static int send_next(struct chaos *chaos) {
	unsigned char bytes[300];
	volatile double *sent = chaos->progress + 3 * chaos->out;
	const unsigned long number = (unsigned long)*sent + 1;
	const size_t length = fill(bytes, number);
	const bool leaves_out = (double)number == chaos->progress[chaos->phase + 1];
	const bool changes = (double)number == chaos->progress[chaos->phase + 2];
	struct dhmem_block block;
	int code = DHMEM_OK;
	if (number % 7 == 0 && !leaves_out) {
		code = dhmem_allocate(region, 1000 + number % 5000, &block);
		if (code != DHMEM_OK) {
			return code;
		}
		memset(block.data, (int)(number & 0xff), block.length);
		if (changes) {
			((unsigned char *)block.data)[block.length - 1] ^= 1;
		}
		code = dhmem_send_block(chaos->producer, bytes, length, &block, 0);
		if (code == DHMEM_TIMEOUT) {
			dhmem_free(region, &block);
		}
	} else if (!leaves_out) {
		if (changes) {
			bytes[length - 1] ^= 1;
		}
		code = dhmem_send(chaos->producer, bytes, length, 0);
	}
	if (code == DHMEM_OK) {
		*sent = (double)number;
	}
	return code;
}

/* False if a message is missing, or is not what was sent. The last may come again after a side was killed. */
static bool is_right(struct chaos *chaos, const struct dhmem_message *message) {
	unsigned char bytes[300], kind[40], wanted[40];
	double number;
	memcpy(&number, message->data, sizeof number);
	const size_t length = fill(bytes, (unsigned long)number);
	volatile double *received = chaos->progress + 3 * chaos->in + 1;
	const double last = received[0];
	if ((number != last && number != last + 1) || length != message->length ||
		memcmp(bytes, message->data, length) != 0) {
		return false;
	}
	if (((unsigned long)number % 7 == 0) != (message->block.data != NULL)) {
		return false;
	}
	if (message->block.data != NULL) {
		describe_bytes(message->block.data, message->block.length, (char *)kind);
		snprintf((char *)wanted, sizeof wanted, "%lu times %d", 1000 + (unsigned long)number % 5000,
			(int)((unsigned long)number & 0xff));
		if (strcmp((char *)kind, (char *)wanted) != 0) {
			return false;
		}
	}
	if (number == last) {
		received[1]++;
	}
	received[0] = number;
	return true;
}

static int receive_next(struct chaos *chaos) {
	struct dhmem_message message;
	const int code = dhmem_receive(chaos->consumer, &message, 1);
	if (code != DHMEM_OK) {
		return code;
	}
	if (!is_right(chaos, &message)) {
		printf("wrong: %.17g after %.17g, %zu bytes\n", *(double *)message.data,
			chaos->progress[3 * chaos->in + 1], message.length);
		fflush(stdout);
		exit(1);
	}
	return dhmem_release(chaos->consumer, &message);
}

/* Sends and receives until it should end, and then receives what is left. */
static int exchange(struct chaos *chaos) {
	for (;;) {
		const enum phase phase = (enum phase)chaos->progress[chaos->phase];
		int code = phase == EXCHANGING || phase == SENDING ? send_next(chaos) : DHMEM_OK;
		if (phase == SENDING) {
			usleep(1000);
		} else if (code == DHMEM_OK || code == DHMEM_TIMEOUT) {
			code = receive_next(chaos);
		}
		if (code != DHMEM_OK && code != DHMEM_TIMEOUT) {
			return code;
		}
		if (phase == ENDING && code == DHMEM_TIMEOUT) {
			return DHMEM_OK;
		}
	}
}

/* chaos OUT IN: the numbers of the queues. */
static void run_chaos(const struct line *line) {
	struct chaos chaos = { .out = atoi(line->name), .in = (int)line->number };
	const struct dhmem_queue_options options = { .capacity = 4096, .patient = true };
	char out[20], in[20];
	dhmem_memory *progress;
	snprintf(out, sizeof out, "queue-%d", chaos.out);
	snprintf(in, sizeof in, "queue-%d", chaos.in);
	int code = dhmem_array_open(region, "progress", NULL, NULL, &progress);
	code = code == DHMEM_OK ? dhmem_producer_open(region, out, &options, &chaos.producer) : code;
	code = code == DHMEM_OK ? dhmem_consumer_open(region, in, &options, &chaos.consumer) : code;
	if (code == DHMEM_OK) {
		chaos.progress = dhmem_memory_data(progress);
		chaos.phase = dhmem_memory_length(progress) / sizeof(double) - 3;
		code = exchange(&chaos);
	}
	answer(code, "exchanged");
}

const struct command process_commands[] = { { "chaos", run_chaos }, { NULL, NULL } };
