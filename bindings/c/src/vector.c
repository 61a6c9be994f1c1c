/* Vectors: sequences of numbers that grow. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Attempts of a read while others make the vector grow. */
#define TURNS 1000
#define FEWEST 8u

struct dhmem_vector {
	struct lock lock;
	uint32_t dtype;
	uint32_t bytes;
};

/* The elements, as they are now. */
struct elements {
	uint8_t *data;
	size_t length;
	size_t capacity;
};

/* What one call reads or changes. */
struct access {
	dhmem_vector *vector;
	size_t first;
	const uint8_t *from;
	uint8_t *into;
	size_t count;
	size_t done;
	void **view;
};

static int look_up(const dhmem_vector *vector, struct elements *elements) {
	const struct object *object = &vector->lock.object;
	dhmem_region *region = object->region;
	const uint32_t data = object_word(object, CORE_OBJECT_DATA);
	const uint32_t room = data == 0 ? 0 : CALL(region, capacityOf, data);
	elements->length = object_word(object, CORE_OBJECT_COUNT);
	elements->capacity = room / vector->bytes;
	elements->data = region->base + data;
	if (data % CORE_BLOCK_ALIGNMENT != 0 || !is_inside(region, data, room) ||
		elements->length > elements->capacity) {
		return object_corrupt(object);
	}
	return DHMEM_OK;
}

static int adopt_dtype(dhmem_vector *vector) {
	vector->dtype = object_word(&vector->lock.object, CORE_OBJECT_ELEMENT);
	vector->bytes = dtype_bytes(vector->dtype);
	return vector->bytes != 0 ? DHMEM_OK : object_corrupt(&vector->lock.object);
}

static int finish_opening(dhmem_vector *vector, int code, dhmem_vector **result) {
	if (code == DHMEM_OK) {
		code = adopt_dtype(vector);
		if (code == DHMEM_OK) {
			*result = vector;
			return DHMEM_OK;
		}
		lock_close(&vector->lock);
	}
	free(vector);
	return code;
}

int dhmem_vector_open(dhmem_region *region, const char *name, const char *dtype, dhmem_vector **result) {
	struct wanted wanted = { .kind = CORE_KIND_VECTOR,
		.any_type = dtype == NULL,
		.must_exist = dtype == NULL };
	struct type type;
	if (dtype != NULL) {
		const bool is_type = type_parse(dtype, &type);
		if (is_type) {
			type_free(&type);
		}
		if (!is_type || type.number == TYPE_STRUCT) {
			return fail(DHMEM_BAD_ARGUMENT,
				"The dtype of the vector is \"%.80s\"; it must be one such as f64", dtype);
		}
		wanted.element = type.number;
	}
	dhmem_vector *vector = calloc(1, sizeof *vector);
	if (vector == NULL) {
		return no_memory();
	}
	return finish_opening(vector, object_open(&vector->lock.object, region, name, &wanted), result);
}

int dhmem_vector_load(dhmem_region *region, const char *token, dhmem_vector **result) {
	dhmem_vector *vector = calloc(1, sizeof *vector);
	if (vector == NULL) {
		return no_memory();
	}
	const int code =
		handle_open_object(&vector->lock.object, region, token, CORE_KIND_VECTOR, CORE_KIND_VECTOR);
	return finish_opening(vector, code, result);
}

int dhmem_vector_save(const dhmem_vector *vector, char token[DHMEM_TOKEN_BYTES]) {
	GUARDED(vector->lock.object.region, handle_of_object(&vector->lock.object, token));
}

void dhmem_vector_close(dhmem_vector *vector) {
	if (vector != NULL) {
		lock_close(&vector->lock);
		free(vector);
	}
}

const char *dhmem_vector_name(const dhmem_vector *vector) {
	return vector->lock.object.name;
}

const char *dhmem_vector_dtype(const dhmem_vector *vector) {
	return dtype_name(vector->dtype);
}

static int read(struct access *access, int (*look)(void *context)) {
	const int code = read_consistently(&access->vector->lock.object, TURNS, look, access);
	return code != PENDING
		? code
		: fail(DHMEM_TIMEOUT, "Vector %s grows too often to be read; append many elements at once",
			  access->vector->lock.object.name);
}

static int look_at_elements(void *context) {
	struct access *access = context;
	struct elements elements;
	const int code = look_up(access->vector, &elements);
	if (code != DHMEM_OK) {
		return code;
	}
	access->done = elements.length;
	if (access->view != NULL) {
		*access->view = elements.data;
	}
	return DHMEM_OK;
}

static int view(struct access *access, size_t *length) {
	const int code = read(access, look_at_elements);
	*length = access->done;
	return code;
}

int dhmem_vector_view(dhmem_vector *vector, void **data, size_t *length) {
	struct access access = { .vector = vector, .view = data };
	GUARDED(vector->lock.object.region, view(&access, length));
}

static int copy_out(void *context) {
	struct access *access = context;
	struct elements elements;
	const int code = look_up(access->vector, &elements);
	if (code != DHMEM_OK) {
		return code;
	}
	const size_t there = access->first < elements.length ? elements.length - access->first : 0;
	const size_t bytes = access->vector->bytes;
	access->done = access->count < there ? access->count : there;
	memcpy(access->into, elements.data + access->first * bytes, access->done * bytes);
	return DHMEM_OK;
}

