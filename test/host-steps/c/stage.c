/* What the operations in C have in common. */
#include "victim.h"
#include "../counting.h"

#include <unistd.h>

int open_named(struct stage *stage, const char *name, const struct dhmem_options *given) {
	struct dhmem_options options = *given;
	options.directory = stage->directory;
	if (options.size == 0) {
		options.size = SIZE;
	}
	const int code = dhmem_open(name, &options, &stage->regions[stage->opened]);
	stage->opened += code == DHMEM_OK;
	return code;
}

int open_region(struct stage *stage, const struct dhmem_options *options) {
	return open_named(stage, NAME, options);
}

int open_as_said(struct stage *stage) {
	return open_region(stage, &operation->options);
}

void enter(struct stage *stage) {
	need(open_as_said(stage));
}

dhmem_region *first(const struct stage *stage) {
	return stage->regions[0];
}

void close_first(struct stage *stage) {
	dhmem_close(stage->regions[0]);
	stage->regions[0] = NULL;
}

void need(int code) {
	if (code != DHMEM_OK) {
		fprintf(stderr, "preparing: %s: %s\n", dhmem_code_name(code), dhmem_error());
		_exit(98);
	}
}

void perish(struct stage *stage, void (*body)(struct stage *stage)) {
	const pid_t pid = fork();
	if (pid == 0) {
		/* What was opened before can't be used here. */
		struct stage own = { .directory = stage->directory };
		body(&own);
		steps_die();
	}
	steps_wait(pid);
}

int die(struct stage *stage) {
	(void)stage;
	steps_die();
}

void hold(struct stage *stage) {
	const struct dhmem_options options = { .mode = DHMEM_OPEN };
	need(open_region(stage, &options));
	need(dhmem_allocate(first(stage), 100000, &stage->blocks[0]));
	need(dhmem_producer_open(first(stage), QUEUE, NULL, &stage->producer));
	need(dhmem_mutex_open(first(stage), MUTEX, &stage->mutex));
	need(dhmem_lock(stage->mutex, -1, NULL));
}

int mappings_in(const char *directory) {
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	int count = 0;
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
		count += strstr(line, directory) != NULL;
	}
	if (maps == NULL) {
		return -1;
	}
	fclose(maps);
	return count;
}
