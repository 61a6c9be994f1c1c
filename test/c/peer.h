/* What the files of the participant in C share (peer.c). */
#ifndef PEER_H
#define PEER_H

#include <dhmem.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was opened under a name. */
struct named {
	char name[64];
	dhmem_producer *producer;
	dhmem_consumer *consumer;
	dhmem_mutex *mutex;
	dhmem_record_producer *records_in;
	dhmem_record_consumer *records_out;
	dhmem_memory *memory;
	struct dhmem_block block;
	dhmem_vector *vector;
	dhmem_map *map;
	dhmem_condition *condition;
};

/* A command: its name, the thing it is about, and the rest of the line. */
struct line {
	char name[2048];
	struct named *it;
	const char *rest;
	/* The rest as a number; and, if it is a number, a second one and a text, these. */
	double number;
	double second;
	const char *text;
};

struct command {
	const char *name;
	void (*run)(const struct line *line);
};

extern const struct command queue_commands[];
extern const struct command record_commands[];
extern const struct command memory_commands[];
extern const struct command collection_commands[];
extern const struct command process_commands[];
extern const struct command fork_commands[];
extern const struct command thread_commands[];

extern dhmem_region *region;
/* Milliseconds for waits whose commands have none. */
extern double patience;

struct named *thing(const char *name);
/* "COUNT times BYTE", or "mixed". */
void describe_bytes(const unsigned char *bytes, size_t length, char into[40]);
/* Says `text`, or the end of the stream, or the error. */
void answer(int code, const char *text);
/* Opens the mutex "turn", the struct "state" and the condition, and locks the mutex. */
int open_state(const struct line *line);
/* The first number of the struct "state". */
double *state_number(void);
/* Waits until the descriptor for event loops is readable. */
int wait_at_descriptor(void);

#endif
