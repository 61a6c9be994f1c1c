/* Finds, makes and removes named objects. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Attempts of a search while other participants keep making and removing the object. */
#define TURNS 1000

static int restless(const dhmem_region *region, const char *name) {
	return fail(DHMEM_TIMEOUT,
		"Others keep creating and removing %s in %s; stop them, or choose another name", name, region->path);
}

/* Lends the core an object's name until the next call, and returns its length. */
static uint32_t lend_name(dhmem_region *region, const char *name) {
	const uint32_t length = (uint32_t)strlen(name);
	memcpy(region->base + region->size, name, length);
	return length;
}

/* Sets `at` to 0 if there is none. */
static int find(dhmem_region *region, const char *name, uint32_t *at) {
	const uint32_t scratch = (uint32_t)region->size;
	const uint32_t length = lend_name(region, name);
	const uint32_t found = region->read_only ? CALL(region, find, scratch, length)
											 : CALL(region, open, region->me, scratch, length);
	*at = 0;
	if (found == CORE_NOT_FOUND) {
		return DHMEM_OK;
	}
	if (found == CORE_BUSY) {
		return restless(region, name);
	}
	if (found < CORE_STATUS_LIMIT || !is_inside(region, found, CORE_OBJECT_BYTES)) {
		return region_unexpected(region, found < CORE_STATUS_LIMIT ? found : CORE_CORRUPT,
			"Looking up an object");
	}
	*at = found;
	return DHMEM_OK;
}

static bool is_of_type(const dhmem_region *region, uint32_t at, const struct wanted *wanted) {
	if (wanted->any_type) {
		return true;
	}
	size_t length;
	const char *type = object_type(region, at, &length);
	const uint32_t requested = word_at(region, at + CORE_OBJECT_REQUESTED);
	return word_at(region, at + CORE_OBJECT_ELEMENT) == wanted->element && length == wanted->type_bytes &&
		(length == 0 || memcmp(type, wanted->type, length) == 0) &&
		(!wanted->is_explicit || requested == wanted->requested);
}

static int check_kind(dhmem_region *region, const char *name, const struct wanted *wanted, uint32_t at) {
	char found[WORDS], asked[WORDS];
	const uint32_t kind = word_at(region, at + CORE_OBJECT_KIND);
	const bool is_of_kind = kind == wanted->kind || (wanted->other_kind != 0 && kind == wanted->other_kind);
	if (is_of_kind && (kind != wanted->kind || is_of_type(region, at, wanted))) {
		return DHMEM_OK;
	}
	describe_object(region, at, found);
	describe_wanted(wanted, asked);
	return fail(DHMEM_TYPE_MISMATCH,
		"%s is %s, but was opened as %s; open it as what it is, or choose another name%s", name, found, asked,
		is_of_kind ? "" : ". Objects of all kinds share one set of names in a region");
}

static int check_writable(dhmem_region *region, const char *name) {
	if (!region->read_only) {
		return DHMEM_OK;
	}
	return fail(DHMEM_READ_ONLY,
		"There is no %s in %s, and this opening can't create it, because it is read-only; open the region in "
		"another mode, or wait until another participant creates it",
		name, region->path);
}

static int find_or_construct(dhmem_region *region, const char *name, const struct wanted *wanted,
	uint32_t *at) {
	for (int turn = 0; turn < TURNS; turn++) {
		int code = find(region, name, at);
		if (code == DHMEM_OK && *at != 0) {
			code = check_kind(region, name, wanted, *at);
		} else if (code == DHMEM_OK && wanted->must_exist) {
			return fail(DHMEM_NOT_FOUND, "There is no %s in %s; give its type, so that it is created", name,
				region->path);
		} else if (code == DHMEM_OK) {
			code = check_writable(region, name);
			code = code == DHMEM_OK ? object_construct(region, name, wanted, at) : code;
		}
		if (code != DHMEM_OK || *at != 0) {
			return code;
		}
	}
	return restless(region, name);
}

int check_name(const char *name) {
	const size_t length = name != NULL ? strnlen(name, CORE_NAME_BYTES + 1) : 0;
	/* The library for TypeScript could not open a name in another encoding. */
	if (length > 0 && length <= CORE_NAME_BYTES && is_utf8(name, length)) {
		return DHMEM_OK;
	}
	return fail(DHMEM_BAD_ARGUMENT, "The object's name is \"%.80s\"; it must be 1 to %u bytes of UTF-8",
		name != NULL ? name : "", CORE_NAME_BYTES);
}

