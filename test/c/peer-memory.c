/* Commands about structs, arrays, blocks and tokens. */
#include "peer.h"

static const char *type_of(const struct line *line) {
	return *line->rest != '\0' ? line->rest : NULL;
}

static void run_struct(const struct line *line) {
	const int code = dhmem_struct_open(region, line->name, type_of(line), NULL, &line->it->memory);
	answer(code, code == DHMEM_OK ? dhmem_memory_type(line->it->memory) : "");
}

static void run_array(const struct line *line) {
	const int code = dhmem_array_open(region, line->name, type_of(line), NULL, &line->it->memory);
	answer(code, code == DHMEM_OK ? dhmem_memory_type(line->it->memory) : "");
}

static double *element(const struct line *line) {
	const size_t index = (size_t)line->number;
	if ((index + 1) * sizeof(double) > dhmem_memory_length(line->it->memory)) {
		abort();
	}
	return (double *)dhmem_memory_data(line->it->memory) + index;
}

static void run_get(const struct line *line) {
	char text[40];
	const int code = dhmem_memory_check(line->it->memory);
	snprintf(text, sizeof text, "%.17g", *element(line));
	answer(code, text);
}

static void run_set(const struct line *line) {
	*element(line) = line->second;
	answer(0, "set");
}

static void run_token(const struct line *line) {
	char token[DHMEM_TOKEN_BYTES];
	answer(dhmem_memory_save(line->it->memory, token), token);
}

static void run_load(const struct line *line) {
	const int code = dhmem_memory_load(region, line->rest, &line->it->memory);
	answer(code, code == DHMEM_OK ? dhmem_memory_type(line->it->memory) : "");
}

static void run_close_memory(const struct line *line) {
	dhmem_memory_close(line->it->memory);
	answer(0, "closed");
}

static void run_allocate(const struct line *line) {
	const int code = dhmem_allocate(region, (size_t)line->number, &line->it->block);
	if (code == DHMEM_OK) {
		memset(line->it->block.data, (int)line->second, line->it->block.length);
	}
	answer(code, "allocated");
}

static void run_clone(const struct line *line) {
	answer(dhmem_clone(region, &line->it->block, &thing(line->rest)->block), "cloned");
}

static void run_free(const struct line *line) {
	answer(dhmem_free(region, &line->it->block), "freed");
}

static void run_bytes(const struct line *line) {
	char text[40];
	describe_bytes(line->it->block.data, line->it->block.length, text);
	answer(0, text);
}

static void run_save(const struct line *line) {
	char token[DHMEM_TOKEN_BYTES];
	answer(dhmem_save(region, &line->it->block, token), token);
}

static void run_load_block(const struct line *line) {
	const int code = dhmem_load(region, line->rest, &line->it->block);
	if (code == DHMEM_OK) {
		run_bytes(line);
	} else {
		answer(code, "");
	}
}

static void run_free_saved(const struct line *line) {
	answer(dhmem_free_saved(region, line->name), "freed");
}

static void run_kind(const struct line *line) {
	enum dhmem_kind kind;
	char text[20] = "";
	const int code = dhmem_token_kind(region, line->name, &kind);
	if (code == DHMEM_OK) {
		snprintf(text, sizeof text, "%d", (int)kind);
	}
	answer(code, text);
}

static void run_send_clone(const struct line *line) {
	struct dhmem_block copy;
	int code = dhmem_clone(region, &line->it->block, &copy);
	code =
		code == DHMEM_OK ? dhmem_send_block(thing(line->rest)->producer, "clone", 5, &copy, patience) : code;
	answer(code, "sent");
}

const struct command memory_commands[] = { { "struct", run_struct }, { "array", run_array },
	{ "get", run_get }, { "set", run_set }, { "token", run_token }, { "load", run_load },
	{ "close-memory", run_close_memory }, { "allocate", run_allocate }, { "clone", run_clone },
	{ "free", run_free }, { "bytes", run_bytes }, { "save", run_save }, { "load-block", run_load_block },
	{ "free-saved", run_free_saved }, { "kind", run_kind }, { "send-clone", run_send_clone },
	{ NULL, NULL } };
