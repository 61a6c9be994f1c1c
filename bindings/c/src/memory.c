/* Structs and arrays: named memory with a type. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_DIMENSIONS 16

struct dhmem_memory {
	struct object object;
	void *data;
	size_t length;
	char *type;
};

/* Parses "f64[1000,3]" into the wanted object, whose text is written to `text`. False if it is no such type. */
static bool parse_array(const char *given, struct wanted *wanted, uint64_t *bytes, char text[WORDS]) {
	char name[4] = "";
	int used = 0;
	if (sscanf(given, " %3[a-z0-9] [%n", name, &used) != 1 || used == 0) {
		return false;
	}
	struct type dtype;
	if (!type_parse(name, &dtype)) {
		return false;
	}
	const char *at = given + used;
	size_t end = (size_t)snprintf(text, WORDS, "%s[", name);
	*bytes = dtype.bytes;
	for (int axis = 0;; axis++) {
		char *behind;
		const unsigned long long size = strtoull(at, &behind, 10);
		if (axis == MOST_DIMENSIONS || behind == at || *at == '-' || size > UINT32_MAX) {
			return false;
		}
		/* More than a region can have is enough to know. */
		*bytes = size != 0 && *bytes > UINT64_MAX / size ? UINT64_MAX : *bytes * size;
		end += (size_t)snprintf(text + end, WORDS - end, "%s%llu", axis == 0 ? "" : ",", size);
		at = behind + strspn(behind, " ");
		if (*at++ != ',') {
			break;
		}
	}
	end += (size_t)snprintf(text + end, WORDS - end, "]");
	*wanted = (struct wanted){ .kind = CORE_KIND_ARRAY,
		.element = dtype.number,
		.type = text,
		.type_bytes = (uint32_t)end };
	return at[-1] == ']' && at[strspn(at, " ")] == '\0';
}

/* Finds the object's memory, which must have exactly the size that its type says. */
static int find_data(struct dhmem_memory *memory) {
	const struct object *object = &memory->object;
	dhmem_region *region = object->region;
	struct wanted wanted;
	struct type type;
	char text[WORDS];
	uint64_t bytes = 0;
	size_t length;
	const char *found = object_type(region, object->at, &length);
	memory->type = strndup(found, length);
	if (memory->type == NULL) {
		return no_memory();
	}
	bool is_sound = false;
	if (object_word(object, CORE_OBJECT_KIND) == CORE_KIND_ARRAY) {
		is_sound = parse_array(memory->type, &wanted, &bytes, text) && strcmp(text, memory->type) == 0;
	} else if (type_parse(memory->type, &type)) {
		is_sound = type.number == TYPE_STRUCT && strcmp(type.text, memory->type) == 0;
		bytes = type.bytes;
		type_free(&type);
	}
	const uint32_t data = object_word(object, CORE_OBJECT_DATA);
	struct dhmem_block block = { .data = region->base };
	is_sound = is_sound && object_word(object, CORE_OBJECT_CAPACITY) == bytes;
	if (bytes > 0) {
		is_sound = is_sound && data % CORE_BLOCK_ALIGNMENT == 0 &&
			is_inside(region, data, CORE_BLOCK_ALIGNMENT) && CALL(region, capacityOf, data) >= bytes;
	}
	if (is_sound && bytes > 0) {
		const int code = block_at(region, data, (uint32_t)bytes, &block);
		if (code != DHMEM_OK) {
			return code;
		}
	}
	if (!is_sound) {
		return object_corrupt(object);
	}
	memory->data = block.data;
	memory->length = bytes;
	return DHMEM_OK;
}

static int find_data_guarded(struct dhmem_memory *memory) {
	GUARDED(memory->object.region, find_data(memory));
}

/* Finds the bytes of an object whose opening returned `code`. Frees all of it if either failed. */
static int finish_opening(struct dhmem_memory *memory, int code, dhmem_memory **result) {
	if (code == DHMEM_OK) {
		code = find_data_guarded(memory);
		if (code == DHMEM_OK) {
			*result = memory;
			return DHMEM_OK;
		}
		object_close(&memory->object);
		free(memory->type);
	}
	free(memory);
	return code;
}

static int open_memory(dhmem_region *region, const char *name, const struct wanted *wanted,
	struct dhmem_memory **result) {
	struct dhmem_memory *memory = calloc(1, sizeof *memory);
	if (memory == NULL) {
		return no_memory();
	}
	const int code = object_open(&memory->object, region, name, wanted);
	return finish_opening(memory, code, result);
}

int dhmem_struct_open(dhmem_region *region, const char *name, const char *text, const void *initial,
	dhmem_memory **memory) {
	struct type type;
	if (text == NULL) {
		const struct wanted wanted = { .kind = CORE_KIND_STRUCT, .any_type = true, .must_exist = true };
		return open_memory(region, name, &wanted, memory);
	}
	if (!type_parse(text, &type) || type.number != TYPE_STRUCT) {
		return fail(DHMEM_BAD_ARGUMENT,
			"The type of the struct is \"%.80s\"; it must be its fields, such as { a: f64, step: u32 }",
			text);
	}
	const struct wanted wanted = { .kind = CORE_KIND_STRUCT,
		.type = type.text,
		.type_bytes = type.length,
		.capacity = type.bytes,
		.bytes = type.bytes,
		.zeroed = true,
		.initial = initial };
	const int code = open_memory(region, name, &wanted, memory);
	type_free(&type);
	return code;
}

int dhmem_array_open(dhmem_region *region, const char *name, const char *type, const void *initial,
	dhmem_memory **memory) {
	struct wanted wanted = { .kind = CORE_KIND_ARRAY, .any_type = true, .must_exist = true };
	char text[WORDS];
	uint64_t bytes = 0;
	if (type != NULL && !parse_array(type, &wanted, &bytes, text)) {
		return fail(DHMEM_BAD_ARGUMENT,
			"The type of the array is \"%.80s\"; it must be a dtype with 1 to 16 sizes, such as f64[1000,3]",
			type);
	}
	if (bytes > UINT32_MAX) {
		return fail(DHMEM_REGION_FULL, "An array %s is larger than any region; make it smaller", text);
	}
	wanted.capacity = wanted.bytes = (uint32_t)bytes;
	wanted.zeroed = true;
	wanted.initial = initial;
	return open_memory(region, name, &wanted, memory);
}

void dhmem_memory_close(dhmem_memory *memory) {
	if (memory != NULL) {
		object_close(&memory->object);
		free(memory->type);
		free(memory);
	}
}

const char *dhmem_memory_name(const dhmem_memory *memory) {
	return memory->object.name;
}

void *dhmem_memory_data(const dhmem_memory *memory) {
	return memory->data;
}

size_t dhmem_memory_length(const dhmem_memory *memory) {
	return memory->length;
}

const char *dhmem_memory_type(const dhmem_memory *memory) {
	return memory->type;
}

int dhmem_memory_check(const dhmem_memory *memory) {
	GUARDED(memory->object.region, object_check(&memory->object));
}

int dhmem_memory_save(const dhmem_memory *memory, char token[DHMEM_TOKEN_BYTES]) {
	GUARDED(memory->object.region, handle_of_object(&memory->object, token));
}

int dhmem_memory_load(dhmem_region *region, const char *token, dhmem_memory **result) {
	struct dhmem_memory *memory = calloc(1, sizeof *memory);
	if (memory == NULL) {
		return no_memory();
	}
	const int code = handle_open_object(&memory->object, region, token, CORE_KIND_STRUCT, CORE_KIND_ARRAY);
	return finish_opening(memory, code, result);
}
