/* Maps: their types, and their mutex. entries.c has the rest. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

static bool is_key_type(uint32_t number) {
	return number == TYPE_STRING || (number >= 1 && number <= 8);
}

/* The number of a key's or a value's type; 0 if there is none. */
static uint32_t number_of(const char *text, struct type *type) {
	*type = (struct type){ .number = 0 };
	if (strcmp(text, "string") == 0) {
		return TYPE_STRING;
	}
	if (strcmp(text, "bytes") == 0) {
		return TYPE_BYTES;
	}
	return type_parse(text, type) ? type->number : 0;
}

/* The types of a map that is open. */
static int adopt_types(dhmem_map *map) {
	const struct object *object = &map->lock.object;
	struct type type;
	size_t length;
	const char *text = object_type(object->region, object->at, &length);
	const uint32_t element = object_word(object, CORE_OBJECT_ELEMENT);
	map->key_type = element & 0xff;
	map->value_type = element >> 8;
	map->value_bytes = dtype_bytes(map->value_type);
	bool is_sound = is_key_type(map->key_type);
	if (map->value_type == TYPE_STRUCT) {
		map->value_text = strndup(text, length);
		if (map->value_text == NULL) {
			return no_memory();
		}
		is_sound = is_sound && type_parse(map->value_text, &type);
		if (is_sound) {
			is_sound = type.number == TYPE_STRUCT && strcmp(type.text, map->value_text) == 0;
			map->value_bytes = type.bytes;
			type_free(&type);
		}
	} else if (map->value_type != TYPE_STRING && map->value_type != TYPE_BYTES) {
		is_sound = is_sound && map->value_bytes != 0;
	}
	return is_sound ? DHMEM_OK : object_corrupt(object);
}

static int open_map(dhmem_region *region, const char *name, const struct wanted *wanted, dhmem_map **result) {
	dhmem_map *map = calloc(1, sizeof *map);
	if (map == NULL) {
		return no_memory();
	}
	int code = object_open(&map->lock.object, region, name, wanted);
	if (code == DHMEM_OK) {
		code = adopt_types(map);
		if (code == DHMEM_OK) {
			*result = map;
			return DHMEM_OK;
		}
		lock_close(&map->lock);
	}
	free(map->value_text);
	free(map);
	return code;
}

int dhmem_map_open(dhmem_region *region, const char *name, const char *key, const char *value,
	dhmem_map **map) {
	struct wanted wanted = { .kind = CORE_KIND_MAP, .any_type = true, .must_exist = true };
	struct type key_type, value_type = { .number = 0 };
	if (key == NULL && value == NULL) {
		return open_map(region, name, &wanted, map);
	}
	const uint32_t key_number = key != NULL ? number_of(key, &key_type) : 0;
	const uint32_t value_number = value != NULL ? number_of(value, &value_type) : 0;
	if (key_number != 0) {
		type_free(&key_type);
	}
	if (!is_key_type(key_number) || value_number == 0) {
		type_free(&value_type);
		return fail(DHMEM_BAD_ARGUMENT,
			"The map is from \"%.40s\" to \"%.80s\"; keys must be string or an integer dtype, and values "
			"string, "
			"bytes, a dtype or a struct's fields",
			key != NULL ? key : "", value != NULL ? value : "");
	}
	wanted = (struct wanted){ .kind = CORE_KIND_MAP,
		.element = key_number | value_number << 8,
		.type = value_type.text,
		.type_bytes = value_type.length };
	const int code = open_map(region, name, &wanted, map);
	type_free(&value_type);
	return code;
}

void dhmem_map_close(dhmem_map *map) {
	if (map != NULL) {
		lock_close(&map->lock);
		free(map->value_text);
		free(map->copies);
		free(map);
	}
}

static const char *type_name(uint32_t number, const char *text) {
	return number == TYPE_STRING ? "string"
		: number == TYPE_BYTES   ? "bytes"
		: number == TYPE_STRUCT  ? text
								 : dtype_name(number);
}

const char *dhmem_map_key_type(const dhmem_map *map) {
	return type_name(map->key_type, NULL);
}

const char *dhmem_map_value_type(const dhmem_map *map) {
	return type_name(map->value_type, map->value_text);
}

static int count(const dhmem_map *map, size_t *size) {
	const int code = object_check(&map->lock.object);
	if (code == DHMEM_OK) {
		*size = object_word(&map->lock.object, CORE_OBJECT_COUNT);
	}
	return code;
}

int dhmem_map_size(const dhmem_map *map, size_t *size) {
	GUARDED(map->lock.object.region, count(map, size));
}

int dhmem_map_lock(dhmem_map *map, double timeout) {
	GUARDED(map->lock.object.region, lock_take(&map->lock, timeout));
}

int dhmem_map_unlock(dhmem_map *map) {
	GUARDED(map->lock.object.region, lock_release(&map->lock, false));
}
