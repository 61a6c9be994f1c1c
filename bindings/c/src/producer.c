/* The producer of a queue of messages. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

int dhmem_producer_open(dhmem_region *region, const char *queue, const struct dhmem_queue_options *options,
	dhmem_producer **result) {
	dhmem_producer *producer = calloc(1, sizeof *producer);
	if (producer == NULL) {
		return no_memory();
	}
	const int code = endpoint_open_messages(&producer->end, region, queue, options, true);
	if (code == DHMEM_OK) {
		producer->capacity = object_word(&producer->end.object, CORE_OBJECT_CAPACITY);
		*result = producer;
	} else {
		free(producer);
	}
	return code;
}

void dhmem_producer_close(dhmem_producer *producer) {
	if (producer != NULL) {
		dhmem_abort(producer);
		endpoint_close(&producer->end);
		free(producer);
	}
}

static int check_sending(const dhmem_producer *producer) {
	const int code = endpoint_check_sending(&producer->end);
	if (code == DHMEM_OK && producer->reserved != NULL) {
		return fail(DHMEM_BAD_ARGUMENT, "Queue %s has an open reservation; commit or abort it first",
			producer->end.object.name);
	}
	return code;
}

static int send(struct sending *sending, double timeout) {
	int code = check_sending(sending->producer);
	code = code == DHMEM_OK ? sending_check(sending) : code;
	return code == DHMEM_OK ? endpoint_wait(&sending->producer->end, sending_attempt, sending, timeout)
							: code;
}

int dhmem_send(dhmem_producer *producer, const void *data, size_t length, double timeout) {
	struct sending sending = { .producer = producer, .data = data, .length = length };
	GUARDED(producer->end.object.region, send(&sending, timeout));
}

static int send_with(struct sending *sending, struct dhmem_block *block, double timeout) {
	sending->lent = block;
	const int code = send(sending, timeout);
	if (code == DHMEM_OK) {
		block->data = NULL;
	}
	return code;
}

int dhmem_send_block(dhmem_producer *producer, const void *data, size_t length, struct dhmem_block *block,
	double timeout) {
	struct sending sending = { .producer = producer, .data = data, .length = length };
	if (block == NULL) {
		return fail(DHMEM_BAD_ARGUMENT, "block is NULL; it must be a block of this region");
	}
	GUARDED(producer->end.object.region, send_with(&sending, block, timeout));
}

static int send_many(dhmem_producer *producer, const struct dhmem_bytes *messages, size_t count,
	size_t *sent) {
	*sent = 0;
	const int code = check_sending(producer);
	return code == DHMEM_OK ? sending_many(producer, messages, count, sent) : code;
}

int dhmem_send_many(dhmem_producer *producer, const struct dhmem_bytes *messages, size_t count,
	size_t *sent) {
	GUARDED(producer->end.object.region, send_many(producer, messages, count, sent));
}

static int reserve(struct sending *sending, double timeout, void **data) {
	const int code = send(sending, timeout);
	if (code == DHMEM_OK) {
		*data = sending->producer->reserved;
	}
	return code;
}

int dhmem_reserve(dhmem_producer *producer, size_t length, double timeout, void **data) {
	struct sending sending = { .producer = producer, .length = length, .reserve = true };
	GUARDED(producer->end.object.region, reserve(&sending, timeout, data));
}

static int commit(dhmem_producer *producer, size_t length) {
	struct endpoint *end = &producer->end;
	const int code = object_check(&end->object);
	if (code != DHMEM_OK) {
		return code;
	}
	if (producer->reserved == NULL || length > producer->reserved_length) {
		return fail(DHMEM_BAD_ARGUMENT,
			"The length is %zu; it must be at most that of an open reservation of queue %s", length,
			end->object.name);
	}
	producer->reserved = NULL;
	if (end->kind == CORE_KIND_MAILBOX) {
		return mailbox_put(end, producer->reserved_block, length, 0, 0);
	}
	if (producer->reserved_block != 0) {
		return sending_commit_block(producer, CORE_REFERENCE_BYTES, 1, producer->reserved_block,
			(uint32_t)length);
	}
	return sending_published(producer, END_CALL(end, commit, (uint32_t)length));
}

int dhmem_commit(dhmem_producer *producer, size_t length) {
	GUARDED(producer->end.object.region, commit(producer, length));
}

static int drop(dhmem_producer *producer) {
	dhmem_region *region = producer->end.object.region;
	const int code = region_check(region);
	if (code != DHMEM_OK || producer->reserved == NULL) {
		return code;
	}
	producer->reserved = NULL;
	if (producer->end.kind == CORE_KIND_QUEUE && !producer->end.object.removed) {
		sending_abort(producer);
	}
	if (producer->reserved_block != 0) {
		CALL(region, free, region->me, producer->reserved_block);
	}
	return DHMEM_OK;
}

int dhmem_abort(dhmem_producer *producer) {
	GUARDED(producer->end.object.region, drop(producer));
}

static int end_stream(dhmem_producer *producer) {
	struct endpoint *end = &producer->end;
	if (end->ended) {
		return object_check(&end->object);
	}
	const int code = check_sending(producer);
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t result = end->kind == CORE_KIND_MAILBOX ? END_CALL(end, mailboxEnd) : END_CALL(end, end);
	if (result == CORE_NO_ROOM) {
		return endpoint_full_of_ends(end);
	}
	end->ended = true;
	return sending_published(producer, result);
}

int dhmem_end(dhmem_producer *producer) {
	GUARDED(producer->end.object.region, end_stream(producer));
}
