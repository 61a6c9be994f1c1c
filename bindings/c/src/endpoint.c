/* What producers and consumers have in common: taking an endpoint of a queue, leaving it, and waiting at it. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CAPACITY (1u << 20)
#define DEFAULT_KEEP 16u

/* The words of the queue about the other endpoint. */
static uint32_t peer_holder(const struct endpoint *endpoint) {
	return object_word(&endpoint->object, endpoint->is_producer ? CORE_QUEUE_CONSUMER : CORE_QUEUE_PRODUCER);
}

static uint32_t peer_count(const struct endpoint *endpoint) {
	return object_word(&endpoint->object,
		endpoint->is_producer ? CORE_QUEUE_CONSUMER_COUNT : CORE_QUEUE_PRODUCER_COUNT);
}

static uint32_t attach_once(struct endpoint *endpoint) {
	return endpoint->is_producer ? END_CALL(endpoint, attachProducer) : END_CALL(endpoint, attachConsumer);
}

static int attach(struct endpoint *endpoint) {
	dhmem_region *region = endpoint->object.region;
	unsigned recovered = 0;
	uint32_t result = attach_once(endpoint);
	if (result == CORE_TAKEN) {
		const int code = recover_all(region, &recovered);
		if (code != DHMEM_OK) {
			return code;
		}
	}
	if (recovered > 0) {
		result = attach_once(endpoint);
	}
	if (result == CORE_TAKEN) {
		const uint32_t who = result_of(region, CORE_SLOT_RESULT);
		return fail(DHMEM_ENDPOINT_TAKEN,
			"Queue %s already has a %s (participant %u%s), and can have only one at a time; close that one "
			"first",
			endpoint->object.name, endpoint->is_producer ? "producer" : "consumer", who,
			who == region->me ? ", this one" : "");
	}
	return wake(region, result, endpoint->what);
}

static int take(struct endpoint *endpoint) {
	const int code = attach(endpoint);
	if (code == DHMEM_OK) {
		endpoint->kind = object_word(&endpoint->object, CORE_OBJECT_KIND);
		endpoint->peers_before = peer_count(endpoint) - (peer_holder(endpoint) != 0);
	}
	return code;
}

static int take_guarded(struct endpoint *endpoint) {
	GUARDED(endpoint->object.region, take(endpoint));
}

int endpoint_open(struct endpoint *endpoint, dhmem_region *region, const char *queue,
	const struct wanted *wanted, bool is_producer, bool patient) {
	*endpoint = (struct endpoint){ .is_producer = is_producer,
		.patient = patient,
		.awaited = is_producer ? "room in queue" : "a message from queue" };
	int code = region_check_writable(region);
	code = code == DHMEM_OK ? object_open(&endpoint->object, region, queue, wanted) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	snprintf(endpoint->what, sizeof endpoint->what, "The %s of queue %s",
		is_producer ? "producer" : "consumer", endpoint->object.name);
	code = take_guarded(endpoint);
	if (code != DHMEM_OK) {
		object_close(&endpoint->object);
	}
	return code;
}

static int want_ring(const struct dhmem_queue_options *options, struct wanted *wanted) {
	const size_t capacity = options->capacity;
	if (capacity > CORE_QUEUE_LARGEST) {
		return fail(DHMEM_BAD_ARGUMENT, "capacity is %zu; it must be at most 1 GiB", capacity);
	}
	wanted->kind = CORE_KIND_QUEUE;
	wanted->is_explicit = capacity != 0;
	wanted->requested = capacity != 0 ? (uint32_t)capacity : DEFAULT_CAPACITY;
	wanted->capacity = CORE_QUEUE_SMALLEST;
	while (wanted->capacity < wanted->requested) {
		wanted->capacity *= 2;
	}
	wanted->bytes = wanted->capacity;
	if (capacity == 0 && options->policy == DHMEM_BLOCK) {
		wanted->other_kind = CORE_KIND_MAILBOX;
	}
	return DHMEM_OK;
}

static int want_mailbox(const struct dhmem_queue_options *options, struct wanted *wanted) {
	const bool is_latest = options->policy == DHMEM_LATEST;
	if (options->policy > DHMEM_DROP_OLDEST || (is_latest && options->keep > 1) ||
		options->keep > CORE_MAILBOX_LARGEST || options->capacity != 0) {
		return fail(DHMEM_BAD_ARGUMENT,
			"The policy is %d, with keep %u and capacity %zu; a queue that drops messages has no capacity, "
			"and "
			"keeps 1 to %u messages, 1 with DHMEM_LATEST",
			(int)options->policy, options->keep, options->capacity, CORE_MAILBOX_LARGEST);
	}
	wanted->kind = CORE_KIND_MAILBOX;
	wanted->is_explicit = is_latest || options->keep != 0;
	wanted->requested = is_latest ? 1 : options->keep != 0 ? options->keep : DEFAULT_KEEP;
	wanted->capacity = CORE_MAILBOX_FEWEST_PLACES;
	while (wanted->capacity < wanted->requested + CORE_MAILBOX_SPARE) {
		wanted->capacity *= 2;
	}
	wanted->bytes = wanted->capacity << CORE_PLACE_SHIFT;
	wanted->zeroed = true;
	return DHMEM_OK;
}

