/*
 * The process in C whose copies run an operation and end, stop or fail in it. It speaks like victim.ts: each line of standard
 * input is a try, and the lines of standard output say how it went. With an argument `--list` it prints the names of its
 * operations instead; otherwise the argument is a folder.
 */
#include "victim.h"
#include "../counting.h"

#include <ctype.h>
#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

/* What a copy ends with if it can't even prepare. */
#define NOT_PREPARED 98

const struct operation *operation;

/* The values of a try. */
struct try {
	char operation[256];
	char directory[1024];
	char mode[32];
	unsigned step;
	int failure;
};

static bool hear(char *line, size_t size) {
	size_t length = 0;
	for (;;) {
		char byte;
		/* Byte by byte, because a copy and the process that is copied read from the same pipe. */
		if (read(0, &byte, 1) != 1 || length + 1 == size) {
			return false;
		}
		if (byte == '\n') {
			line[length] = '\0';
			return true;
		}
		line[length++] = byte;
	}
}

/* Copies the value behind `key`: a text without escapes, or a number. */
static void value_of(const char *line, const char *key, char *into, size_t size) {
	const char *at = strstr(line, key);
	if (at == NULL) {
		fprintf(stderr, "%s is missing in %s\n", key, line);
		_exit(NOT_PREPARED);
	}
	at += strlen(key);
	snprintf(into, size, "%.*s", (int)strcspn(at, "\",}"), at);
}

static void parse(const char *line, struct try *try) {
	char number[16];
	value_of(line, "\"operation\":\"", try->operation, sizeof try->operation);
	/* A name may contain a comma. */
	const char *name = strstr(line, "\"operation\":\"") + strlen("\"operation\":\"");
	snprintf(try->operation, sizeof try->operation, "%.*s", (int)strcspn(name, "\""), name);
	value_of(line, "\"directory\":\"", try->directory, sizeof try->directory);
	value_of(line, "\"mode\":\"", try->mode, sizeof try->mode);
	value_of(line, "\"step\":", number, sizeof number);
	try->step = (unsigned)atoi(number);
	value_of(line, "\"errno\":", number, sizeof number);
	try->failure = atoi(number);
}

static const struct operation *const all[] = { file_operations, memory_operations, wake_operations };
#define GROUPS (sizeof all / sizeof *all)

static void list_operations(void) {
	for (size_t group = 0; group < GROUPS; group++) {
		for (const struct operation *each = all[group]; each->name != NULL; each++) {
			puts(each->name);
		}
	}
}

static const struct operation *find_operation(const char *name) {
	for (size_t group = 0; group < GROUPS; group++) {
		for (const struct operation *each = all[group]; each->name != NULL; each++) {
			if (strcmp(each->name, name) == 0) {
				return each;
			}
		}
	}
	fprintf(stderr, "There is no operation %s\n", name);
	_exit(NOT_PREPARED);
}

static int descriptors(void) {
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;
	while (folder != NULL && readdir(folder) != NULL) {
		count++;
	}
	closedir(folder);
	return count;
}

/* The bytes of the heap in use, and those of all other mappings. */
static long memory_in_use(void) {
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	unsigned long start, end;
	long bytes = 0;
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && strstr(line, "[heap]") == NULL) {
			bytes += (long)(end - start);
		}
	}
	fclose(maps);
	return bytes + (long)mallinfo2().uordblks;
}

/* True if something follows a colon, a semicolon or the end of a sentence, as in all texts of errors. */
static bool says_what_to_do(const char *text) {
	while (*text != '\0' && !isalnum((unsigned char)*text)) {
		text++;
	}
	for (; *text != '\0'; text++) {
		if (strchr(";:", *text) != NULL || strncmp(text, ". ", 2) == 0) {
			const size_t behind = strlen(text) > 1 ? 1 : 0;
			return text[behind + strcspn(text + behind, "abcdefghijklmnopqrstuvwxyz")] != '\0';
		}
	}
	return false;
}

