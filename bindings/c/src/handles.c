/* Handles: saved blocks and named objects by a text that works in any process. */
#include "internal.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define FORMAT 1u
#define BYTES 28

enum what { SAVED_BLOCK = 0, NAMED_OBJECT = 1 };

/* The contents of a token. */
struct target {
	uint32_t first;
	uint32_t region[2];
	uint32_t at;
	uint32_t reserved;
	uint32_t nonce[2];
};

_Static_assert(sizeof(struct target) == BYTES, "as the format says");

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 38 digits of six bits; the last has two of them. */
static void encode(const struct target *target, char token[DHMEM_TOKEN_BYTES]) {
	uint8_t bytes[BYTES + 1] = { 0 };
	memcpy(bytes, target, BYTES);
	for (int i = 0; i < DHMEM_TOKEN_BYTES - 1; i++) {
		const int bit = i * 6;
		const unsigned pair = (unsigned)bytes[bit / 8] << 8 | bytes[bit / 8 + 1];
		token[i] = digits[pair >> (10 - bit % 8) & 63];
	}
	token[DHMEM_TOKEN_BYTES - 1] = '\0';
}

/* Accepts only what encode() makes. */
static bool decode(const char *token, struct target *target) {
	uint8_t bytes[BYTES + 1] = { 0 };
	char again[DHMEM_TOKEN_BYTES];
	if (token == NULL || strnlen(token, DHMEM_TOKEN_BYTES) != DHMEM_TOKEN_BYTES - 1) {
		return false;
	}
	for (int i = 0; i < DHMEM_TOKEN_BYTES - 1; i++) {
		const char *digit = strchr(digits, token[i]);
		if (digit == NULL) {
			return false;
		}
		const int bit = i * 6;
		const unsigned pair = (unsigned)(digit - digits) << (10 - bit % 8);
		bytes[bit / 8] |= (uint8_t)(pair >> 8);
		bytes[bit / 8 + 1] |= (uint8_t)pair;
	}
	memcpy(target, bytes, BYTES);
	encode(target, again);
	return strcmp(token, again) == 0 && (target->first & 0xff) == FORMAT &&
		target->first >> 8 <= NAMED_OBJECT && target->reserved == 0;
}

static int bad_handle(const char *why) {
	return fail(DHMEM_BAD_HANDLE, "The handle %s; ask the sender for a new one", why);
}

static int gone(void) {
	return bad_handle("is forged, or refers to a value that was freed or removed");
}

static int read_target(dhmem_region *region, const char *token, struct target *target) {
	const int code = region_check(region);
	if (code != DHMEM_OK) {
		return code;
	}
	if (!decode(token, target)) {
		return bad_handle("is not a dhmem token");
	}
	if (target->region[0] != word_at(region, CORE_HEADER_IDENTITY) ||
		target->region[1] != word_at(region, CORE_HEADER_IDENTITY + 4)) {
		return fail(DHMEM_BAD_HANDLE,
			"The handle belongs to another region than %s; ask the sender for a new one", region->path);
	}
	/* The core looks there only if it is a record's place. */
	return is_inside(region, target->at, CORE_OBJECT_BYTES) ? DHMEM_OK : gone();
}

static void make_token(const dhmem_region *region, enum what what, uint32_t at, const uint32_t nonce[2],
	char token[DHMEM_TOKEN_BYTES]) {
	const struct target target = { .first = FORMAT | (uint32_t)what << 8,
		.region = { word_at(region, CORE_HEADER_IDENTITY), word_at(region, CORE_HEADER_IDENTITY + 4) },
		.at = at,
		.nonce = { nonce[0], nonce[1] } };
	encode(&target, token);
}

static int save(dhmem_region *region, struct dhmem_block *block, char token[DHMEM_TOKEN_BYTES]) {
	uint32_t nonce[2], at = 0;
	int code = region_check_writable(region);
	code = code == DHMEM_OK ? block_owned(region, block, &at) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	if (getrandom(nonce, sizeof nonce, 0) != sizeof nonce) {
		return fail(DHMEM_UNSUPPORTED, "Saving a block fails here: getrandom: %s", strerror(errno));
	}
	const uint32_t handle = allocate_part(region, PART_HANDLE, 64, &code);
	if (handle == 0) {
		return code;
	}
	const uint32_t status =
		CALL(region, save, region->me, handle, nonce[0], nonce[1], at, (uint32_t)block->length);
	if (status != CORE_OK) {
		CALL(region, freeInternal, region->me, handle);
		return region_unexpected(region, status, "Saving a block");
	}
	block->data = NULL;
	make_token(region, SAVED_BLOCK, handle, nonce, token);
	return DHMEM_OK;
}