static int read_elements(struct access *access, size_t *count) {
	const int code = read(access, copy_out);
	*count = access->done;
	return code;
}

int dhmem_vector_read(dhmem_vector *vector, size_t first, void *elements, size_t count, size_t *done) {
	struct access access = { .vector = vector, .first = first, .into = elements, .count = count };
	GUARDED(vector->lock.object.region, read_elements(&access, done));
}

/* Makes room for `wanted` elements. The capacity doubles, so that appending takes amortised constant time. */
static int reserve(const dhmem_vector *vector, struct elements *elements, size_t wanted) {
	const struct object *object = &vector->lock.object;
	dhmem_region *region = object->region;
	int code;
	if (wanted <= elements->capacity) {
		return DHMEM_OK;
	}
	size_t capacity = elements->capacity * 2 > FEWEST ? elements->capacity * 2 : FEWEST;
	capacity = wanted > capacity ? wanted : capacity;
	if (capacity > UINT32_MAX / vector->bytes) {
		return fail(DHMEM_REGION_FULL, "Vector %s would have %zu elements, more than a region can have",
			object->name, wanted);
	}
	const uint32_t fresh = allocate_part(region, PART_BLOCK, capacity * vector->bytes, &code);
	if (fresh == 0) {
		return code;
	}
	const uint32_t used = (uint32_t)(elements->length * vector->bytes);
	const uint32_t status = OBJECT_CALL(object, moveVector, fresh, used);
	if (status != CORE_OK) {
		CALL(region, free, region->me, fresh);
		return object_unexpected(object, status, "A vector");
	}
	return look_up(vector, elements);
}

static int set_length(const dhmem_vector *vector, size_t length) {
	const uint32_t status = OBJECT_CALL(&vector->lock.object, setVectorLength, (uint32_t)length);
	return status == CORE_OK ? DHMEM_OK : object_unexpected(&vector->lock.object, status, "A vector");
}

static int append_held(void *context) {
	struct access *access = context;
	struct elements elements;
	const size_t bytes = access->vector->bytes;
	int code = look_up(access->vector, &elements);
	if (code == DHMEM_OK && access->count > UINT32_MAX / bytes) {
		code = fail(DHMEM_REGION_FULL, "%zu elements are more than a region can have", access->count);
	}
	code = code == DHMEM_OK ? reserve(access->vector, &elements, elements.length + access->count) : code;
	if (code != DHMEM_OK || access->count == 0) {
		return code;
	}
	memcpy(elements.data + elements.length * bytes, access->from, access->count * bytes);
	return set_length(access->vector, elements.length + access->count);
}

int dhmem_vector_append(dhmem_vector *vector, const void *elements, size_t count) {
	struct access access = { .vector = vector, .from = elements, .count = count };
	GUARDED(vector->lock.object.region, while_locked(&vector->lock, append_held, &access));
}

static int write_held(void *context) {
	struct access *access = context;
	struct elements elements;
	const size_t bytes = access->vector->bytes;
	const int code = look_up(access->vector, &elements);
	if (code != DHMEM_OK) {
		return code;
	}
	if (access->count > elements.length || access->first > elements.length - access->count) {
		return fail(DHMEM_BAD_ARGUMENT,
			"The index is %zu, for %zu elements; vector %s has %zu, so write to those or append",
			access->first, access->count, access->vector->lock.object.name, elements.length);
	}
	memcpy(elements.data + access->first * bytes, access->from, access->count * bytes);
	return DHMEM_OK;
}

int dhmem_vector_write(dhmem_vector *vector, size_t first, const void *elements, size_t count) {
	struct access access = { .vector = vector, .first = first, .from = elements, .count = count };
	GUARDED(vector->lock.object.region, while_locked(&vector->lock, write_held, &access));
}

static int pop_held(void *context) {
	struct access *access = context;
	struct elements elements;
	const size_t bytes = access->vector->bytes;
	const int code = look_up(access->vector, &elements);
	access->done = code == DHMEM_OK && elements.length > 0;
	if (access->done == 0) {
		return code;
	}
	memcpy(access->into, elements.data + (elements.length - 1) * bytes, bytes);
	return set_length(access->vector, elements.length - 1);
}

static int pop(struct access *access, bool *popped) {
	const int code = while_locked(&access->vector->lock, pop_held, access);
	*popped = access->done == 1;
	return code;
}

int dhmem_vector_pop(dhmem_vector *vector, void *element, bool *popped) {
	struct access access = { .vector = vector, .into = element };
	GUARDED(vector->lock.object.region, pop(&access, popped));
}

static int resize_held(void *context) {
	struct access *access = context;
	struct elements elements;
	const size_t bytes = access->vector->bytes;
	int code = look_up(access->vector, &elements);
	code = code == DHMEM_OK ? reserve(access->vector, &elements, access->count) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	if (access->count > elements.length) {
		memset(elements.data + elements.length * bytes, 0, (access->count - elements.length) * bytes);
	}
	return set_length(access->vector, access->count);
}

int dhmem_vector_resize(dhmem_vector *vector, size_t length) {
	struct access access = { .vector = vector, .count = length };
	GUARDED(vector->lock.object.region, while_locked(&vector->lock, resize_held, &access));
}
