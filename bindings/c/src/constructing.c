/* Making a named object, as this participant's property, until it is in the directory. */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

static void put(uint8_t *head, uint32_t field, uint32_t value) {
	memcpy(head + field, &value, sizeof value);
}

/* What an object is made of, while it is made. */
struct parts {
	uint32_t object;
	uint32_t type;
	uint32_t data;
};

static void release(dhmem_region *region, const struct parts *parts) {
	if (region->failed != DHMEM_OK) {
		return;
	}
	if (parts->object != 0) {
		CALL(region, freeInternal, region->me, parts->object);
	}
	if (parts->type != 0) {
		CALL(region, free, region->me, parts->type);
	}
	if (parts->data != 0) {
		CALL(region, free, region->me, parts->data);
	}
}

static int allocate_data(dhmem_region *region, const struct wanted *wanted, struct parts *parts) {
	struct dhmem_block data;
	const enum part part = wanted->kind == CORE_KIND_ARRAY ? PART_LARGE : PART_BLOCK;
	const int code = allocate_block(region, part, wanted->bytes, &data);
	if (code != DHMEM_OK) {
		return code;
	}
	parts->data = data.at;
	if (wanted->initial != NULL) {
		memcpy(data.data, wanted->initial, wanted->bytes);
	} else if (wanted->zeroed) {
		memset(data.data, 0, wanted->bytes);
	}
	return DHMEM_OK;
}

static int allocate_parts(dhmem_region *region, const struct wanted *wanted, struct parts *parts) {
	int code;
	*parts = (struct parts){ .object = allocate_part(region, PART_OBJECT, CORE_OBJECT_BYTES, &code) };
	if (parts->object != 0 && wanted->type_bytes != 0) {
		parts->type = allocate_part(region, PART_BLOCK, wanted->type_bytes, &code);
		if (parts->type != 0) {
			memcpy(region->base + parts->type, wanted->type, wanted->type_bytes);
		}
	}
	/* The largest part comes last: if the file system is full, its pages are given back. */
	if (code == DHMEM_OK && wanted->bytes != 0) {
		code = allocate_data(region, wanted, parts);
	}
	if (code != DHMEM_OK) {
		release(region, parts);
	}
	return code;
}

int object_construct(dhmem_region *region, const char *name, const struct wanted *wanted, uint32_t *at) {
	uint8_t head[CORE_OBJECT_HEAD_BYTES] = { 0 };
	struct parts parts;
	int code = allocate_parts(region, wanted, &parts);
	if (code != DHMEM_OK) {
		return code;
	}
	put(head, CORE_OBJECT_KIND, wanted->kind);
	put(head, CORE_OBJECT_ELEMENT, wanted->element);
	put(head, CORE_OBJECT_REQUESTED, wanted->requested);
	put(head, CORE_OBJECT_DATA, parts.data);
	put(head, CORE_OBJECT_CAPACITY, wanted->capacity);
	put(head, CORE_OBJECT_NAME_LENGTH, (uint32_t)strlen(name));
	put(head, CORE_OBJECT_TYPE, parts.type);
	put(head, CORE_OBJECT_TYPE_BYTES, wanted->type_bytes);
	memcpy(head + CORE_OBJECT_NAME, name, strlen(name));
	/* Handles contain this number. An object without a random one still works. */
	if (getrandom(head + CORE_OBJECT_NONCE, 8, 0) != 8) {
		code = fail(DHMEM_UNSUPPORTED, "Creating %s fails here: getrandom: %s", name, strerror(errno));
		release(region, &parts);
		return code;
	}
	memcpy(region->base + region->size, head, sizeof head);
	const uint32_t status = CALL(region, construct, region->me, parts.object, (uint32_t)region->size);
	if (status == CORE_OK) {
		*at = parts.object;
		return DHMEM_OK;
	}
	release(region, &parts);
	return status == CORE_TAKEN ? DHMEM_OK : region_unexpected(region, status, "Making an object");
}
