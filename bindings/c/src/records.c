/* Queues of records: numbers, or structs, all of one size. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_RECORDS 4096u

/* Either endpoint. */
struct records {
	struct endpoint end;
	uint32_t start;
	/* The number of records in the ring. */
	uint32_t capacity;
	/* Bytes of a record. */
	uint32_t bytes;
};

struct dhmem_record_producer {
	struct records records;
};

struct dhmem_record_consumer {
	struct records records;
};

/* A batch to push or to pop. */
struct batch {
	struct records *records;
	uint8_t *data;
	size_t count;
	size_t done;
};

static int want(const char *text, const struct dhmem_record_options *options, struct type *type,
	struct wanted *wanted) {
	if (text == NULL || !type_parse(text, type)) {
		return fail(DHMEM_BAD_ARGUMENT,
			"The type of the records is \"%.80s\"; it must be a dtype such as f64, or a struct's fields such "
			"as "
			"{ a: f64, step: u32 }",
			text != NULL ? text : "");
	}
	const size_t capacity = options != NULL ? options->capacity : 0;
	if (capacity > CORE_QUEUE_LARGEST / type->bytes) {
		type_free(type);
		return fail(DHMEM_BAD_ARGUMENT, "capacity is %zu; a queue of records can have at most 1 GiB",
			capacity);
	}
	*wanted = (struct wanted){ .kind = CORE_KIND_RECORDS,
		.element = type->number,
		.type = type->text,
		.type_bytes = type->length,
		.is_explicit = capacity != 0,
		.requested = capacity != 0 ? (uint32_t)capacity : DEFAULT_RECORDS,
		.capacity = 2 };
	while (wanted->capacity < wanted->requested) {
		wanted->capacity *= 2;
	}
	wanted->bytes = wanted->capacity * type->bytes;
	return DHMEM_OK;
}

/* Checks the figures in the queue's object, which a peer may have written. */
static int check_ring(struct records *records) {
	const struct object *object = &records->end.object;
	records->start = object_word(object, CORE_OBJECT_DATA);
	records->capacity = object_word(object, CORE_OBJECT_CAPACITY);
	const uint64_t length = (uint64_t)records->capacity * records->bytes;
	const bool is_power = records->capacity != 0 && (records->capacity & (records->capacity - 1)) == 0;
	if (is_power && records->start % CORE_BLOCK_ALIGNMENT == 0 &&
		is_inside(object->region, records->start, length)) {
		return DHMEM_OK;
	}
	return region_unexpected(object->region, CORE_CORRUPT, records->end.what);
}

static int open_records(struct records *records, dhmem_region *region, const char *queue, const char *text,
	const struct dhmem_record_options *options, bool is_producer) {
	struct type type;
	struct wanted wanted;
	int code = want(text, options, &type, &wanted);
	if (code != DHMEM_OK) {
		return code;
	}
	const bool patient = options != NULL && options->patient;
	code = endpoint_open(&records->end, region, queue, &wanted, is_producer, patient);
	records->bytes = type.bytes;
	type_free(&type);
	if (code == DHMEM_OK) {
		records->end.awaited = is_producer ? "room in queue" : "a record from queue";
		code = check_ring(records);
		if (code != DHMEM_OK) {
			endpoint_close(&records->end);
		}
	}
	return code;
}

int dhmem_record_producer_open(dhmem_region *region, const char *queue, const char *type,
	const struct dhmem_record_options *options, dhmem_record_producer **result) {
	dhmem_record_producer *producer = calloc(1, sizeof *producer);
	if (producer == NULL) {
		return no_memory();
	}
	const int code = open_records(&producer->records, region, queue, type, options, true);
	if (code == DHMEM_OK) {
		*result = producer;
	} else {
		free(producer);
	}
	return code;
}

int dhmem_record_consumer_open(dhmem_region *region, const char *queue, const char *type,
	const struct dhmem_record_options *options, dhmem_record_consumer **result) {
	dhmem_record_consumer *consumer = calloc(1, sizeof *consumer);
	if (consumer == NULL) {
		return no_memory();
	}
	const int code = open_records(&consumer->records, region, queue, type, options, false);
	if (code == DHMEM_OK) {
		*result = consumer;
	} else {
		free(consumer);
	}
	return code;
}

void dhmem_record_producer_close(dhmem_record_producer *producer) {
	if (producer != NULL) {
		endpoint_close(&producer->records.end);
		free(producer);
	}
}

void dhmem_record_consumer_close(dhmem_record_consumer *consumer) {
	if (consumer != NULL) {
		endpoint_close(&consumer->records.end);
		free(consumer);
	}
}

/* Copies `batch->done` records to the ring or from it; the first is at `position`. */
static void copy(const struct batch *batch, uint32_t position, bool to_ring) {
	const struct records *records = batch->records;
	uint8_t *ring = records->end.object.region->base + records->start;
	const uint32_t index = position & (records->capacity - 1);
	const size_t left = records->capacity - index;
	const size_t first = (batch->done < left ? batch->done : left) * records->bytes;
	const size_t rest = batch->done * records->bytes - first;
	uint8_t *at = ring + (size_t)index * records->bytes;
	if (to_ring) {
		memcpy(at, batch->data, first);
		memcpy(ring, batch->data + first, rest);
	} else {
		memcpy(batch->data, at, first);
		memcpy(batch->data + first, ring, rest);
	}
}

