/* The entries of maps. Readers look without the mutex, and take it only if others change the map too often. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* The longest key, in bytes. */
#define LONGEST_KEY 1024u
#define TURNS_LOCKING 16
#define TURNS_READING 1000
/* There is no such key. */
#define MISSING (PENDING + 1)

/* What one call reads or changes. */
struct access {
	dhmem_map *map;
	const void *key;
	size_t key_length;
	const void *value;
	size_t value_length;
	void *into;
	size_t room;
	bool done;
};

/* An entry, whose parts are inside the region. */
struct entry {
	const uint8_t *key;
	size_t key_length;
	const uint8_t *value;
	size_t value_length;
};

static uint32_t value_start(size_t key_length) {
	return CORE_ENTRY_KEY + ((uint32_t)key_length + 7) / 8 * 8;
}

static int check_part(const dhmem_map *map, const char *what, uint32_t type, uint32_t bytes, const void *data,
	size_t length) {
	const bool is_text = type == TYPE_STRING;
	if (is_text ? is_utf8(data, length) : type == TYPE_BYTES || length == bytes) {
		return DHMEM_OK;
	}
	return is_text
		? fail(DHMEM_BAD_ARGUMENT, "%s of map %s is no UTF-8; it must be, because its type is string", what,
			  map->lock.object.name)
		: fail(DHMEM_BAD_ARGUMENT, "%s of map %s has %zu bytes; it must have %u", what, map->lock.object.name,
			  length, bytes);
}

static int check_key(const struct access *access) {
	const dhmem_map *map = access->map;
	if (access->key_length > LONGEST_KEY) {
		return fail(DHMEM_BAD_ARGUMENT, "A key of map %s has %zu bytes; it must have at most %u",
			map->lock.object.name, access->key_length, LONGEST_KEY);
	}
	return check_part(map, "A key", map->key_type, dtype_bytes(map->key_type), access->key,
		access->key_length);
}

/* Lends the core the key until the next call. */
static uint32_t lend_key(const struct access *access) {
	const dhmem_region *region = access->map->lock.object.region;
	memcpy(region->base + region->size, access->key, access->key_length);
	return (uint32_t)region->size;
}

/* The parts of an entry. False if a faulty peer has written an impossible length. */
static bool look_into(const dhmem_map *map, uint32_t at, struct entry *entry) {
	const dhmem_region *region = map->lock.object.region;
	if (!is_inside(region, at, CORE_ENTRY_KEY)) {
		return false;
	}
	const uint32_t key_length = word_at(region, at + CORE_ENTRY_KEY_LENGTH);
	const uint32_t value_length = word_at(region, at + CORE_ENTRY_VALUE_LENGTH);
	if (key_length > LONGEST_KEY ||
		!is_inside(region, at, (uint64_t)value_start(key_length) + value_length) ||
		(map->value_bytes != 0 && value_length != map->value_bytes) ||
		(map->key_type != TYPE_STRING && key_length != dtype_bytes(map->key_type))) {
		return false;
	}
	*entry = (struct entry){ .key = region->base + at + CORE_ENTRY_KEY,
		.key_length = key_length,
		.value = region->base + at + value_start(key_length),
		.value_length = value_length };
	return true;
}

/* Runs `look` while no other participant changes the map. */
static int read(dhmem_map *map, int (*look)(void *context), void *context) {
	struct object *object = &map->lock.object;
	const bool can_lock = !object->region->read_only;
	const int code = read_consistently(object, can_lock ? TURNS_LOCKING : TURNS_READING, look, context);
	if (code != PENDING) {
		return code;
	}
	if (can_lock) {
		return while_locked(&map->lock, look, context);
	}
	return fail(DHMEM_TIMEOUT,
		"Map %s changes too often to be read without its mutex; try again, or open the region in another "
		"mode",
		object->name);
}

