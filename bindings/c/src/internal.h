/*
 * What the files of this folder share. A file calls only into files above it in this list:
 *
 *	error.c		codes and texts
 *	trap.c		what a trap of the core does
 *	extents.c	how large regions are
 *	children.c	what forked children have in place of mappings
 *	windows.c	the mapped parts of the bulk space
 *	state.c		whether an opening can still be used
 *	bulk.c		the part of a large region behind the core's memory
 *	names.c		the path, the header, the owner and the join lock of a region
 *	naming.c	changing what a name means
 *	tidying.c	what dead processes left in a folder
 *	waking.c	waking those who sleep
 *	room.c		whether there is room for many pages
 *	committing.c	the pages that the core asks for
 *	participants.c	joining, who is alive, recovery
 *	allocation.c	blocks
 *	leaving.c	leaving regions
 *	opening.c	opening and creating regions
 *	types.c		types as text
 *	describing.c	objects in words
 *	constructing.c	making named objects
 *	objects.c	named objects
 *	event-loop.c	the descriptor for event loops
 *	waiting.c	waiting for others
 *	handles.c	tokens
 *	locking.c	the lock of mutexes
 *	reading.c	reading vectors and maps without their mutex
 *	endpoint.c	what producers and consumers have in common
 *	dropping.c	how many messages to drop for another
 *	mailbox.c	queues that drop their oldest messages
 *	sending.c	sending a message in each of its ways
 *	producer.c, consumer.c, records.c, activity.c, memory.c, vector.c, map.c, entries.c, mutex.c, condition.c, region.c	the interface
 *
 * docs/core-abi.md says what a host of the core must do, by numbered duties.
 */
#ifndef DHMEM_INTERNAL_H
#define DHMEM_INTERNAL_H

#include "dhmem.h"
#include "core.h"
#include "layout.h"
#include "host.h"

#include <setjmp.h>

#define SPAN CORE_SPAN_BYTES
/* Of the heap: two spans less than 4 GiB, as in the library for TypeScript. */
#define MOST_SPANS 65534u
#define JOIN_LOCK 1024u
#define READER_LOCK 4096u
/* Limit for the calls of the core in one operation. Recovering the largest region takes 257. */
#define MOST_TURNS 1000
/* Not a result for users: an attempt must be repeated later. */
#define PENDING 3

/* How large a region is: the spans of the heap, which is the core's memory, and of the bulk space, 0 for none. */
struct extent {
	uint32_t spans;
	uint32_t bulk;
};

/* A mapping for which forked children get zero pages. */
struct shown {
	void *start;
	size_t length;
	bool is_listed;
	/* In a child: there are no such pages, and perhaps others. */
	bool is_lost;
	/* The list in children.c. */
	struct shown *previous;
	struct shown *next;
};

/* A part of the bulk space. */
struct window {
	struct mapping mapping;
	struct shown shown;
	/* NULL while it is not mapped. */
	uint8_t *base;
	size_t length;
};

struct dhmem_region {
	struct file file;
	struct mapping mapping;
	struct shown shown;
	w2c_dhmem core;
	wasm_rt_shared_memory_t memory;
	char *path;
	/* The random number that identifies it, also when it is closed. */
	uint32_t identity[2];
	/* The region and one span more, which is this process's own: the core reads names there. */
	uint8_t *base;
	/* The bytes of the heap. */
	size_t size;
	struct extent extent;
	/* The mapped parts of the bulk space; NULL before the first. */
	struct window *windows;
	/* The option, or NULL. */
	char *trust;
	/* The pipes of peers that are open, by the index that the host knows them by, and which is replaced next. */
	struct {
		bool is_open;
		uint64_t number;
	} bells[PEER_PIPES];
	uint32_t next_bell;
	/* The descriptor for event loops; NULL until one is asked for. */
	struct event_loop *loop;
	/* This participant's number; 0 before it has joined. */
	uint32_t me;
	uint32_t slot;
	bool mapped;
	bool closed;
	/* Why it can't be used any more; DHMEM_OK while it can. */
	int failed;
	char failure[512];
	/* What to do around each sleep, or NULL. */
	void *(*before_sleep)(void);
	bool (*after_sleep)(void *state);
	/* It has no slot and no pins, and changes nothing. */
	bool read_only;
	/* What is open of its named objects. */
	struct object *objects;
	/* The memory of dropping.c, or NULL. */
	struct dropping *dropping;
	/* Threads that sleep. */
	unsigned sleepers;
	/* The opening itself, and each endpoint and mutex of it. */
	unsigned users;
};

