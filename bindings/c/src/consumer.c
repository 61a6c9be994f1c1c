/* The consumer of a queue of messages. It reads messages in place. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* The most messages that the core describes at once, which costs less than one by one. */
#define FETCHED 32u

/* As peekMany describes a message without a block. */
struct described {
	uint32_t position;
	uint32_t payload;
	uint32_t length;
};

/* A message of a mailbox that was received and not released: its envelope, and the block that it carries, or 0. */
struct held {
	uint32_t envelope;
	uint32_t block;
};

struct dhmem_consumer {
	struct endpoint end;
	struct held *held;
	size_t held_count;
	size_t held_room;
	/* Messages of a ring that the core has described, and that were not received yet: from `first` to `end`. */
	struct described fetched[FETCHED];
	uint32_t first_fetched;
	uint32_t end_fetched;
};

struct receiving {
	dhmem_consumer *consumer;
	struct dhmem_message *message;
};

int dhmem_consumer_open(dhmem_region *region, const char *queue, const struct dhmem_queue_options *options,
	dhmem_consumer **result) {
	dhmem_consumer *consumer = calloc(1, sizeof *consumer);
	if (consumer == NULL) {
		return no_memory();
	}
	const int code = endpoint_open_messages(&consumer->end, region, queue, options, false);
	if (code == DHMEM_OK) {
		*result = consumer;
	} else {
		free(consumer);
	}
	return code;
}

/* Messages of a mailbox belong to the participant, so they would stay until it leaves the region. */
static int free_held(dhmem_consumer *consumer) {
	int code = region_check(consumer->end.object.region);
	while (code == DHMEM_OK && consumer->held_count > 0) {
		const struct held held = consumer->held[--consumer->held_count];
		code = mailbox_free(&consumer->end, held.envelope, held.block);
	}
	return code;
}

static int free_held_guarded(dhmem_consumer *consumer) {
	GUARDED(consumer->end.object.region, free_held(consumer));
}

void dhmem_consumer_close(dhmem_consumer *consumer) {
	if (consumer != NULL) {
		free_held_guarded(consumer);
		endpoint_close(&consumer->end);
		free(consumer->held);
		free(consumer);
	}
}

/* Describes the message that the core has just received, with its payload at `payload`. */
static int describe(dhmem_consumer *consumer, uint32_t payload, struct dhmem_message *message) {
	dhmem_region *region = consumer->end.object.region;
	const uint32_t kind = result_of(region, CORE_SLOT_RESULT_3);
	const uint32_t length = result_of(region, CORE_SLOT_RESULT_2);
	const uint32_t prefix = kind == CORE_RECORD_DATA ? 0 : CORE_REFERENCE_BYTES;
	*message = (struct dhmem_message){ .position = result_of(region, CORE_SLOT_RESULT),
		.large = kind == CORE_RECORD_LARGE };
	if (length < prefix || !is_inside(region, payload, length)) {
		return region_unexpected(region, CORE_CORRUPT, consumer->end.what);
	}
	if (kind != CORE_RECORD_DATA) {
		const int code = block_at(region, result_of(region, CORE_SLOT_RESULT_4),
			result_of(region, CORE_SLOT_RESULT_5), &message->block);
		if (code != DHMEM_OK) {
			return code;
		}
	}
	message->data = message->large ? message->block.data : region->base + payload + prefix;
	message->length = message->large ? message->block.length : length - prefix;
	if (message->large) {
		message->block.data = NULL;
	}
	return DHMEM_OK;
}

/* Room for one more held message, before it is received. */
static bool make_room(dhmem_consumer *consumer) {
	if (consumer->held_count < consumer->held_room) {
		return true;
	}
	const size_t room = consumer->held_room * 2 + 8;
	struct held *held = realloc(consumer->held, room * sizeof *held);
	if (held != NULL) {
		consumer->held = held;
		consumer->held_room = room;
	}
	return held != NULL;
}

static void hold(dhmem_consumer *consumer) {
	const dhmem_region *region = consumer->end.object.region;
	consumer->held[consumer->held_count++] =
		(struct held){ result_of(region, CORE_SLOT_RESULT), result_of(region, CORE_SLOT_RESULT_4) };
}

/* Asks the core for messages without a block. There may be none of them: then it must be asked for the next message alone. */
static int fetch(dhmem_consumer *consumer) {
	dhmem_region *region = consumer->end.object.region;
	const uint32_t scratch = (uint32_t)region->size;
	const uint32_t status = END_CALL(&consumer->end, peekMany, FETCHED, scratch);
	if (status != CORE_OK) {
		return status == CORE_EMPTY ? PENDING
									: object_unexpected(&consumer->end.object, status, consumer->end.what);
	}
	const uint32_t count = result_of(region, CORE_SLOT_RESULT);
	if (count > FETCHED) {
		return region_unexpected(region, CORE_CORRUPT, consumer->end.what);
	}
	memcpy(consumer->fetched, region->base + scratch, count * sizeof *consumer->fetched);
	consumer->first_fetched = 0;
	consumer->end_fetched = count;
	return DHMEM_OK;
}

static int describe_fetched(dhmem_consumer *consumer, struct dhmem_message *message) {
	dhmem_region *region = consumer->end.object.region;
	const struct described found = consumer->fetched[consumer->first_fetched++];
	if (!is_inside(region, found.payload, found.length)) {
		return region_unexpected(region, CORE_CORRUPT, consumer->end.what);
	}
	*message = (struct dhmem_message){ .data = region->base + found.payload,
		.length = found.length,
		.position = found.position };
	return DHMEM_OK;
}

