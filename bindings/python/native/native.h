/*
 * What the files of this folder share: the extension module dhmem._native, which puts Python's objects around the library
 * for C. Its classes do what each message needs; the package's Python code derives from them and does the rest.
 *
 *	arguments.c	arguments of calls, errors
 *	waits.c		waits: without the interpreter's lock while the thread sleeps, and ended by signals
 *	views.c		the buffer protocol of blocks, messages and reservations
 *	region.c, block.c, producer.c, reservation.c, consumer.c, message.c, records.c, mutex.c, condition.c,
 *	memory.c, vector.c, map.c	a class each, or the two of records
 *	module.c	the module
 *
 * The interpreter's lock is what makes regions safe for several threads: every call of the library runs with it, except
 * for the sleep itself.
 */
#ifndef DHMEM_NATIVE_H
#define DHMEM_NATIVE_H

#define PY_SSIZE_T_CLEAN
/* The buffer protocol is part of the limited API from 3.11 on. */
#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <dhmem.h>
#include <stdbool.h>

/* A region; the other objects hold references to it, so that its addresses stay valid for their views. */
struct region {
	PyObject_HEAD dhmem_region *handle;
	/* Its views can't be written. */
	bool is_read_only;
	PyObject *name;
	/* Its open structs and arrays, and what else is open in it, borrowed. */
	struct memory *memories;
	struct waited *others;
};

/* The part of blocks, messages and reservations that views are made of. */
struct viewed {
	PyObject_HEAD struct region *region;
	/* The number of buffers that are exported. While there are some, the memory must not be given away. */
	Py_ssize_t exports;
};

struct message;

struct block {
	struct viewed viewed;
	struct dhmem_block block;
	/* The message that the block belongs to, or NULL: then it is this participant's. */
	struct message *message;
	/* It belongs to the region, under this token. */
	bool is_saved;
	char token[DHMEM_TOKEN_BYTES];
	/* Free it when its last view is gone. */
	bool free_later;
	/* Threads that send it now. */
	int lent;
};

/* What a thread may wait at. It must not be closed while one does. */
struct waited {
	PyObject_HEAD struct region *region;
	/* Calls that run. */
	int busy;
	/* To be closed by the last of them, or with its last view. */
	bool closing;
	/* This participant has removed it. */
	bool removed;
	/* Buffers that are exported of its messages, or of its reservation, and what these are, as in "messages of steps". */
	Py_ssize_t exports;
	const char *viewed;
	/* Milliseconds. */
	double timeout;
	PyObject *name;
	struct waited *previous;
	struct waited *next;
};

struct producer {
	struct waited waited;
	dhmem_producer *handle;
};

struct reservation {
	struct viewed viewed;
	struct producer *producer;
	void *data;
	size_t length;
};

struct iteration {
	/* The message that it has returned last, borrowed. It is released when the next is asked for. */
	struct message *current;
	/* The same, if there is no object for it any more; `data` is NULL if there is none. */
	struct dhmem_message loose;
};

struct consumer {
	struct waited waited;
	dhmem_consumer *handle;
	bool ended;
	/* By next(consumer). */
	struct iteration iteration;
	/* Messages to be released when their last view is gone, borrowed. */
	struct message *later;
};

/* A `for` loop over a consumer. Threads may have one each. */
struct loop {
	PyObject_HEAD struct consumer *consumer;
	struct iteration iteration;
};

struct record_producer {
	struct waited waited;
	dhmem_record_producer *handle;
	/* Bytes of a record. */
	size_t size;
};

struct record_consumer {
	struct waited waited;
	dhmem_record_consumer *handle;
	size_t size;
	bool ended;
};

struct message {
	struct viewed viewed;
	struct consumer *consumer;
	struct dhmem_message message;
	/* The one that has returned it last, or NULL. */
	struct iteration *iteration;
	bool release_later;
	struct message *previous;
	struct message *next;
};

struct mutex {
	struct waited waited;
	dhmem_mutex *handle;
};

struct memory {
	struct viewed viewed;
	dhmem_memory *handle;
	struct memory *next;
};

struct vector {
	struct waited waited;
	dhmem_vector *handle;
};

struct map {
	struct waited waited;
	dhmem_map *handle;
};

struct condition {
	struct waited waited;
	dhmem_condition *handle;
};

struct held {
	PyObject_HEAD struct mutex *mutex;
	bool abandoned;
	bool unlocked;
	/* A wait for a condition has it, and may have unlocked it for a while: then another Held may hold the mutex. */
	bool waiting;
};

/* arguments.c */

/* Raises DhmemError with the library's last text. Returns NULL. */
PyObject *raise_last(int code);
PyObject *raise_code(int code, const char *format, ...);
/* NULL if a code is negative, else None. */
PyObject *none_or_raise(int code);

#define MOST_PARAMETERS 8

struct signature {
	const char *function;
	/* Ended by NULL. */
	const char *names[MOST_PARAMETERS + 1];
	int required;
	/* How many may be given by position. */
	int positional;
};

/* Fills `values`, with NULL for what was not given. */
bool parse(const struct signature *signature, PyObject *const *args, Py_ssize_t count, PyObject *keywords,
	PyObject **values);
/* For constructors, all of whose arguments are given by keyword. */
bool parse_keywords(const struct signature *signature, PyObject *args, PyObject *keywords, PyObject **values);

