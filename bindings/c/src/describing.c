/* Describes named objects in words, for errors, as the library for TypeScript does. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

const char *object_type(const dhmem_region *region, uint32_t at, size_t *length) {
	const uint32_t text = word_at(region, at + CORE_OBJECT_TYPE);
	*length = word_at(region, at + CORE_OBJECT_TYPE_BYTES);
	/* A faulty peer may have written these. */
	if (*length > LONGEST_TYPE || !is_inside(region, text, *length)) {
		*length = 0;
	}
	return (const char *)region->base + text;
}

struct description {
	uint32_t kind;
	uint32_t element;
	/* The capacity that was asked for; 0 if it is not mentioned. */
	uint32_t requested;
	const char *type;
	int type_bytes;
};

/* The type of an element. */
static const char *name_of(uint32_t number, const struct description *description, char into[WORDS]) {
	switch (number) {
	case TYPE_STRING:
		return "string";
	case TYPE_BYTES:
		return "bytes";
	case TYPE_STRUCT:
		snprintf(into, WORDS, "%.*s", description->type_bytes, description->type);
		return into;
	default:
		return dtype_name(number);
	}
}

/* " of 16 bytes", or nothing if the capacity is not mentioned. */
static const char *capacity(uint32_t requested, const char *before, const char *behind, char into[40]) {
	snprintf(into, 40, "%s%u%s", before, requested, behind);
	return requested == 0 ? "" : into;
}

static void describe(const struct description *it, char into[WORDS]) {
	char type[WORDS], room[40];
	switch (it->kind) {
	case CORE_KIND_STRUCT:
		snprintf(into, WORDS, "a struct %.*s", it->type_bytes, it->type);
		break;
	case CORE_KIND_ARRAY:
		snprintf(into, WORDS, "an array %.*s", it->type_bytes, it->type);
		break;
	case CORE_KIND_QUEUE:
		snprintf(into, WORDS, "a queue%s", capacity(it->requested, " of ", " bytes", room));
		break;
	case CORE_KIND_RECORDS:
		snprintf(into, WORDS, "a queue of %.300s records%s", name_of(it->element, it, type),
			capacity(it->requested, " with capacity ", "", room));
		break;
	case CORE_KIND_MAILBOX:
		snprintf(into, WORDS,
			it->requested == 1 ? "a queue of the latest message" : "a queue of the last %smessages",
			capacity(it->requested, "", " ", room));
		break;
	case CORE_KIND_VECTOR:
		snprintf(into, WORDS, "a vector of %s", dtype_name(it->element));
		break;
	case CORE_KIND_MAP:
		snprintf(into, WORDS, "a map from %.20s to %.300s", name_of(it->element & 0xff, it, type),
			name_of(it->element >> 8, it, type));
		break;
	case CORE_KIND_MUTEX:
		snprintf(into, WORDS, "a mutex");
		break;
	case CORE_KIND_CONDITION:
		snprintf(into, WORDS, "a condition");
		break;
	default:
		snprintf(into, WORDS, "an object of kind %u", it->kind);
	}
}

void describe_object(const dhmem_region *region, uint32_t at, char into[WORDS]) {
	size_t length;
	struct description it = { .kind = word_at(region, at + CORE_OBJECT_KIND),
		.element = word_at(region, at + CORE_OBJECT_ELEMENT),
		.requested = word_at(region, at + CORE_OBJECT_REQUESTED) };
	it.type = object_type(region, at, &length);
	it.type_bytes = (int)length;
	describe(&it, into);
}

void describe_wanted(const struct wanted *wanted, char into[WORDS]) {
	const struct description it = { .kind = wanted->kind,
		.element = wanted->element,
		.requested = wanted->is_explicit ? wanted->requested : 0,
		.type = wanted->type,
		.type_bytes = (int)wanted->type_bytes };
	describe(&it, into);
}