static int attempt(void *context) {
	const struct receiving *receiving = context;
	dhmem_consumer *consumer = receiving->consumer;
	struct endpoint *end = &consumer->end;
	dhmem_region *region = end->object.region;
	const bool is_mailbox = end->kind == CORE_KIND_MAILBOX;
	/* Another thread may have taken the end while this one slept. */
	if (end->ended) {
		return DHMEM_END;
	}
	if (is_mailbox && !make_room(consumer)) {
		return no_memory();
	}
	if (!is_mailbox && consumer->first_fetched == consumer->end_fetched) {
		const int code = fetch(consumer);
		if (code != DHMEM_OK) {
			return code;
		}
	}
	if (consumer->first_fetched != consumer->end_fetched) {
		return describe_fetched(consumer, receiving->message);
	}
	const uint32_t payload = is_mailbox ? END_CALL(end, mailboxTake) : END_CALL(end, peek);
	if (payload >= CORE_STATUS_LIMIT) {
		if (is_mailbox) {
			hold(consumer);
		}
		return describe(consumer, payload, receiving->message);
	}
	if (payload == CORE_EMPTY) {
		return PENDING;
	}
	if (payload != CORE_ENDED) {
		return object_unexpected(&consumer->end.object, payload, consumer->end.what);
	}
	consumer->end.ended = true;
	const int code = wake(region, result_of(region, CORE_SLOT_RESULT), consumer->end.what);
	return code == DHMEM_OK ? DHMEM_END : code;
}

static int receive(struct receiving *receiving, double timeout) {
	struct endpoint *end = &receiving->consumer->end;
	const int code = object_check(&end->object);
	return code == DHMEM_OK ? endpoint_wait(end, attempt, receiving, timeout) : code;
}

int dhmem_receive(dhmem_consumer *consumer, struct dhmem_message *message, double timeout) {
	struct receiving receiving = { consumer, message };
	GUARDED(consumer->end.object.region, receive(&receiving, timeout));
}

static int receive_many(dhmem_consumer *consumer, struct dhmem_message *messages, size_t count,
	size_t *received) {
	int code = object_check(&consumer->end.object);
	size_t done = 0;
	*received = 0;
	while (code == DHMEM_OK && done < count) {
		struct receiving receiving = { consumer, &messages[done] };
		code = attempt(&receiving);
		done += code == DHMEM_OK;
	}
	*received = done;
	/* What ends it after some messages is found again by the next call. */
	return done > 0 || code == PENDING ? DHMEM_OK : code;
}

int dhmem_receive_many(dhmem_consumer *consumer, struct dhmem_message *messages, size_t count,
	size_t *received) {
	GUARDED(consumer->end.object.region, receive_many(consumer, messages, count, received));
}

static int not_held(const dhmem_consumer *consumer) {
	return fail(DHMEM_BAD_ARGUMENT,
		"This message is not held by this consumer of queue %s; release each once",
		consumer->end.object.name);
}

static int finish_mail(dhmem_consumer *consumer, uint32_t envelope, uint32_t keep) {
	for (size_t i = 0; i < consumer->held_count; i++) {
		const struct held held = consumer->held[i];
		if (held.envelope == envelope) {
			consumer->held[i] = consumer->held[--consumer->held_count];
			return mailbox_free(&consumer->end, envelope, keep ? 0 : held.block);
		}
	}
	return not_held(consumer);
}

static int finish_record(dhmem_consumer *consumer, uint32_t position, uint32_t keep) {
	const uint32_t result = END_CALL(&consumer->end, release, position, keep);
	return result == CORE_BAD_STATE ? not_held(consumer)
									: wake(consumer->end.object.region, result, consumer->end.what);
}

static int finish(dhmem_consumer *consumer, struct dhmem_message *message, uint32_t keep) {
	int code = object_check(&consumer->end.object);
	if (code != DHMEM_OK) {
		return code;
	}
	if (message->data == NULL) {
		return fail(DHMEM_CLOSED, "This message was released; copy what you need before releasing it");
	}
	code = consumer->end.kind == CORE_KIND_MAILBOX ? finish_mail(consumer, message->position, keep)
												   : finish_record(consumer, message->position, keep);
	if (code == DHMEM_OK) {
		message->data = NULL;
		message->block.data = NULL;
	}
	return code;
}

int dhmem_release(dhmem_consumer *consumer, struct dhmem_message *message) {
	GUARDED(consumer->end.object.region, finish(consumer, message, 0));
}

static int take(dhmem_consumer *consumer, struct dhmem_message *message, struct dhmem_block *block) {
	struct dhmem_block taken = message->block;
	if (message->large) {
		taken.data = message->data;
	}
	if (taken.data == NULL) {
		return fail(DHMEM_BAD_ARGUMENT, "This message carries no block; use its bytes");
	}
	const int code = finish(consumer, message, 1);
	if (code == DHMEM_OK) {
		*block = taken;
	}
	return code;
}

int dhmem_take(dhmem_consumer *consumer, struct dhmem_message *message, struct dhmem_block *block) {
	GUARDED(consumer->end.object.region, take(consumer, message, block));
}