/* How many of the batch there is room or are records for, as the core has just said. */
static int measure(struct batch *batch, uint32_t *position) {
	const struct records *records = batch->records;
	const dhmem_region *region = records->end.object.region;
	const uint32_t there = result_of(region, CORE_SLOT_RESULT);
	*position = result_of(region, CORE_SLOT_RESULT_2);
	batch->done = there < batch->count ? there : batch->count;
	return there <= records->capacity
		? DHMEM_OK
		: region_unexpected(records->end.object.region, CORE_CORRUPT, records->end.what);
}

static int look_for_room(void *context) {
	const struct batch *batch = context;
	const struct endpoint *end = &batch->records->end;
	/* Another thread may have ended the stream while this one slept. */
	if (end->ended) {
		return endpoint_check_sending(end);
	}
	const uint32_t status = END_CALL(end, recordsRoom);
	if (status == CORE_NO_ROOM) {
		return PENDING;
	}
	return status == CORE_OK ? DHMEM_OK : object_unexpected(&end->object, status, end->what);
}

static int attempt_push(void *context) {
	struct batch *batch = context;
	struct endpoint *end = &batch->records->end;
	uint32_t position;
	int code = look_for_room(batch);
	code = code == DHMEM_OK ? measure(batch, &position) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	copy(batch, position, true);
	return wake(end->object.region, END_CALL(end, recordsPublish, (uint32_t)batch->done), end->what);
}

static int look_for_records(void *context) {
	const struct batch *batch = context;
	struct endpoint *end = &batch->records->end;
	dhmem_region *region = end->object.region;
	/* Another thread may have taken the end while this one slept. */
	if (end->ended) {
		return DHMEM_END;
	}
	const uint32_t status = END_CALL(end, recordsAvailable);
	if (status == CORE_EMPTY) {
		return PENDING;
	}
	if (status == CORE_ENDED) {
		end->ended = true;
		const int code = wake(region, result_of(region, CORE_SLOT_RESULT), end->what);
		return code == DHMEM_OK ? DHMEM_END : code;
	}
	return status == CORE_OK ? DHMEM_OK : object_unexpected(&end->object, status, end->what);
}

static int attempt_pop(void *context) {
	struct batch *batch = context;
	struct endpoint *end = &batch->records->end;
	uint32_t position;
	int code = look_for_records(batch);
	code = code == DHMEM_OK ? measure(batch, &position) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	copy(batch, position, false);
	return wake(end->object.region, END_CALL(end, recordsRelease, (uint32_t)batch->done), end->what);
}

static int push(struct batch *batch, double timeout, size_t *pushed) {
	struct endpoint *end = &batch->records->end;
	int code = endpoint_check_sending(end);
	if (code == DHMEM_OK && batch->count > 0) {
		code = endpoint_wait(end, attempt_push, batch, timeout);
	}
	if (code == DHMEM_OK && pushed != NULL) {
		*pushed = batch->done;
	}
	return code;
}

int dhmem_push(dhmem_record_producer *producer, const void *records, size_t count, double timeout,
	size_t *pushed) {
	struct batch batch = { .records = &producer->records,
		.data = (uint8_t *)(uintptr_t)records,
		.count = count };
	GUARDED(producer->records.end.object.region, push(&batch, timeout, pushed));
}

static int wait_for_room(struct batch *batch, double timeout) {
	struct endpoint *end = &batch->records->end;
	const int code = endpoint_check_sending(end);
	return code == DHMEM_OK ? endpoint_wait(end, look_for_room, batch, timeout) : code;
}

int dhmem_push_wait(dhmem_record_producer *producer, double timeout) {
	struct batch batch = { .records = &producer->records };
	GUARDED(producer->records.end.object.region, wait_for_room(&batch, timeout));
}

static int pop(struct batch *batch, double timeout, size_t *popped) {
	struct endpoint *end = &batch->records->end;
	int code = object_check(&end->object);
	if (code == DHMEM_OK && batch->count > 0) {
		code = endpoint_wait(end, attempt_pop, batch, timeout);
	}
	if (code == DHMEM_OK && popped != NULL) {
		*popped = batch->done;
	}
	return code;
}

int dhmem_pop(dhmem_record_consumer *consumer, void *records, size_t count, double timeout, size_t *popped) {
	struct batch batch = { .records = &consumer->records, .data = records, .count = count };
	GUARDED(consumer->records.end.object.region, pop(&batch, timeout, popped));
}

static int wait_for_records(struct batch *batch, double timeout) {
	struct endpoint *end = &batch->records->end;
	const int code = object_check(&end->object);
	return code == DHMEM_OK ? endpoint_wait(end, look_for_records, batch, timeout) : code;
}

int dhmem_pop_wait(dhmem_record_consumer *consumer, double timeout) {
	struct batch batch = { .records = &consumer->records };
	GUARDED(consumer->records.end.object.region, wait_for_records(&batch, timeout));
}

static int end_records(struct endpoint *end) {
	int code = object_check(&end->object);
	if (code != DHMEM_OK || end->ended) {
		return code;
	}
	const uint32_t result = END_CALL(end, recordsEnd);
	if (result == CORE_NO_ROOM) {
		return endpoint_full_of_ends(end);
	}
	code = wake(end->object.region, result, end->what);
	end->ended = code == DHMEM_OK;
	return code;
}

int dhmem_record_end(dhmem_record_producer *producer) {
	GUARDED(producer->records.end.object.region, end_records(&producer->records.end));
}