static int look_up(void *context) {
	struct access *access = context;
	const dhmem_map *map = access->map;
	struct entry entry;
	const uint32_t at = CALL(map->lock.object.region, mapFind, map->lock.object.at, lend_key(access),
		(uint32_t)access->key_length);
	if (at < CORE_STATUS_LIMIT) {
		return at == CORE_NOT_FOUND ? MISSING : object_corrupt(&map->lock.object);
	}
	if (!look_into(map, at, &entry)) {
		return object_corrupt(&map->lock.object);
	}
	access->value_length = entry.value_length;
	if (entry.value_length > 0 && entry.value_length <= access->room) {
		memcpy(access->into, entry.value, entry.value_length);
	}
	return DHMEM_OK;
}

static int get(struct access *access, size_t *length) {
	int code = check_key(access);
	code = code == DHMEM_OK ? read(access->map, look_up, access) : code;
	*length = access->value_length;
	return code == MISSING
		? fail(DHMEM_NOT_FOUND, "Map %s has no such key; set it first", access->map->lock.object.name)
		: code;
}

int dhmem_map_get(dhmem_map *map, const void *key, size_t key_length, void *value, size_t room,
	size_t *length) {
	size_t ignored;
	struct access access = { .map = map, .key = key, .key_length = key_length, .into = value, .room = room };
	GUARDED(map->lock.object.region, get(&access, length != NULL ? length : &ignored));
}

static int make_table(const dhmem_map *map) {
	const struct object *object = &map->lock.object;
	dhmem_region *region = object->region;
	const uint32_t needed = CALL(region, mapNeeds, object->at);
	int code = DHMEM_OK;
	if (needed == 0) {
		return DHMEM_OK;
	}
	const uint32_t table = allocate_part(region, PART_BLOCK, needed, &code);
	if (table == 0) {
		return code;
	}
	const uint32_t status = OBJECT_CALL(object, mapGrow, table);
	if (status != CORE_OK) {
		CALL(region, free, region->me, table);
		return object_unexpected(object, status, "A map");
	}
	return DHMEM_OK;
}

static int set_held(void *context) {
	const struct access *access = context;
	const struct object *object = &access->map->lock.object;
	dhmem_region *region = object->region;
	const uint32_t start = value_start(access->key_length);
	int code = make_table(access->map);
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t at = allocate_part(region, PART_BLOCK, start + access->value_length, &code);
	if (at == 0) {
		return code;
	}
	uint8_t *entry = region->base + at;
	const uint32_t lengths[] = { (uint32_t)access->key_length, (uint32_t)access->value_length };
	memcpy(entry + CORE_ENTRY_KEY_LENGTH, &lengths[0], sizeof lengths[0]);
	memcpy(entry + CORE_ENTRY_VALUE_LENGTH, &lengths[1], sizeof lengths[1]);
	/* Without bytes there may be no address. */
	if (access->key_length > 0) {
		memcpy(entry + CORE_ENTRY_KEY, access->key, access->key_length);
	}
	if (access->value_length > 0) {
		memcpy(entry + start, access->value, access->value_length);
	}
	const uint32_t status = OBJECT_CALL(object, mapSet, at);
	if (status != CORE_OK) {
		CALL(region, free, region->me, at);
		return object_unexpected(object, status, "A map");
	}
	return DHMEM_OK;
}

static int set(struct access *access) {
	const dhmem_map *map = access->map;
	int code = check_key(access);
	code = code == DHMEM_OK
		? check_part(map, "A value", map->value_type, map->value_bytes, access->value, access->value_length)
		: code;
	if (code == DHMEM_OK && access->value_length > map->lock.object.region->size) {
		return fail(DHMEM_REGION_FULL, "A value of %zu bytes does not fit the region %s",
			access->value_length, map->lock.object.region->path);
	}
	return code == DHMEM_OK ? while_locked(&access->map->lock, set_held, access) : code;
}

int dhmem_map_set(dhmem_map *map, const void *key, size_t key_length, const void *value,
	size_t value_length) {
	struct access access = { .map = map,
		.key = key,
		.key_length = key_length,
		.value = value,
		.value_length = value_length };
	GUARDED(map->lock.object.region, set(&access));
}

