/* Sending a message through a ring, in a block of its own, or in the envelope of a mailbox. */
#include "internal.h"

#include <string.h>

/* The largest message that is copied into the ring. */
static size_t most_inline(const dhmem_producer *producer) {
	return producer->capacity / 2 - CORE_RECORD_HEADER;
}

int sending_check(const struct sending *sending) {
	const dhmem_region *region = sending->producer->end.object.region;
	const uint64_t in_bulk = bulk_largest(region);
	const uint64_t largest = in_bulk > region->size ? in_bulk : region->size;
	if (sending->length <= largest) {
		return DHMEM_OK;
	}
	return fail(DHMEM_MESSAGE_TOO_LARGE,
		"A message of %zu bytes does not fit the region %s, where a message can have at most %llu bytes; "
		"split it, or "
		"make the region larger",
		sending->length, region->path, (unsigned long long)largest);
}

int sending_published(dhmem_producer *producer, uint32_t result) {
	return wake(producer->end.object.region, result, producer->end.what);
}

void sending_abort(dhmem_producer *producer) {
	END_CALL(&producer->end, abort);
}

/* Reserves room in the ring: PENDING if there is none now. */
static int reserve_room(const struct sending *sending, size_t length, uint32_t *payload) {
	dhmem_producer *producer = sending->producer;
	dhmem_region *region = producer->end.object.region;
	*payload = END_CALL(&producer->end, reserve, (uint32_t)length);
	if (*payload == CORE_BAD_STATE) {
		/* No reservation of ours is open, so an earlier call was cut short. */
		sending_abort(producer);
		*payload = END_CALL(&producer->end, reserve, (uint32_t)length);
	}
	if (*payload >= CORE_STATUS_LIMIT && is_inside(region, *payload, length)) {
		return DHMEM_OK;
	}
	if (*payload == CORE_NO_ROOM) {
		return PENDING;
	}
	if (*payload == CORE_TOO_LARGE) {
		return fail(DHMEM_MESSAGE_TOO_LARGE,
			"%zu bytes sent along with a block do not fit queue %s, which takes at most %zu; put them into "
			"the block, or "
			"give the queue a larger capacity",
			sending->length, producer->end.object.name, most_inline(producer) - CORE_REFERENCE_BYTES);
	}
	return object_unexpected(&producer->end.object, *payload < CORE_STATUS_LIMIT ? *payload : CORE_CORRUPT,
		producer->end.what);
}

int sending_commit_block(dhmem_producer *producer, size_t bytes, uint32_t large, uint32_t block,
	uint32_t length) {
	const uint32_t result = END_CALL(&producer->end, commitBlock, (uint32_t)bytes, large, block, length);
	if (result != CORE_OK && result < CORE_STATUS_LIMIT) {
		sending_abort(producer);
	}
	return sending_published(producer, result);
}

/*
 * Allocates a block for the open reservation, which is aborted if there is no memory: PENDING if there will be when
 * the consumer releases messages.
 */
static int allocate_large(dhmem_producer *producer, size_t length, struct dhmem_block *block) {
	const struct endpoint *end = &producer->end;
	/* Read before: a message that is released while the allocation fails makes room for the next attempt. */
	const bool room_will_come =
		object_word(&end->object, CORE_QUEUE_TAIL) != object_word(&end->object, CORE_QUEUE_HEAD);
	const int code = allocate_block(end->object.region, PART_LARGE, length, block);
	if (code == DHMEM_OK) {
		return DHMEM_OK;
	}
	if (end->object.region->failed == DHMEM_OK) {
		sending_abort(producer);
	}
	return (code == DHMEM_REGION_FULL || code == DHMEM_NO_SPACE) && room_will_come ? PENDING : code;
}

static void note_reservation(dhmem_producer *producer, void *at, size_t length, uint32_t block) {
	producer->reserved = at;
	producer->reserved_length = length;
	producer->reserved_block = block;
}

static int send_large(const struct sending *sending) {
	dhmem_producer *producer = sending->producer;
	struct dhmem_block block;
	uint32_t payload;
	int code = reserve_room(sending, CORE_REFERENCE_BYTES, &payload);
	code = code == DHMEM_OK ? allocate_large(producer, sending->length, &block) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	if (sending->reserve) {
		note_reservation(producer, block.data, sending->length, block.at);
		return DHMEM_OK;
	}
	memcpy(block.data, sending->data, sending->length);
	return sending_commit_block(producer, CORE_REFERENCE_BYTES, 1, block.at, (uint32_t)sending->length);
}