int endpoint_open_messages(struct endpoint *endpoint, dhmem_region *region, const char *queue,
	const struct dhmem_queue_options *options, bool is_producer) {
	static const struct dhmem_queue_options defaults;
	struct wanted wanted = { .kind = 0 };
	options = options != NULL ? options : &defaults;
	const int code =
		options->policy == DHMEM_BLOCK ? want_ring(options, &wanted) : want_mailbox(options, &wanted);
	return code == DHMEM_OK ? endpoint_open(endpoint, region, queue, &wanted, is_producer, options->patient)
							: code;
}

static int leave(struct endpoint *endpoint) {
	const uint32_t result =
		endpoint->is_producer ? END_CALL(endpoint, detachProducer) : END_CALL(endpoint, detachConsumer);
	return wake(endpoint->object.region, result, endpoint->what);
}

static int leave_guarded(struct endpoint *endpoint) {
	GUARDED(endpoint->object.region, leave(endpoint));
}

void endpoint_close(struct endpoint *endpoint) {
	if (object_check(&endpoint->object) == DHMEM_OK) {
		leave_guarded(endpoint);
	}
	object_close(&endpoint->object);
}

int endpoint_check_sending(const struct endpoint *endpoint) {
	const int code = object_check(&endpoint->object);
	if (code == DHMEM_OK && endpoint->ended) {
		return fail(DHMEM_QUEUE_ENDED,
			"This producer of queue %s has ended its stream; open a new one for the next",
			endpoint->object.name);
	}
	return code;
}

int endpoint_full_of_ends(const struct endpoint *endpoint) {
	return fail(DHMEM_TIMEOUT,
		"Queue %s is full of ended streams that no consumer has read; let a consumer drain it first",
		endpoint->object.name);
}

/* True if the peer has left or died without ending the stream. */
static bool is_peer_gone(const struct endpoint *endpoint) {
	if (endpoint->patient) {
		return false;
	}
	/*
	 * The count is read before the holder. A new peer takes the endpoint before it is counted, so a peer that comes
	 * between the two reads is seen as holder.
	 */
	const uint32_t count = peer_count(endpoint);
	if (count == endpoint->peers_before || peer_holder(endpoint) != 0) {
		return false;
	}
	/* It may be the producer of the previous stream, which still held its endpoint when this one opened. */
	if (!endpoint->is_producer && object_word(&endpoint->object, CORE_QUEUE_ENDED) == count) {
		return false;
	}
	return peer_count(endpoint) == count;
}

struct attempts {
	struct endpoint *endpoint;
	int (*attempt)(void *context);
	void *context;
};

static int attempt(void *context) {
	const struct attempts *attempts = context;
	const struct endpoint *endpoint = attempts->endpoint;
	int result = attempts->attempt(attempts->context);
	if (result != PENDING || !is_peer_gone(endpoint)) {
		return result;
	}
	/* The peer may have sent or released something between the attempt and its death. */
	result = attempts->attempt(attempts->context);
	if (result != PENDING) {
		return result;
	}
	return fail(DHMEM_PEER_GONE,
		"The %s of queue %s left or died without ending the stream; wait for the next one with the option "
		"patient, or "
		"give up",
		endpoint->is_producer ? "consumer" : "producer", endpoint->object.name);
}

static void announce(void *context) {
	const struct endpoint *endpoint = ((const struct attempts *)context)->endpoint;
	if (endpoint->is_producer) {
		END_CALL(endpoint, announceProducer);
	} else {
		END_CALL(endpoint, announceConsumer);
	}
}

static uint32_t peer(void *context) {
	return peer_holder(((const struct attempts *)context)->endpoint);
}

int endpoint_wait(struct endpoint *endpoint, int (*body)(void *context), void *context, double timeout) {
	/* Mostly there is nothing to wait for. */
	int result = body(context);
	if (result != PENDING) {
		return result;
	}
	struct attempts attempts = { endpoint, body, context };
	const struct wait wait = { .what = endpoint->awaited,
		.name = endpoint->object.name,
		.attempt = attempt,
		.announce = announce,
		.peer = peer,
		.context = &attempts,
		.slice = SLICE };
	return wait_for(endpoint->object.region, &wait, timeout);
}