static int delete_held(void *context) {
	struct access *access = context;
	const struct object *object = &access->map->lock.object;
	const uint32_t status = OBJECT_CALL(object, mapDelete, lend_key(access), (uint32_t)access->key_length);
	access->done = status == CORE_OK;
	return access->done || status == CORE_NOT_FOUND ? DHMEM_OK : object_unexpected(object, status, "A map");
}

static int delete (struct access *access, bool *deleted) {
	int code = check_key(access);
	code = code == DHMEM_OK ? while_locked(&access->map->lock, delete_held, access) : code;
	*deleted = access->done;
	return code;
}

int dhmem_map_delete(dhmem_map *map, const void *key, size_t key_length, bool *deleted) {
	bool ignored;
	struct access access = { .map = map, .key = key, .key_length = key_length };
	GUARDED(map->lock.object.region, delete (&access, deleted != NULL ? deleted : &ignored));
}

/* A copy of an entry: the lengths, the key, and the value from the next multiple of 8 on. */
struct copy {
	uint32_t key_length;
	uint32_t value_length;
};

static size_t rounded(size_t length) {
	return (length + 7) / 8 * 8;
}

static size_t copy_bytes(const struct copy *copy) {
	return sizeof *copy + rounded(copy->key_length) + rounded(copy->value_length);
}

static int append_copy(dhmem_map *map, const struct entry *entry) {
	const struct copy copy = { (uint32_t)entry->key_length, (uint32_t)entry->value_length };
	const size_t bytes = copy_bytes(&copy);
	if (map->used + bytes > map->room) {
		const size_t room = (map->used + bytes) * 2;
		uint8_t *copies = realloc(map->copies, room);
		if (copies == NULL) {
			return no_memory();
		}
		map->copies = copies;
		map->room = room;
	}
	uint8_t *at = map->copies + map->used;
	memcpy(at, &copy, sizeof copy);
	memcpy(at + sizeof copy, entry->key, entry->key_length);
	memcpy(at + sizeof copy + rounded(entry->key_length), entry->value, entry->value_length);
	map->used += bytes;
	return DHMEM_OK;
}

static int copy_entries(void *context) {
	dhmem_map *map = context;
	const struct object *object = &map->lock.object;
	const uint32_t places = CALL(object->region, mapPlaces, object->at);
	uint64_t bytes = 0;
	map->used = 0;
	for (uint32_t place = 0; place < places; place++) {
		struct entry entry;
		const uint32_t at = CALL(object->region, mapEntry, object->at, place);
		if (at < CORE_STATUS_LIMIT) {
			continue;
		}
		if (!look_into(map, at, &entry)) {
			return object_corrupt(object);
		}
		bytes += entry.key_length + entry.value_length;
		/* Entries don't overlap. If they have more bytes than the region, a faulty peer made them up. */
		const int code = bytes > object->region->size ? object_corrupt(object) : append_copy(map, &entry);
		if (code != DHMEM_OK) {
			return code;
		}
	}
	return DHMEM_OK;
}

static int copy_entries_guarded(dhmem_map *map) {
	GUARDED(map->lock.object.region, read(map, copy_entries, map));
}

int dhmem_map_each(dhmem_map *map,
	bool (*each)(void *context, const void *key, size_t key_length, const void *value, size_t value_length),
	void *context) {
	const int code = copy_entries_guarded(map);
	uint8_t *const copies = map->copies;
	const size_t used = map->used;
	/* The user's function may use the map. */
	map->copies = NULL;
	map->room = 0;
	for (size_t at = 0; code == DHMEM_OK && at < used;) {
		const struct copy *copy = (const struct copy *)(copies + at);
		const uint8_t *key = copies + at + sizeof *copy;
		if (!each(context, key, copy->key_length, key + rounded(copy->key_length), copy->value_length)) {
			break;
		}
		at += copy_bytes(copy);
	}
	free(copies);
	return code;
}