static int send_inline(const struct sending *sending) {
	dhmem_producer *producer = sending->producer;
	dhmem_region *region = producer->end.object.region;
	const size_t reference = sending->block != 0 ? CORE_REFERENCE_BYTES : 0;
	const size_t bytes = reference + sending->length;
	uint32_t payload;
	const int code = reserve_room(sending, bytes, &payload);
	if (code != DHMEM_OK) {
		return code;
	}
	if (sending->reserve) {
		note_reservation(producer, region->base + payload, sending->length, 0);
		return DHMEM_OK;
	}
	if (sending->length > 0) {
		memcpy(region->base + payload + reference, sending->data, sending->length);
	}
	if (sending->block != 0) {
		return sending_commit_block(producer, bytes, 0, sending->block, sending->block_length);
	}
	return sending_published(producer, END_CALL(&producer->end, commit, (uint32_t)bytes));
}

static int send_mail(const struct sending *sending) {
	dhmem_producer *producer = sending->producer;
	const size_t reference = sending->block != 0 ? CORE_REFERENCE_BYTES : 0;
	const size_t bytes = reference + sending->length;
	uint32_t envelope;
	const int code = mailbox_allocate(&producer->end, bytes, &envelope);
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t payload = envelope + CORE_RECORD_HEADER;
	if (sending->reserve) {
		note_reservation(producer, producer->end.object.region->base + payload, sending->length, envelope);
		return DHMEM_OK;
	}
	if (sending->length > 0) {
		memcpy(producer->end.object.region->base + payload + reference, sending->data, sending->length);
	}
	return mailbox_put(&producer->end, envelope, bytes, sending->block, sending->block_length);
}

/* Looks at the block that goes along: another thread may have freed, sent or cloned it while this one slept. */
static int look_at_block(struct sending *sending) {
	if (sending->lent == NULL) {
		return DHMEM_OK;
	}
	sending->block_length = (uint32_t)sending->lent->length;
	return block_owned(sending->producer->end.object.region, sending->lent, &sending->block);
}

int sending_attempt(void *context) {
	struct sending *sending = context;
	/* Another thread may have ended the stream while this one slept. */
	if (sending->producer->end.ended) {
		return endpoint_check_sending(&sending->producer->end);
	}
	/* Or it has reserved room, and this message comes after that one. */
	if (sending->producer->reserved != NULL) {
		return PENDING;
	}
	const int code = look_at_block(sending);
	if (code != DHMEM_OK) {
		return code;
	}
	if (sending->producer->end.kind == CORE_KIND_MAILBOX) {
		return send_mail(sending);
	}
	const bool is_large = sending->lent == NULL && sending->length > most_inline(sending->producer);
	return is_large ? send_large(sending) : send_inline(sending);
}

/* Publishes `count` staged messages. */
static int publish(dhmem_producer *producer, uint32_t count) {
	return count == 0 ? DHMEM_OK : sending_published(producer, END_CALL(&producer->end, publish, count));
}

/* Writes a message that is published later, together with others. */
static int stage(const struct sending *sending) {
	dhmem_producer *producer = sending->producer;
	dhmem_region *region = producer->end.object.region;
	uint32_t payload;
	const int code = reserve_room(sending, sending->length, &payload);
	if (code != DHMEM_OK) {
		return code;
	}
	if (sending->length > 0) {
		memcpy(region->base + payload, sending->data, sending->length);
	}
	const uint32_t status = END_CALL(&producer->end, stage, (uint32_t)sending->length);
	return status == CORE_OK ? DHMEM_OK
							 : object_unexpected(&producer->end.object, status, producer->end.what);
}

int sending_many(dhmem_producer *producer, const struct dhmem_bytes *messages, size_t count, size_t *sent) {
	const bool is_mailbox = producer->end.kind == CORE_KIND_MAILBOX;
	uint32_t staged = 0;
	int code = DHMEM_OK;
	for (*sent = 0; *sent < count; ++*sent) {
		struct sending sending = { .producer = producer,
			.data = messages[*sent].data,
			.length = messages[*sent].length };
		if (!is_mailbox && sending.length <= most_inline(producer)) {
			code = stage(&sending);
			staged += code == DHMEM_OK;
		} else {
			/* It is published by itself, after those that are staged before it. */
			code = publish(producer, staged);
			staged = 0;
			code = code == DHMEM_OK ? sending_check(&sending) : code;
			code = code == DHMEM_OK ? sending_attempt(&sending) : code;
		}
		if (code != DHMEM_OK) {
			break;
		}
	}
	if (producer->end.object.region->failed != DHMEM_OK) {
		return code;
	}
	const int published = publish(producer, staged);
	return code == DHMEM_OK || code == PENDING ? published : code;
}
