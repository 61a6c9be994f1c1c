/* The process in C whose copies run an operation and end, stop or fail in it: what its files share (victim.c). */
#ifndef VICTIM_H
#define VICTIM_H

#include <dhmem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The region of a try. */
#define NAME "region"
#define SIZE (8ull << 20)
#define QUEUE "queue"
#define MUTEX "mutex"
#define MOST_OPEN 8

/* What a copy uses for its part of an operation, and what it has open. */
struct stage {
	const char *directory;
	dhmem_region *regions[MOST_OPEN];
	int opened;
	dhmem_producer *producer;
	dhmem_consumer *consumer;
	dhmem_mutex *mutex;
	dhmem_condition *condition;
	dhmem_memory *memory;
	dhmem_vector *vector;
	dhmem_map *map;
	struct dhmem_block blocks[3];
	/* Something wrong that is no error of the library. */
	char complaint[256];
};

struct operation {
	const char *name;
	/* Prepares; NULL if there is nothing to do. */
	void (*prepare)(struct stage *stage);
	/* The operation. Its result is as those of the library. */
	int (*run)(struct stage *stage);
	/* How it opens its region. */
	struct dhmem_options options;
	/* How many blocks of how many bytes. */
	int times;
	size_t bytes;
	/* True if the folder's file system must not have O_TMPFILE. */
	bool lacks_tmpfile;
};

/* The one that is played. */
extern const struct operation *operation;

/* They end with an operation without a name. */
extern const struct operation file_operations[];
extern const struct operation memory_operations[];
extern const struct operation wake_operations[];

/* Opens the region of the try. It is closed at the end. */
int open_region(struct stage *stage, const struct dhmem_options *options);
/* Opens a region of this name in the folder of the try. */
int open_named(struct stage *stage, const char *name, const struct dhmem_options *options);
/* Opens the region as the operation says. */
int open_as_said(struct stage *stage);
/* As open_as_said(), to prepare. */
void enter(struct stage *stage);
/* The region that was opened first. */
dhmem_region *first(const struct stage *stage);
void close_first(struct stage *stage);
/* For what must not fail, because nothing disturbs it. */
void need(int code);
/* Runs `body` in a copy of this process, which then dies. */
void perish(struct stage *stage, void (*body)(struct stage *stage));
int die(struct stage *stage);
/* What a participant that dies holds. */
void hold(struct stage *stage);
/* The mappings of the files in the folder of the try; -1 if that can't be read. */
int mappings_in(const char *directory);

#endif
