/*
 * Plays traces from standard input with the core that wasm2c has translated to C. README.md has the format. Ends with
 * 1 at the first difference.
 */
#include "core.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static jmp_buf back;
static w2c_dhmem core;
static wasm_rt_shared_memory_t memory;
static uint8_t *bytes;

/* What the translation needs of its runtime. */

void wasm_rt_trap(wasm_rt_trap_t code) {
	(void)code;
	longjmp(back, 1);
}

bool wasm_rt_is_initialized(void) {
	return true;
}

wasm_rt_shared_memory_t *w2c_env_memory(struct w2c_env *unused) {
	(void)unused;
	return &memory;
}

#define ARGUMENTS_1 a[0]
#define ARGUMENTS_2 ARGUMENTS_1, a[1]
#define ARGUMENTS_3 ARGUMENTS_2, a[2]
#define ARGUMENTS_4 ARGUMENTS_3, a[3]
#define ARGUMENTS_5 ARGUMENTS_4, a[4]
#define ARGUMENTS_6 ARGUMENTS_5, a[5]

#define CALL_0(name) w2c_dhmem_##name(&core)
#define CALL_1(name) w2c_dhmem_##name(&core, ARGUMENTS_1)
#define CALL_2(name) w2c_dhmem_##name(&core, ARGUMENTS_2)
#define CALL_3(name) w2c_dhmem_##name(&core, ARGUMENTS_3)
#define CALL_4(name) w2c_dhmem_##name(&core, ARGUMENTS_4)
#define CALL_5(name) w2c_dhmem_##name(&core, ARGUMENTS_5)
#define CALL_6(name) w2c_dhmem_##name(&core, ARGUMENTS_6)

#define SHOW_void(call) (call, strcpy(result, "-"))
#define SHOW_u32(call) sprintf(result, "%u", call)
#define SHOW_f64(call) sprintf(result, "%.0f", call)

/* Writes the result of a call as a trace has it. */
static void call(const char *name, const uint32_t *a, char *result) {
#define EXPORT(type, export, count) \
	if (strcmp(name, #export) == 0) { \
		SHOW_##type(CALL_##count(export)); \
		return; \
	}
#include "exports.h"
	strcpy(result, "no export");
}

/* A function of its own, because longjmp() may spoil the variables of the one that called setjmp(). */
static void call_or_trap(const char *name, const uint32_t *arguments, char *result) {
	if (setjmp(back) == 0) {
		call(name, arguments, result);
	} else {
		strcpy(result, "trap");
	}
}

static uint32_t hash(void) {
	const uint32_t *words = (const uint32_t *)bytes;
	uint32_t hash = 0x811c9dc5;
	for (uint64_t i = 0; i < memory.size / 4; i++) {
		hash = (hash ^ words[i]) * 0x01000193;
	}
	return hash;
}

static void make_memory(uint64_t pages) {
	free(bytes);
	bytes = calloc(pages, 65536);
	if (bytes == NULL) {
		abort();
	}
	memory = (wasm_rt_shared_memory_t){ .data = (_Atomic volatile uint8_t *)bytes, .pages = pages };
	memory.page_size = 65536;
	memory.max_pages = pages;
	memory.size = pages * 65536;
	memory.data_end = memory.data + memory.size;
	wasm2c_dhmem_instantiate(&core, NULL);
}

static void write_hex(uint64_t at, const char *hex) {
	for (unsigned byte; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
		bytes[at++] = (uint8_t)byte;
	}
}

int main(void) {
	static char line[1 << 20];
	unsigned long seed = 0, traces = 0, calls = 0, traps = 0;
	while (fgets(line, sizeof line, stdin) != NULL) {
		char name[64];
		unsigned long number;
		int used;
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "trace %lu", &seed) == 1) {
			continue;
		}
		if (sscanf(line, "memory %lu", &number) == 1) {
			make_memory(number);
		} else if (sscanf(line, "write %lu %n", &number, &used) == 1) {
			write_hex(number, line + used);
		} else if (sscanf(line, "call %63s", name) == 1) {
			uint32_t arguments[8] = { 0 };
			char result[32];
			char *at = line + strlen("call ") + strlen(name);
			for (int i = 0; i < 8 && strncmp(at, " =", 2) != 0; i++) {
				arguments[i] = (uint32_t)strtoul(at, &at, 10);
			}
			call_or_trap(name, arguments, result);
			if (strcmp(result, at + strlen(" = ")) != 0) {
				printf("trace %lu, call %lu: %s, got %s\n", seed, calls, line, result);
				return 1;
			}
			calls++;
			traps += strcmp(result, "trap") == 0;
		} else if (sscanf(line, "hash %lu", &number) == 1) {
			if (hash() != number) {
				printf("trace %lu: the memory differs at its end\n", seed);
				return 1;
			}
			traces++;
		} else {
			printf("A line that is not understood: %s\n", line);
			return 1;
		}
	}
	printf("%lu traces, %lu calls, %lu traps: the same results and memory\n", traces, calls, traps);
	return traces > 0 ? 0 : 1;
}