static int open_object(struct object *object, dhmem_region *region, const char *name,
	const struct wanted *wanted) {
	int code = region_check(region);
	code = code == DHMEM_OK ? check_name(name) : code;
	return code == DHMEM_OK ? find_or_construct(region, name, wanted, &object->at) : code;
}

static int open_guarded(struct object *object, dhmem_region *region, const char *name,
	const struct wanted *wanted) {
	GUARDED(region, open_object(object, region, name, wanted));
}

/* Enters an object whose place is known. */
static int enter(struct object *object, dhmem_region *region) {
	object->nonce[0] = word_at(region, object->at + CORE_OBJECT_NONCE);
	object->nonce[1] = word_at(region, object->at + CORE_OBJECT_NONCE + 4);
	object->region = region_keep(region);
	object->next = region->objects;
	region->objects = object;
	return DHMEM_OK;
}

int object_adopt(struct object *object, dhmem_region *region) {
	const uint32_t length = word_at(region, object->at + CORE_OBJECT_NAME_LENGTH);
	const char *name = (const char *)region->base + object->at + CORE_OBJECT_NAME;
	object->name = strndup(name, length < CORE_NAME_BYTES ? length : CORE_NAME_BYTES);
	return object->name != NULL ? enter(object, region) : no_memory();
}

int object_open(struct object *object, dhmem_region *region, const char *name, const struct wanted *wanted) {
	*object = (struct object){ .name = strdup(name != NULL ? name : "") };
	if (object->name == NULL) {
		return no_memory();
	}
	const int code = open_guarded(object, region, name, wanted);
	if (code != DHMEM_OK) {
		free(object->name);
		return code;
	}
	return enter(object, region);
}

void object_close(struct object *object) {
	dhmem_region *region = object->region;
	struct object **link = &region->objects;
	while (*link != object) {
		link = &(*link)->next;
	}
	*link = object->next;
	free(object->name);
	region_drop(region);
}

bool object_is_there(const struct object *object) {
	dhmem_region *region = object->region;
	/* A reader has no pin. */
	return !region->read_only || CALL(region, isNoted, object->at, object->nonce[0], object->nonce[1]) != 0;
}

int object_check(const struct object *object) {
	const int code = region_check(object->region);
	if (code == DHMEM_OK && object->removed) {
		return fail(DHMEM_CLOSED, "This participant has removed %s from %s; open it again by its name",
			object->name, object->region->path);
	}
	if (code == DHMEM_OK && !object_is_there(object)) {
		return fail(DHMEM_CLOSED, "Another participant has removed %s from %s; open it again by its name",
			object->name, object->region->path);
	}
	return code;
}

int object_unexpected(const struct object *object, uint32_t status, const char *what) {
	const int code = object_check(object);
	return code != DHMEM_OK ? code : region_unexpected(object->region, status, what);
}

int object_corrupt(const struct object *object) {
	const int code = object_check(object);
	return code != DHMEM_OK
		? code
		: fail(DHMEM_CORRUPT, "%s does not match its type, so another program has corrupted it; remove it",
			  object->name);
}

/* All that is open here under the name ends, before the memory may be used again. */
static int end_objects(dhmem_region *region, const char *name, uint32_t removed) {
	for (struct object *object = region->objects; object != NULL; object = object->next) {
		if (strcmp(object->name, name) == 0 && !object->removed) {
			object->removed = true;
			/* Another participant has removed it before. A second unpinning does nothing. */
			if (object->at != removed) {
				CALL(region, unpin, region->me, object->at);
			}
		}
	}
	return removed == 0 ? DHMEM_OK
						: wake(region, CALL(region, unpin, region->me, removed), "Removing an object");
}

static int remove_object(dhmem_region *region, const char *name, bool *removed) {
	int code = region_check_writable(region);
	code = code == DHMEM_OK ? check_name(name) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t scratch = (uint32_t)region->size;
	const uint32_t length = lend_name(region, name);
	const uint32_t found = CALL(region, remove, region->me, scratch, length);
	*removed = found >= CORE_STATUS_LIMIT;
	if (!*removed && found != CORE_NOT_FOUND) {
		return found == CORE_BUSY ? restless(region, name)
								  : region_unexpected(region, found, "Removing an object");
	}
	return end_objects(region, name, *removed ? found : 0);
}

int dhmem_remove(dhmem_region *region, const char *name, bool *removed) {
	bool ignored;
	GUARDED(region, remove_object(region, name, removed != NULL ? removed : &ignored));
}