static void describe(int code, const struct stage *stage, char *into, size_t size) {
	const char *text = dhmem_error();
	if (stage->complaint[0] != '\0') {
		snprintf(into, size, "%s", stage->complaint);
	} else if (code >= 0) {
		snprintf(into, size, "done");
	} else if (says_what_to_do(text)) {
		snprintf(into, size, "%s", dhmem_code_name(code));
	} else {
		snprintf(into, size, "does not say what to do: %s", text);
	}
	for (char *at = into; *at != '\0'; at++) {
		*at = *at == '"' || *at == '\\' || *at == '\n' ? ' ' : *at;
	}
}

/* The regions first, and then what was opened in them: the order that asks more of the library. */
static void close_all(struct stage *stage) {
	for (int i = 0; i < stage->opened; i++) {
		dhmem_close(stage->regions[i]);
	}
	dhmem_producer_close(stage->producer);
	dhmem_consumer_close(stage->consumer);
	dhmem_mutex_close(stage->mutex);
	dhmem_condition_close(stage->condition);
	dhmem_memory_close(stage->memory);
	dhmem_vector_close(stage->vector);
	dhmem_map_close(stage->map);
}

static void play(const struct try *try) {
	struct stage stage = { .directory = try->directory };
	char result[512], answer[64];
	operation = find_operation(try->operation);
	const int descriptors_before = descriptors();
	const long memory_before = memory_in_use();
	if (operation->prepare != NULL) {
		operation->prepare(&stage);
	}
	dprintf(1, "\"set\"\n");
	hear(answer, sizeof answer);
	const struct arming arming = { .mode = try->mode,
		.step = try->step,
		.failure = try->failure,
		.has_tmpfile = !operation->lacks_tmpfile };
	steps_arm(&arming);
	const int code = operation->run(&stage);
	const unsigned count = steps_disarm();
	describe(code, &stage, result, sizeof result);
	close_all(&stage);
	const long kept = memory_in_use() - memory_before;
	const int mappings = mappings_in(try->directory), left = descriptors() - descriptors_before;
	char *text;
	size_t length;
	FILE *line = open_memstream(&text, &length);
	fprintf(line, "{\"outcome\":{\"result\":\"%s\",\"closing\":\"done\",\"descriptors\":%d,\"mappings\":%d,",
		result, left, mappings);
	fprintf(line, "\"kept\":%ld,\"steps\":[", kept);
	for (unsigned i = 0; i < count; i++) {
		fprintf(line, "%s\"%s\"", i == 0 ? "" : ",", steps_name(i));
	}
	fputs("]}}\n", line);
	fclose(line);
	for (size_t done = 0; done < length;) {
		const ssize_t written = write(1, text + done, length - done);
		if (written <= 0) {
			_exit(NOT_PREPARED);
		}
		done += (size_t)written;
	}
}

int main(int count, char **arguments) {
	char line[4096];
	if (count == 2 && strcmp(arguments[1], "--list") == 0) {
		list_operations();
		return 0;
	}
	/* What is made once is there before the first copy. */
	struct stage warm = { .directory = arguments[1] };
	const struct dhmem_options options = { .mode = DHMEM_CREATE,
		.lifetime = DHMEM_LAST_CLOSE,
		.size = 1 << 20 };
	need(open_named(&warm, "warm", &options));
	close_all(&warm);
	steps_find("/libdhmem.so");
	dprintf(1, "\"ready\"\n");
	while (hear(line, sizeof line)) {
		const pid_t pid = fork();
		if (pid == 0) {
			struct try try;
			parse(line, &try);
			play(&try);
			_exit(0);
		}
		dprintf(1, "{\"pid\":%d}\n", (int)pid);
		for (;;) {
			const int status = steps_wait(pid);
			dprintf(1, "{\"status\":%d}\n", status);
			if ((status & 0xff) != 0x7f) {
				break;
			}
			/* Another process does something meanwhile. */
			hear(line, sizeof line);
			kill(pid, SIGCONT);
		}
	}
	return 0;
}
