/* Types as text: a dtype, such as "f64", or a struct's fields, such as "{ a: f64, step: u32 }". */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* In the order of their numbers, from 1. */
static const struct {
	char name[4];
	uint8_t bytes;
} dtypes[] = { { "i8", 1 }, { "u8", 1 }, { "i16", 2 }, { "u16", 2 }, { "i32", 4 }, { "u32", 4 }, { "i64", 8 },
	{ "u64", 8 }, { "f32", 4 }, { "f64", 8 } };

#define DTYPES (sizeof dtypes / sizeof *dtypes)

uint32_t dtype_bytes(uint32_t number) {
	return number - 1 < DTYPES ? dtypes[number - 1].bytes : 0;
}

const char *dtype_name(uint32_t number) {
	return number - 1 < DTYPES ? dtypes[number - 1].name : "unknown";
}

/* The number of the dtype with this name; 0 if there is none. */
static uint32_t dtype_number(const char *name, size_t length) {
	for (uint32_t i = 0; i < DTYPES; i++) {
		if (strlen(dtypes[i].name) == length && memcmp(dtypes[i].name, name, length) == 0) {
			return i + 1;
		}
	}
	return 0;
}

static bool is_letter(char c) {
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '$';
}

static bool is_digit(char c) {
	return c >= '0' && c <= '9';
}

static const char *skip_spaces(const char *at) {
	return at + strspn(at, " \t\n");
}

static const char *skip_word(const char *at) {
	while (is_letter(*at) || is_digit(*at)) {
		at++;
	}
	return at;
}

/* The end of a field's name: a word, or a JSON string. NULL if there is none. */
static const char *skip_name(const char *at) {
	if (is_letter(*at)) {
		return skip_word(at);
	}
	if (*at++ != '"') {
		return NULL;
	}
	for (; *at != '"'; at++) {
		if (*at == '\\') {
			at++;
		}
		if (*at == '\0') {
			return NULL;
		}
	}
	return at + 1;
}

/* Adds a field to the struct's size, and its text behind `end`. */
static char *add_field(struct type *type, char *end, const char *name, size_t length, uint32_t dtype,
	uint32_t bytes) {
	type->bytes = (type->bytes + bytes - 1) / bytes * bytes + bytes;
	type->alignment = bytes > type->alignment ? bytes : type->alignment;
	end = stpcpy(end, end == type->text ? "{ " : ", ");
	memcpy(end, name, length);
	end = stpcpy(end + length, ": ");
	return stpcpy(end, dtype_name(dtype));
}

static bool parse_fields(const char *at, struct type *type) {
	char *end = type->text;
	do {
		const char *name = skip_spaces(at + 1);
		const char *behind = skip_name(name);
		if (behind == NULL || *(at = skip_spaces(behind)) != ':') {
			return false;
		}
		const char *dtype = skip_spaces(at + 1);
		at = skip_word(dtype);
		const uint32_t number = dtype_number(dtype, (size_t)(at - dtype));
		const uint32_t bytes = dtype_bytes(number);
		if (bytes == 0) {
			return false;
		}
		end = add_field(type, end, name, (size_t)(behind - name), number, bytes);
		at = skip_spaces(at);
	} while (*at == ',');
	type->bytes = (type->bytes + type->alignment - 1) / type->alignment * type->alignment;
	type->length = (uint32_t)(stpcpy(end, " }") - type->text);
	return *at == '}' && *skip_spaces(at + 1) == '\0' && type->length <= LONGEST_TYPE;
}

bool type_parse(const char *text, struct type *type) {
	*type = (struct type){ .alignment = 1 };
	text = skip_spaces(text);
	const size_t length = strnlen(text, LONGEST_TYPE + 1);
	if (*text != '{') {
		type->number = dtype_number(text, length);
		type->bytes = type->alignment = dtype_bytes(type->number);
		return type->number != 0;
	}
	/* Spaces may be missing: at most three for each field, which has at least five characters. */
	type->text = length <= LONGEST_TYPE ? malloc(2 * length + 8) : NULL;
	type->number = TYPE_STRUCT;
	if (type->text != NULL && parse_fields(text, type)) {
		return true;
	}
	type_free(type);
	return false;
}

void type_free(struct type *type) {
	free(type->text);
	type->text = NULL;
}

size_t dhmem_sizeof(const char *text) {
	struct type type;
	if (text == NULL || !type_parse(text, &type)) {
		return 0;
	}
	type_free(&type);
	return type.bytes;
}

/* The number of further bytes of a character that begins with this one; -1 if none does. */
static int more_bytes(unsigned char first) {
	return first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
}

bool is_utf8(const void *bytes, size_t length) {
	const unsigned char *at = bytes, *const end = at + length;
	while (at < end) {
		const unsigned char first = *at++;
		const int more = more_bytes(first);
		if (more < 0 || more > end - at) {
			return false;
		}
		const bool is_short = (first == 0xe0 && *at < 0xa0) || (first == 0xf0 && *at < 0x90);
		const bool is_outside = (first == 0xed && *at > 0x9f) || (first == 0xf4 && *at > 0x8f);
		for (int i = 0; i < more; i++, at++) {
			if ((*at & 0xc0) != 0x80) {
				return false;
			}
		}
		if (is_short || is_outside) {
			return false;
		}
	}
	return true;
}