int dhmem_save(dhmem_region *region, struct dhmem_block *block, char token[DHMEM_TOKEN_BYTES]) {
	GUARDED(region, save(region, block, token));
}

static int read_block_target(dhmem_region *region, const char *token, struct target *target) {
	const int code = read_target(region, token, target);
	if (code == DHMEM_OK && target->first >> 8 != SAVED_BLOCK) {
		return fail(DHMEM_TYPE_MISMATCH,
			"The handle refers to a named object, but was loaded as a block; load it as the type it has");
	}
	return code;
}

static int load(dhmem_region *region, const char *token, struct dhmem_block *block) {
	struct target target = { 0 };
	const int code = read_block_target(region, token, &target);
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t at = CALL(region, lookUp, target.at, target.nonce[0], target.nonce[1]);
	if (at < CORE_STATUS_LIMIT) {
		return gone();
	}
	/* It may be freed between the two reads, so it is looked up again. */
	const uint32_t length = word_at(region, target.at + CORE_HANDLE_REFERENCE + CORE_REFERENCE_LENGTH);
	if (CALL(region, lookUp, target.at, target.nonce[0], target.nonce[1]) != at) {
		return gone();
	}
	return block_at(region, at, length, block);
}

int dhmem_load(dhmem_region *region, const char *token, struct dhmem_block *block) {
	GUARDED(region, load(region, token, block));
}

static int free_saved(dhmem_region *region, const char *token) {
	struct target target = { 0 };
	int code = region_check_writable(region);
	code = code == DHMEM_OK ? read_block_target(region, token, &target) : code;
	if (code != DHMEM_OK) {
		return code;
	}
	const uint32_t status = CALL(region, freeSaved, region->me, target.at, target.nonce[0], target.nonce[1]);
	if (status == CORE_BAD_HANDLE) {
		return gone();
	}
	return status == CORE_OK ? DHMEM_OK : region_unexpected(region, status, "Freeing a saved block");
}

int dhmem_free_saved(dhmem_region *region, const char *token) {
	GUARDED(region, free_saved(region, token));
}

static int kind_of(dhmem_region *region, const char *token, enum dhmem_kind *kind) {
	struct target target = { 0 };
	const int code = read_target(region, token, &target);
	if (code != DHMEM_OK) {
		return code;
	}
	*kind = DHMEM_KIND_BLOCK;
	if (target.first >> 8 == NAMED_OBJECT) {
		if (CALL(region, isNoted, target.at, target.nonce[0], target.nonce[1]) == 0) {
			return gone();
		}
		*kind = (enum dhmem_kind)word_at(region, target.at + CORE_OBJECT_KIND);
	}
	return DHMEM_OK;
}

int dhmem_token_kind(dhmem_region *region, const char *token, enum dhmem_kind *kind) {
	GUARDED(region, kind_of(region, token, kind));
}

int handle_of_object(const struct object *object, char token[DHMEM_TOKEN_BYTES]) {
	const int code = object_check(object);
	if (code == DHMEM_OK) {
		make_token(object->region, NAMED_OBJECT, object->at, object->nonce, token);
	}
	return code;
}

static int open_noted(struct object *object, dhmem_region *region, const char *token, uint32_t kind,
	uint32_t other_kind) {
	struct target target = { 0 };
	const int code = read_target(region, token, &target);
	if (code != DHMEM_OK) {
		return code;
	}
	if (target.first >> 8 != NAMED_OBJECT) {
		return fail(DHMEM_TYPE_MISMATCH,
			"The handle refers to a block, but was loaded as a named object; load it as the type it has");
	}
	const bool found = region->read_only
		? CALL(region, isNoted, target.at, target.nonce[0], target.nonce[1]) != 0
		: CALL(region, openAt, region->me, target.at, target.nonce[0], target.nonce[1]) == CORE_OK;
	if (!found) {
		return gone();
	}
	const uint32_t is = word_at(region, target.at + CORE_OBJECT_KIND);
	if (is != kind && is != other_kind) {
		char words[WORDS];
		describe_object(region, target.at, words);
		return fail(DHMEM_TYPE_MISMATCH,
			"The handle refers to %s, which is of another kind; load it as the type it has", words);
	}
	object->at = target.at;
	return DHMEM_OK;
}

static int open_noted_guarded(struct object *object, dhmem_region *region, const char *token, uint32_t kind,
	uint32_t other_kind) {
	GUARDED(region, open_noted(object, region, token, kind, other_kind));
}

int handle_open_object(struct object *object, dhmem_region *region, const char *token, uint32_t kind,
	uint32_t other_kind) {
	const int code = open_noted_guarded(object, region, token, kind, other_kind);
	return code == DHMEM_OK ? object_adopt(object, region) : code;
}