/* error.c: all return their code. */

/* Notes a text for dhmem_error(). */
void note_failure(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A macro, so that compilers and analysers see which code it is. */
#define fail(code, ...) (note_failure(__VA_ARGS__), (code))
int no_memory(void);
int system_fail(const struct failure *failure, const char *path, const char *doing);

/* trap.c */

struct trap {
	jmp_buf back;
	struct trap *outer;
	/* This thread's innermost one. Finding it costs a call in a shared library, so that is done once. */
	struct trap **innermost;
};

struct trap *trap_enter(struct trap *trap);

static inline void trap_leave(const struct trap *trap) {
	*trap->innermost = trap->outer;
}

/*
 * The body of a function of the interface: runs `call`. If the core traps in it, the participant is dead, as a
 * half-finished change must not be continued.
 */
#define GUARDED(region, call) \
	struct trap trap_; \
	if (_setjmp(trap_enter(&trap_)->back) != 0) { \
		trap_leave(&trap_); \
		return region_trapped(region); \
	} \
	const int result_ = (call); \
	trap_leave(&trap_); \
	return result_

/* Calls an operation of the core. */
#define CALL(region, operation, ...) w2c_dhmem_##operation(&(region)->core, __VA_ARGS__)

/* extents.c */

/* The size that a header says. */
struct extent extent_in(const uint32_t *header);
/* Where the bulk space begins in the file. */
uint64_t bulk_start(uint32_t spans);
/* The length of the file. */
uint64_t extent_bytes(struct extent extent);
/* The size that the options ask for. */
int extent_of(const struct dhmem_options *options, struct extent *extent);
/* Refuses a region that is smaller than asked for. */
int check_size(const struct dhmem_options *options, const uint32_t *header, const char *path);

/* children.c */

/* From now on, a forked child has private zero pages there, and not none. The mapping at `start` was made before. */
bool children_show_zeros(struct shown *shown, void *start, size_t length, struct failure *failure);
/* After the mapping was closed, and before its addresses are given back. It may not be listed. */
void children_forget(struct shown *shown);

/* windows.c */

/* The window of this index, which may not be mapped; NULL if there is no memory. */
struct window *window_at(dhmem_region *region, size_t index);
bool windows_contain(const dhmem_region *region, const void *data);
/* Unmaps the file there. Pointers still read zeros. */
void windows_shut(dhmem_region *region);
void windows_drop(dhmem_region *region);

/* state.c */

/* DHMEM_OK, or why the region can't be used. */
int region_check(dhmem_region *region);
int region_check_writable(dhmem_region *region);
/* Converts a status that the caller does not expect. `what` begins the message. */
int region_unexpected(dhmem_region *region, uint32_t status, const char *what);
int region_trapped(dhmem_region *region);
/* Unmaps the file and drops the locks. Pointers into the region still read zeros. */
void region_shut(dhmem_region *region);
dhmem_region *region_keep(dhmem_region *region);
void region_drop(dhmem_region *region);

/* A word of the region, read once. `offset` is inside the region. */
static inline uint32_t word_at(const dhmem_region *region, uint32_t offset) {
	return *(const volatile uint32_t *)(region->base + offset);
}

static inline uint32_t slot_start(uint32_t slot) {
	return CORE_SLOTS_START + slot * CORE_SLOT_BYTES;
}

/* A word of this participant's slot, where the core leaves results. */
static inline uint32_t result_of(const dhmem_region *region, uint32_t field) {
	return word_at(region, slot_start(region->slot) + field);
}

static inline bool is_inside(const dhmem_region *region, uint32_t offset, uint64_t length) {
	return offset + length <= region->size;
}

/* The address of an atomic word: of a slot's ID, or of a doorbell. */
static inline _Atomic uint32_t *atomic_at(const dhmem_region *region, uint32_t offset) {
	return (_Atomic uint32_t *)(region->base + offset);
}

static inline uint32_t slot_id(const dhmem_region *region, uint32_t slot) {
	return atomic_load(atomic_at(region, slot_start(slot) + CORE_SLOT_ID));
}

/* bulk.c */

/* The bytes of the largest block that the bulk space could ever contain. */
uint64_t bulk_largest(const dhmem_region *region);
/* The address of `length` bytes that a block has in the file. */
int bulk_at(dhmem_region *region, uint64_t offset, uint64_t length, uint8_t **at);
/* names.c */

/* The path for a name and a folder; free it. NULL and `*code` if the name is not allowed. */
char *region_path(const char *name, const struct dhmem_options *options, int *code);
int check_options(const struct dhmem_options *options);
int check_header(const struct file *file, const char *path, uint32_t header[CORE_HEADER_BYTES / 4]);
/* Tells whether a file with this status is accepted in the folder of `path`. `trust` is the option, or NULL. */
bool is_trusted(const struct stat *status, const char *path, const char *trust);
int check_trusted(const struct file *file, const char *path, const struct dhmem_options *options);
int wait_for_lock(const struct file *file, uint32_t index, const char *path);
/*
 * Removes the name of an abandoned region. The caller holds the join lock, and has checked that the file has the
 * name.
 */
int remove_if_empty(const struct file *file, const char *path, bool *removed);
/* Tells whether other openings than this one hold a participant's slot. */
bool has_participants(const struct file *file);

/* naming.c */

/* A change of what a name means. */
struct naming {
	const char *path;
	/* For errors, "Removing" for instance. */
	const char *doing;
	/* The option: who is not a stranger. NULL for the default. */
	const char *trust;
	/* The opening whose file alone may be changed; NULL for any file. */
	const dhmem_region *own;
	/* Makes the change. */
	int (*change)(const struct naming *naming);
	void *context;
};

/*
 * Calls `change` while no other process can replace or remove the file that has the name: DHMEM_NOT_FOUND if there is
 * none. Nothing keeps others from it if the file can't be opened or locked, or if it is a stranger's and locked.
 */
int while_named(const struct naming *naming);

/* tidying.c */

/* Removes some of what dead processes left in the folder of the path that is being opened. */
void tidy(const char *opening, const char *trust);
/*
 * Removes the region at `path` if it is abandoned, and this user may. If `patient`, this waits for others that are opening
 * or leaving it: DHMEM_TIMEOUT.
 */
int remove_abandoned(const char *path, const char *trust, bool patient);

/* waking.c: never fails, because a sleeper that misses the wake-up checks again when its time slice ends. */

void wake_at(dhmem_region *region, uint32_t doorbell);
/*
 * Clears what a slot says about how its last participant slept, and removes the pipe, unless a process reads it: an own one
 * is removed with the file. The caller holds the slot's lock.
 */
void forget_sleep(dhmem_region *region, uint32_t slot);
/* The path of a pipe, which is beside the region; free it. NULL if there is no memory. */
char *pipe_path(const dhmem_region *region, uint64_t number);

/* room.c */

/* The tightest limit of memory that this process has, and how much more it may use. Bytes. */
struct memory_limit {
	uint64_t limit;
	uint64_t left;
};

/* False if there is none. `root` is the folder that contains proc and sys, without a slash at its end. */
bool find_memory_limit(const char *root, struct memory_limit *tightest);
/* DHMEM_NO_SPACE if the file system of `path`, or the memory that this process may use, has no room for so much more. */
int check_room(const char *path, uint64_t bytes);
/* How many bytes of pages the file system of `path` has for this process. */
uint64_t free_room(const char *path);

/* committing.c */

/* Whether the core's description of a span of the heap says this. */
bool span_has_state(const dhmem_region *region, uint32_t span, uint32_t state);
int commit_range(dhmem_region *region, uint32_t offset, uint32_t length);
/*
 * Commits what the core asks for in this participant's slot, and tells it so, or cancels. `roomy` is 0 in the first call for an
 * allocation, and then set to the kind of request for the whole of which there is room.
 */
int commit_request(dhmem_region *region, uint32_t *roomy);
/* Gives the pages of free memory back; `given` is how many bytes. */
int trim_region(dhmem_region *region, uint64_t *given);

/* participants.c */

bool is_alive(const dhmem_region *region, uint32_t participant);
/* Takes a slot. The caller holds the join lock, or nobody else knows the region. */
int participant_join(dhmem_region *region, const char *label);
void participant_leave(dhmem_region *region);
int recover_all(dhmem_region *region, unsigned *count);
/* Wakes the sleepers at `result` if that is a doorbell. A status other than OK is unexpected. */
int wake(dhmem_region *region, uint32_t result, const char *what);

/* allocation.c: a block's offset, or 0 and `*code`. */

/* PART_LARGE is a block whose bytes the core never touches, so they may be in the bulk space. */
enum part { PART_BLOCK, PART_LARGE, PART_OBJECT, PART_HANDLE, PART_SHARE };
uint32_t allocate_part(dhmem_region *region, enum part part, size_t bytes, int *code);
/* The bytes of the largest block that the region could ever contain. */
uint64_t largest_block(const dhmem_region *region);
/* Describes the block at an offset, whose bytes may be elsewhere. */
int block_at(dhmem_region *region, uint32_t at, uint32_t length, struct dhmem_block *block);
/* Allocates a block for bytes, and describes it. */
int allocate_block(dhmem_region *region, enum part part, size_t length, struct dhmem_block *block);
/* The offset of a block that is this participant's. */
int block_owned(dhmem_region *region, const struct dhmem_block *block, uint32_t *at);

/* leaving.c */

/*
 * Leaves the region, and removes the file if this was the last participant of a region that goes with it. Returns true if this
 * was perhaps the last reader: remove_abandoned() then, after the file is closed.
 */
bool region_leave(dhmem_region *region);

/* opening.c */

int find_or_create(const char *path, const struct dhmem_options *options, dhmem_region **region);

/* types.c */

/* The longest text of a type. */
#define LONGEST_TYPE 65536u

/* The numbers of types. Those of dtypes are 1 to 10. */
enum { TYPE_STRING = 16, TYPE_BYTES = 17, TYPE_STRUCT = 18 };

struct type {
	/* Of a dtype, or TYPE_STRUCT. */
	uint32_t number;
	uint32_t bytes;
	uint32_t alignment;
	/* A struct's type, as the region has it. */
	char *text;
	uint32_t length;
};

/* Parses a type, which type_free() frees. False if it is none. */
bool type_parse(const char *text, struct type *type);
void type_free(struct type *type);
/* 0 if there is no such dtype. */
uint32_t dtype_bytes(uint32_t number);
const char *dtype_name(uint32_t number);

/* objects.c, constructing.c, describing.c */

struct wanted {
	uint32_t kind;
	/* A kind that is accepted too, of any type; 0 for none. */
	uint32_t other_kind;
	uint32_t element;
	/* The capacity as it was asked for. It counts for an existing object only if it is explicit. */
	uint32_t requested;
	bool is_explicit;
	uint32_t capacity;
	/* Bytes of memory besides its own record, and whether they are zeros at first. */
	uint32_t bytes;
	bool zeroed;
	/* What they contain at first, or NULL. */
	const void *initial;
	const char *type;
	uint32_t type_bytes;
	/* It may have any type, and is not created. */
	bool any_type;
	bool must_exist;
};

/* A named object that this participant has open. It stays pinned until it is removed, or the region is closed. */
struct object {
	dhmem_region *region;
	char *name;
	uint32_t at;
	/* The random number in it. */
	uint32_t nonce[2];
	/* By this participant. */
	bool removed;
	/* The list of the region. */
	struct object *next;
};

/*
 * Makes the object as this participant's property, then puts it into the directory in one step. Sets `at` to 0 if
 * another participant was faster.
 */
int object_construct(dhmem_region *region, const char *name, const struct wanted *wanted, uint32_t *at);
/* Finds the object with this name, or makes it. */
int object_open(struct object *object, dhmem_region *region, const char *name, const struct wanted *wanted);
/* Takes over an object whose `at` was found and pinned in another way. */
int object_adopt(struct object *object, dhmem_region *region);
void object_close(struct object *object);
/* DHMEM_OK, or why the object can't be used. */
int object_check(const struct object *object);
/* False if a reader's object may be another one by now. */
bool object_is_there(const struct object *object);
int check_name(const char *name);
bool is_utf8(const void *bytes, size_t length);
/* Says that the object does not match its type. */
int object_corrupt(const struct object *object);
/* Converts a status that the caller does not expect: perhaps the object was removed while this thread slept. */
int object_unexpected(const struct object *object, uint32_t status, const char *what);

static inline uint32_t object_word(const struct object *object, uint32_t field) {
	return word_at(object->region, object->at + field);
}

/* Characters of a description, at most. */
#define WORDS 400

/* The text of an object's type; its length is 0 if it has none, or if it can't be read. */
const char *object_type(const dhmem_region *region, uint32_t at, size_t *length);
void describe_object(const dhmem_region *region, uint32_t at, char into[WORDS]);
void describe_wanted(const struct wanted *wanted, char into[WORDS]);

/* event-loop.c, waiting.c */

struct wait {
	/* For messages, as in "a message from queue": what is waited for, and its name. */
	const char *what;
	const char *name;
	/* Returns DHMEM_OK, DHMEM_END, PENDING or a code. */
	int (*attempt)(void *context);
	/* Asks the peer to ring. */
	void (*announce)(void *context);
	/* The participant whose action ends the wait; 0 if there is none. */
	uint32_t (*peer)(void *context);
	void *context;
	/* Milliseconds between attempts without a ring. */
	double slice;
};

#define SLICE 50.0

/* Attempts once more, after which the descriptor becomes readable when the next attempt is worth it: or PENDING. */
int loop_look(dhmem_region *region, const struct wait *wait);
/* This thread is about to block. Called before the doorbell is read. */
void loop_blocks(dhmem_region *region);
void loop_close(dhmem_region *region);

int wait_for(dhmem_region *region, const struct wait *wait, double timeout);

/* Calls an operation of the core on an object. */
#define OBJECT_CALL(object, operation, ...) \
	w2c_dhmem_##operation(&(object)->region->core, (object)->region->me, (object)->at, ##__VA_ARGS__)

/* handles.c */

int handle_of_object(const struct object *object, char token[DHMEM_TOKEN_BYTES]);
/* Opens the object that a token refers to, if it is of one of these kinds. */
int handle_open_object(struct object *object, dhmem_region *region, const char *token, uint32_t kind,
	uint32_t other_kind);

/* locking.c */

struct lock {
	struct object object;
	/* It has asked for a ring that has not come. */
	bool asked;
	/* Rings that have come. */
	uint32_t rings;
	/* Threads that wait; of a region that several use, all but one of them sleep. */
	unsigned waiting;
	/* Its last holder died while holding it. */
	bool abandoned;
};

int lock_take(struct lock *lock, double timeout);
/* For a wait that has unlocked it: waits also while another thread of this participant has it. */
int lock_take_again(struct lock *lock, double timeout);
/* As abandoned, the next one who locks it is told so. */
int lock_release(struct lock *lock, bool as_abandoned);
bool lock_is_held_here(struct lock *lock);
/* Asks for a ring, but not again before the ring, so that it keeps its turn. Returns the number of rings so far. */
uint32_t lock_announce(struct lock *lock);
uint32_t lock_rings(struct lock *lock);
/*
 * Unless a thread still waits. A ring for a participant that no longer waits would be lost for the others, until they
 * look again.
 */
void lock_stop_asking(struct lock *lock);
void lock_close(struct lock *lock);

/* reading.c */

/*
 * Runs `look` until what it reads belongs to a vector or a map all the time, or PENDING after so many turns. `look`
 * changes nothing.
 */
int read_consistently(struct object *object, int turns, int (*look)(void *context), void *context);
/* Runs `body` while this participant has the lock, which it may have already. */
int while_locked(struct lock *lock, int (*body)(void *context), void *context);

/* endpoint.c */

struct endpoint {
	struct object object;
	uint32_t kind;
	bool is_producer;
	bool patient;
	/* The stream has ended here. */
	bool ended;
	/* How many participants have held the other endpoint before. */
	uint32_t peers_before;
	/* For messages: "a message from queue". */
	const char *awaited;
	/* For messages: "The producer of queue steps". */
	char what[CORE_NAME_BYTES + 32];
};

int endpoint_open(struct endpoint *endpoint, dhmem_region *region, const char *queue,
	const struct wanted *wanted, bool is_producer, bool patient);
/* Opens the endpoint of a queue of messages. */
int endpoint_open_messages(struct endpoint *endpoint, dhmem_region *region, const char *queue,
	const struct dhmem_queue_options *options, bool is_producer);
/* Leaves the queue if the region can still be used, and frees what the endpoint has. */
void endpoint_close(struct endpoint *endpoint);
/* DHMEM_OK, or why nothing can be sent. */
int endpoint_check_sending(const struct endpoint *endpoint);
/* For a stream that ends, but the queue has no room even for that. */
int endpoint_full_of_ends(const struct endpoint *endpoint);
/* Waits until `attempt` succeeds. Its context is the endpoint's struct. */
int endpoint_wait(struct endpoint *endpoint, int (*attempt)(void *context), void *context, double timeout);
/* Calls an operation of the core on the endpoint's queue. */
#define END_CALL(endpoint, ...) OBJECT_CALL(&(endpoint)->object, __VA_ARGS__)

/* dropping.c */

/*
 * How many of the oldest messages of a mailbox to drop so that a block of `bytes` fits; 0 if it would not fit even with only
 * the newest message left. `needs_pages` if the file system has no pages left.
 */
uint32_t drops_for(struct endpoint *endpoint, size_t bytes, bool needs_pages);

/* mailbox.c: queues that drop their oldest messages. */

/* Allocates an envelope for a payload of `length` bytes, dropping older messages if it must. */
int mailbox_allocate(struct endpoint *endpoint, size_t length, uint32_t *envelope);
/* Sends the envelope, or frees it. `block` is 0 for none. */
int mailbox_put(struct endpoint *endpoint, uint32_t envelope, size_t length, uint32_t block,
	uint32_t block_length);
/* Frees a message's envelope, and its block unless that is 0. */
int mailbox_free(struct endpoint *endpoint, uint32_t envelope, uint32_t block);

/* sending.c */

struct dhmem_producer {
	struct endpoint end;
	/* Bytes of the ring. */
	uint32_t capacity;
	/* The open reservation: its place, its length, and its block or envelope if it is not in the ring. */
	void *reserved;
	size_t reserved_length;
	uint32_t reserved_block;
};

/* A message to send, or to reserve room for. */
struct sending {
	dhmem_producer *producer;
	const void *data;
	size_t length;
	/* The block that goes along, or NULL; and where it was at the last look, with its length. */
	const struct dhmem_block *lent;
	uint32_t block;
	uint32_t block_length;
	bool reserve;
};

/* DHMEM_OK, or why no region of this size could have the message. */
int sending_check(const struct sending *sending);
/* Sends messages until there is no room, and publishes them together. `sent` is valid whatever the result is. */
int sending_many(dhmem_producer *producer, const struct dhmem_bytes *messages, size_t count, size_t *sent);
/* For endpoint_wait(), with a `struct sending`. */
int sending_attempt(void *context);
int sending_published(dhmem_producer *producer, uint32_t result);
int sending_commit_block(dhmem_producer *producer, size_t bytes, uint32_t large, uint32_t block,
	uint32_t length);
/* Drops the reservation in the ring. */
void sending_abort(dhmem_producer *producer);

/* mutex.c, condition.c */

struct dhmem_mutex {
	struct lock lock;
};

/* map.c, entries.c */

struct dhmem_map {
	struct lock lock;
	/* The numbers of the types, and bytes of a value; 0 if values differ in length. */
	uint32_t key_type;
	uint32_t value_type;
	uint32_t value_bytes;
	/* The value's struct, or NULL. */
	char *value_text;
	/* Copies of entries, for the call that is under way. */
	uint8_t *copies;
	size_t room;
	size_t used;
};

#endif