/* Seconds to milliseconds; None and infinity to -1, which is for ever. NULL leaves `timeout` as it is. */
bool timeout_from(PyObject *seconds, double *timeout);
/* An int; 0 if it was not given. */
bool number_from(PyObject *value, int *number);
/* A str's UTF-8; NULL, and an exception, if it is none, or has a zero in it, where it would end for C. */
const char *utf8_of(PyObject *text);
/* The same; NULL for None, or if it was not given. */
bool text_from(PyObject *value, const char **text);
/* A path as bytes without a zero, as the package makes it; NULL for None, or if it was not given. */
bool path_from(PyObject *value, const char **path);
bool size_from(const char *what, PyObject *value, size_t *size);

/* The bytes of a str, or of an object with a buffer. */
struct data {
	const void *bytes;
	size_t length;
	Py_buffer buffer;
};

bool data_from(PyObject *object, struct data *data);
bool writable_from(PyObject *object, struct data *data);
void data_done(struct data *data);

/* waits.c */

void *wait_before(void);
bool wait_after(void *state);

/* Call both around a call that may wait, with the result of the first for the second. */
const bool *wait_begin(struct waited *waited);
void wait_end(struct waited *waited, const bool *outer);
/* Raises what a call with this negative code, or DHMEM_INTERRUPTED, means. Returns NULL. */
PyObject *wait_raise(struct waited *waited, int code);
/* What was removed can't be used any more. */
void waited_removed(struct region *region, const char *name);
/*
 * Raises DHMEM_CLOSED if it is closed or removed. Ask last, directly before `handle` is used: reading arguments, and making lists
 * or tuples, may run code of the user's, which may close it.
 */
bool is_open(struct waited *waited, const void *handle);
/* Raises TypeError if it is no open Region. */
bool is_region(PyObject *object);
/*
 * Whether it is closed now: otherwise when its last call has returned, and its last view is gone. The views of a region that
 * is closed read zeros, so they don't count.
 */
bool can_close(const struct waited *waited);
/* Raises BufferError if it has views. */
bool may_close(const struct waited *waited);
/* Raises why an end can't be opened: perhaps one that was left here has views. Returns NULL. */
PyObject *raise_opening(const struct waited *waited, PyTypeObject *type, int code);
/* What __init__() and deallocation have in common. */
bool waited_init(struct waited *self, PyObject *region, PyObject *name, PyObject *timeout);
bool endpoint_init(struct waited *self, const char *function, PyObject *args, PyObject *keywords,
	const char **name, struct dhmem_queue_options *options);
void waited_dealloc(PyObject *object);
PyObject *waited_region(PyObject *self, void *closure);
PyObject *waited_timeout(PyObject *self, void *closure);
PyObject *waited_name(PyObject *self, void *closure);
PyObject *return_self(PyObject *self, PyObject *unused);

/* views.c */

/* "1 view of the message still exists", and what to do. */
PyObject *views_text(Py_ssize_t exports, const char *what);
/* Raises BufferError if there are views. */
bool has_no_views(const struct viewed *viewed, const char *what);
bool are_no_views(Py_ssize_t exports, const char *what);
int view(struct viewed *viewed, void *data, size_t length, Py_buffer *buffer, int flags);
/* `array(dtype)`: a numpy array over the object's buffer. */
PyObject *viewed_array(PyObject *self, PyObject *dtype);
PyObject *viewed_text(PyObject *self, PyObject *unused);

/* memory.c */

/* Whether no views exist of what the region has open under this name; raises BufferError if some do. */
bool can_be_removed(const struct region *region, const char *name);

/* block.c */

PyObject *block_new(struct region *region, const struct dhmem_block *block, struct message *message);
/* The saved block under a token. */
PyObject *block_load(struct region *region, PyObject *token);
/* A block that can be sent: of this participant, without views. */
bool block_sendable(PyObject *object, struct block **block);

/* producer.c, consumer.c: close it if that is to be done, and can be. */

void producer_finish(struct producer *producer);
void consumer_finish(struct consumer *consumer);

/* reservation.c */

PyObject *reservation_new(struct producer *producer, void *data, size_t length);

/* message.c */

PyObject *message_new(struct consumer *consumer, const struct dhmem_message *message);
/* Releases it, or does so when its last view is gone. */
bool message_finish(struct message *message);
/* The number of views has changed. */
void message_viewed(struct message *message, int change);
/* Sets what the iteration has returned last; NULL for nothing. */
void message_returned(struct iteration *iteration, struct message *message);
/* Before the consumer closes. */
void messages_abandon(struct consumer *consumer);

/* The classes. */

extern PyTypeObject *region_type, *block_type, *producer_type, *reservation_type, *consumer_type, *loop_type,
	*message_type, *record_producer_type, *record_consumer_type, *mutex_type, *held_type, *memory_type,
	*vector_type, *map_type, *condition_type;
extern PyType_Spec region_spec, block_spec, producer_spec, reservation_spec, consumer_spec, loop_spec,
	message_spec, record_producer_spec, record_consumer_spec, mutex_spec, held_spec, memory_spec, vector_spec,
	map_spec, condition_spec;
extern PyObject *error_type;

/* References to objects of this folder's types. */
#define HOLD(pointer) ((void *)Py_XNewRef((PyObject *)(pointer)))
#define LET_GO(pointer) Py_XDECREF((PyObject *)(pointer))

#define METHOD(function) ((PyCFunction)(void (*)(void))(function))
#define FAST (METH_FASTCALL | METH_KEYWORDS)

#endif
