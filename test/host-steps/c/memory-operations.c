/* Allocating, and constructing objects that need memory. */
#include "victim.h"

#define GIB (1ull << 30)
#define MIB (1ul << 20)
#define OPEN .mode = DHMEM_OPEN

static int allocate(struct stage *stage) {
	int code = DHMEM_OK;
	for (int i = 0; code == DHMEM_OK && i < operation->times; i++) {
		code = dhmem_allocate(first(stage), operation->bytes, &stage->blocks[0]);
	}
	return code;
}

static int construct(struct stage *stage) {
	return dhmem_array_open(first(stage), "changed", "u8[1048576]", NULL, &stage->memory);
}

static int grow_vector(struct stage *stage) {
	static uint32_t numbers[50000];
	const int code = dhmem_vector_open(first(stage), "changed", "u32", &stage->vector);
	for (uint32_t i = 0; i < 50000; i++) {
		numbers[i] = i;
	}
	return code == DHMEM_OK ? dhmem_vector_append(stage->vector, numbers, 50000) : code;
}

static int grow_map(struct stage *stage) {
	int code = dhmem_map_open(first(stage), "changed", "u32", "u32", &stage->map);
	for (uint32_t key = 0; code == DHMEM_OK && key < 300; key++) {
		code = dhmem_map_set(stage->map, &key, sizeof key, &key, sizeof key);
	}
	return code;
}

/* Two of three blocks are free then. */
static void free_two(struct stage *stage) {
	enter(stage);
	for (int i = 0; i < 3; i++) {
		const size_t bytes = i == 1 ? (size_t)operation->times * MIB : operation->bytes;
		need(dhmem_allocate(first(stage), bytes, &stage->blocks[i]));
	}
	need(dhmem_free(first(stage), &stage->blocks[0]));
	need(dhmem_free(first(stage), &stage->blocks[2]));
}

static int trim(struct stage *stage) {
	return dhmem_trim(first(stage), NULL);
}

static int map_window(struct stage *stage) {
	const int before = mappings_in(stage->directory);
	const int code = allocate(stage);
	const int after = mappings_in(stage->directory);
	if (code != DHMEM_OK && before >= 0 && after >= 0 && before != after) {
		snprintf(stage->complaint, sizeof stage->complaint,
			"it leaves something behind: %d mappings instead of %d", after, before);
	}
	return code;
}

static void enter_and_lose_one(struct stage *stage) {
	enter(stage);
	perish(stage, hold);
}

static int recover(struct stage *stage) {
	return dhmem_recover(first(stage), NULL);
}

const struct operation memory_operations[] = {
	{ "allocate 30 of 30000 bytes", enter, allocate, { OPEN }, 30, 30000, false },
	{ "allocate 1 of 1000000 bytes", enter, allocate, { OPEN }, 1, 1000000, false },
	{ "allocate 1 of 40000000 bytes", enter, allocate, { OPEN, .size = 64 * MIB }, 1, 40000000, false },
	{ "allocate 2 of 9000000 bytes", enter, allocate, { OPEN, .size = 8 * GIB }, 2, 9000000, false },
	{ "construct an array of 1 MiB", enter, construct, { OPEN }, 0, 0, false },
	{ "grow a vector", enter, grow_vector, { OPEN }, 0, 0, false },
	{ "grow a map", enter, grow_map, { OPEN }, 0, 0, false },
	{ "trim", free_two, trim, { OPEN }, 2, 1 * MIB, false },
	{ "trim the bulk space", free_two, trim, { OPEN, .size = 8 * GIB }, 10, 8 * MIB, false },
	{ "map a window", enter, map_window, { OPEN, .size = 8 * GIB }, 1, 9000000, false },
	{ "recover", enter_and_lose_one, recover, { OPEN }, 0, 0, false },
	{ .name = NULL },
};
