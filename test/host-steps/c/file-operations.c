/* Creating, opening, replacing and leaving regions. */
#include "victim.h"

#include <unistd.h>

#define LAST_CLOSE .lifetime = DHMEM_LAST_CLOSE

static void enter_and_allocate(struct stage *stage) {
	enter(stage);
	need(dhmem_allocate(first(stage), 100000, &stage->blocks[0]));
}

static void enter_where_one_died(struct stage *stage) {
	perish(stage, hold);
}

static int close_it(struct stage *stage) {
	close_first(stage);
	return DHMEM_OK;
}

/* As `Region.temporary` of TypeScript does: a name that nobody else has, and gone with its last participant. */
static int open_temporary(struct stage *stage) {
	char name[64];
	const struct dhmem_options options = { .mode = DHMEM_CREATE, LAST_CLOSE };
	snprintf(name, sizeof name, "temporary-%d", (int)getpid());
	return open_named(stage, name, &options);
}

static void enter_temporary(struct stage *stage) {
	need(open_temporary(stage));
}

/* Opening is also what tidies the folder, as listing does in TypeScript. */
static int open_and_close(struct stage *stage) {
	const int code = open_temporary(stage);
	if (code == DHMEM_OK) {
		close_first(stage);
	}
	return code;
}

static void read_without_writer(struct stage *stage) {
	const struct dhmem_options writer = { LAST_CLOSE }, reader = { .mode = DHMEM_OPEN_READ_ONLY };
	need(open_region(stage, &writer));
	need(open_region(stage, &reader));
	close_first(stage);
}

static int close_reader(struct stage *stage) {
	dhmem_close(stage->regions[1]);
	stage->regions[1] = NULL;
	return DHMEM_OK;
}

static int unlink_it(struct stage *stage) {
	const struct dhmem_options options = { .directory = stage->directory };
	return dhmem_unlink(NAME, &options);
}

static int unlink_open(struct stage *stage) {
	return dhmem_unlink_region(first(stage));
}

const struct operation file_operations[] = {
	{ "create", NULL, open_as_said, { .mode = DHMEM_CREATE }, 0, 0, false },
	{ "open or create, and there is none", NULL, open_as_said, { 0 }, 0, 0, false },
	{ "create a last-close region", NULL, open_as_said, { .mode = DHMEM_CREATE, LAST_CLOSE }, 0, 0, false },
	{ "create without O_TMPFILE", NULL, open_as_said, { .mode = DHMEM_CREATE }, 0, 0, true },
	{ "force-create, and there is none", NULL, open_as_said, { .mode = DHMEM_FORCE_CREATE }, 0, 0, false },
	{ "open", NULL, open_as_said, { .mode = DHMEM_OPEN }, 0, 0, false },
	{ "open or create, and there is one", NULL, open_as_said, { 0 }, 0, 0, false },
	{ "open read-only", NULL, open_as_said, { .mode = DHMEM_OPEN_READ_ONLY }, 0, 0, false },
	{ "open where somebody has died", enter_where_one_died, open_as_said, { .mode = DHMEM_OPEN }, 0, 0,
		false },
	{ "force-create", NULL, open_as_said, { .mode = DHMEM_FORCE_CREATE }, 0, 0, false },
	{ "force-create without O_TMPFILE", NULL, open_as_said, { .mode = DHMEM_FORCE_CREATE }, 0, 0, true },
	{ "close as the last one", enter, close_it, { LAST_CLOSE }, 0, 0, false },
	{ "open and close for a moment", NULL, open_and_close, { 0 }, 0, 0, false },
	{ "close, and another stays", enter_and_allocate, close_it, { .mode = DHMEM_OPEN }, 0, 0, false },
	{ "open or create, and all are dead", NULL, open_as_said, { LAST_CLOSE }, 0, 0, false },
	{ "create, and all are dead", NULL, open_as_said, { .mode = DHMEM_CREATE, LAST_CLOSE }, 0, 0, false },
	{ "open, and all are dead", NULL, open_as_said, { .mode = DHMEM_OPEN }, 0, 0, false },
	{ "list, and all are dead", NULL, open_and_close, { 0 }, 0, 0, false },
	{ "list, and there is litter", NULL, open_and_close, { 0 }, 0, 0, false },
	{ "unlink", NULL, unlink_it, { 0 }, 0, 0, false },
	{ "force-create, and all are dead", NULL, open_as_said, { .mode = DHMEM_FORCE_CREATE, LAST_CLOSE }, 0, 0,
		false },
	{ "open read-only, and all are dead", NULL, open_as_said, { .mode = DHMEM_OPEN_READ_ONLY }, 0, 0, false },
	{ "close a reader as the last one", read_without_writer, close_reader, { 0 }, 0, 0, false },
	{ "unlink a region that is open", enter, unlink_open, { .mode = DHMEM_OPEN }, 0, 0, false },
	{ "open where a temporary region was left", NULL, open_as_said, { .mode = DHMEM_OPEN }, 0, 0, false },
	{ "die as the last one", enter_and_allocate, die, { LAST_CLOSE }, 0, 0, false },
	{ "die in a temporary region", enter_temporary, die, { 0 }, 0, 0, false },
	{ .name = NULL },
};
