/* Opens and creates region files. Participants may do this in any order. */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

enum outcome { FOUND, ABSENT, CHANGED, FAILED };

static dhmem_region *region_new(const char *path, const char *trust) {
	dhmem_region *region = calloc(1, sizeof *region);
	if (region != NULL) {
		file_clear(&region->file);
		region->users = 1;
		region->path = strdup(path);
		region->trust = trust != NULL ? strdup(trust) : NULL;
		if (region->path == NULL || (trust != NULL && region->trust == NULL)) {
			free(region->path);
			free(region);
			region = NULL;
		}
	}
	if (region == NULL) {
		no_memory();
	}
	return region;
}

/* Maps the heap of the file, with a private span behind it, and sets up the core over both. */
static int map(dhmem_region *region, struct extent extent) {
	struct failure failure;
	region->extent = extent;
	region->size = (size_t)extent.spans * SPAN;
	const size_t length = region->size + SPAN;
	void *base =
		mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED) {
		return fail(DHMEM_UNSUPPORTED,
			"There is no address space left for %s: raise the limit (ulimit -v), or create it with a smaller "
			"size",
			region->path);
	}
	region->base = base;
	if (!mapping_open_part(&region->mapping, NULL, &region->file, base, 0, region->size, region->read_only,
			&failure)) {
		return system_fail(&failure, region->path, "Mapping");
	}
	region->mapped = true;
	if (!children_show_zeros(&region->shown, base, region->size, &failure)) {
		return system_fail(&failure, region->path, "Mapping");
	}
	region->memory = (wasm_rt_shared_memory_t){ .data = base,
		.data_end = (_Atomic volatile uint8_t *)base + length,
		.page_size = SPAN,
		.pages = length / SPAN,
		.max_pages = length / SPAN,
		.size = length };
	wasm2c_dhmem_instantiate(&region->core, (struct w2c_env *)region);
	return DHMEM_OK;
}

static const char *label_of(const struct dhmem_options *options, char *into, size_t size) {
	const char *label = options->label != NULL ? options->label : getenv("DHMEM_TASK");
	char host[65] = "";
	if (label != NULL) {
		return label;
	}
	gethostname(host, sizeof host - 1);
	snprintf(into, size, "%s:%d", host, (int)getpid());
	return into;
}

static int join(dhmem_region *region, const struct dhmem_options *options) {
	char label[CORE_LABEL_BYTES];
	return participant_join(region, label_of(options, label, sizeof label));
}

static int format(dhmem_region *region, const struct dhmem_options *options) {
	uint32_t identity[2];
	int result = commit_range(region, 0, CORE_HEADER_BYTES);
	if (result != DHMEM_OK) {
		return result;
	}
	if (getrandom(identity, sizeof identity, 0) != sizeof identity) {
		return fail(DHMEM_UNSUPPORTED, "Creating %s fails here: getrandom: %s", region->path,
			strerror(errno));
	}
	CALL(region, format, (uint32_t)(region->size / SPAN), identity[0], identity[1],
		options->lifetime == DHMEM_LAST_CLOSE ? CORE_LIFETIME_LAST_CLOSE : CORE_LIFETIME_PERSISTENT,
		region->extent.bulk);
	result = commit_range(region, 0, word_at(region, CORE_HEADER_TOUCHED));
	return result == DHMEM_OK ? join(region, options) : result;
}

static int format_guarded(dhmem_region *region, const struct dhmem_options *options) {
	GUARDED(region, format(region, options));
}

static int rename_over(const struct naming *naming) {
	dhmem_region *region = naming->context;
	struct failure failure;
	bool ignored;
	return file_publish(&region->file, naming->path, true, &ignored, &failure)
		? DHMEM_OK
		: system_fail(&failure, naming->path, naming->doing);
}

/* Replaces the file that has the name, whomever it belongs to, while nobody joins it. `done` is false if there is none. */
static int replace(dhmem_region *region, const char *path, const struct dhmem_options *options, bool *done) {
	const struct naming naming = { .path = path,
		.doing = "Replacing",
		.trust = options->trust,
		.change = rename_over,
		.context = region };
	const int code = while_named(&naming);
	*done = code == DHMEM_OK;
	return code == DHMEM_NOT_FOUND ? DHMEM_OK : code;
}

/* Gives the new region its name. ABSENT if the name is taken. */
static enum outcome publish(dhmem_region *region, const char *path, const struct dhmem_options *options,
	int *code) {
	struct failure failure;
	bool taken, done = false;
	if (options->mode == DHMEM_FORCE_CREATE) {
		*code = replace(region, path, options, &done);
	}
	if (*code != DHMEM_OK || done) {
		return done ? FOUND : FAILED;
	}
	if (!file_publish(&region->file, path, false, &taken, &failure)) {
		*code = system_fail(&failure, path, "Creating");
		return FAILED;
	}
	return taken ? ABSENT : FOUND;
}

/* Creates a region and joins it. ABSENT if the name is taken. */
static enum outcome create(const char *path, const struct dhmem_options *options, dhmem_region *region,
	int *code) {
	struct failure failure;
	struct extent extent;
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	if (folder == NULL) {
		*code = no_memory();
		return FAILED;
	}
	*code = extent_of(options, &extent);
	if (*code == DHMEM_OK) {
		const mode_t mode = options->permissions != 0 ? options->permissions : 0600;
		if (!file_create(&region->file, folder, (off_t)extent_bytes(extent), mode, &failure)) {
			*code = system_fail(&failure, path, "Creating");
		}
	}
	free(folder);
	*code = *code == DHMEM_OK ? map(region, extent) : *code;
	*code = *code == DHMEM_OK ? format_guarded(region, options) : *code;
	if (*code != DHMEM_OK) {
		return FAILED;
	}
	return publish(region, path, options, code);
}

static int join_and_map(dhmem_region *region, const struct dhmem_options *options, struct extent extent) {
	const int result = map(region, extent);
	return result == DHMEM_OK ? join(region, options) : result;
}

static bool is_last_close(const uint32_t *header) {
	return header[CORE_HEADER_LIFETIME / 4] == CORE_LIFETIME_LAST_CLOSE;
}

/* With the join lock held. */
static int join_named(dhmem_region *region, const struct dhmem_options *options, const uint32_t *header,
	enum outcome *outcome) {
	struct failure failure;
	bool named, removed = false;
	*outcome = CHANGED;
	if (!file_is_named(&region->file, region->path, &named, &failure)) {
		return system_fail(&failure, region->path, "Opening");
	}
	if (named && is_last_close(header)) {
		const int result = remove_if_empty(&region->file, region->path, &removed);
		/* The other modes need the name for a new region, so for them it is an error that it can't be removed. */
		if (result == DHMEM_PERMISSION && options->mode == DHMEM_OPEN) {
			*outcome = ABSENT;
			return DHMEM_OK;
		}
		if (result != DHMEM_OK) {
			return result;
		}
	}
	if (!named || removed) {
		return DHMEM_OK;
	}
	*outcome = FOUND;
	GUARDED(region, join_and_map(region, options, extent_in(header)));
}

static int recover_guarded(dhmem_region *region) {
	unsigned ignored;
	GUARDED(region, recover_all(region, &ignored));
}

/* Maps the region for reading, without the join lock. An abandoned region counts as absent. */
static enum outcome read_existing(dhmem_region *region, const char *path, const uint32_t *header, int *code) {
	struct failure failure;
	bool held = true, named;
	if (is_last_close(header) && !has_participants(&region->file) &&
		lock_is_held(&region->file, READER_LOCK, &held, &failure) && !held) {
		return ABSENT;
	}
	/* In this order, because a process that removes the name write-locks this byte. */
	*code = wait_for_lock(&region->file, READER_LOCK, path);
	if (*code == DHMEM_OK && !file_is_named(&region->file, path, &named, &failure)) {
		*code = system_fail(&failure, path, "Opening");
	}
	if (*code == DHMEM_OK && !named) {
		return CHANGED;
	}
	*code = *code == DHMEM_OK ? map(region, extent_in(header)) : *code;
	return *code == DHMEM_OK ? FOUND : FAILED;
}

/* Joins an existing region, or opens it for reading. */
static enum outcome open_existing(const char *path, const struct dhmem_options *options, dhmem_region *region,
	int *code) {
	uint32_t header[CORE_HEADER_BYTES / 4] = { 0 };
	struct failure failure;
	enum outcome outcome = FAILED;
	region->read_only = options->mode == DHMEM_OPEN_READ_ONLY;
	if (!file_open(&region->file, path, !region->read_only, &failure)) {
		/* Without /proc the path is opened twice, and the file was replaced in between. */
		if (failure.error == -ENOENT || failure.error == -ESTALE) {
			return failure.error == -ENOENT ? ABSENT : CHANGED;
		}
		*code = system_fail(&failure, path, "Opening");
		return FAILED;
	}
	*code = check_trusted(&region->file, path, options);
	*code = *code == DHMEM_OK ? check_header(&region->file, path, header) : *code;
	*code = *code == DHMEM_OK ? check_size(options, header, path) : *code;
	if (*code == DHMEM_OK && region->read_only) {
		return read_existing(region, path, header, code);
	}
	*code = *code == DHMEM_OK ? wait_for_lock(&region->file, JOIN_LOCK, path) : *code;
	if (*code != DHMEM_OK) {
		return FAILED;
	}
	*code = join_named(region, options, header, &outcome);
	if (region->failed == DHMEM_OK) {
		lock_drop(&region->file, JOIN_LOCK, &failure);
	}
	if (*code == DHMEM_OK && outcome == FOUND) {
		*code = recover_guarded(region);
	}
	return *code == DHMEM_OK ? outcome : FAILED;
}

int find_or_create(const char *path, const struct dhmem_options *options, dhmem_region **result) {
	const bool creates = options->mode == DHMEM_CREATE || options->mode == DHMEM_FORCE_CREATE;
	const bool must_exist = options->mode == DHMEM_OPEN || options->mode == DHMEM_OPEN_READ_ONLY;
	tidy(path, options->trust);
	/* Each further turn means that another process has changed the name meanwhile, which can't go on for long. */
	for (int turn = 0; turn < 1000; turn++) {
		int code = DHMEM_OK;
		enum outcome outcome = ABSENT;
		dhmem_region *region = region_new(path, options->trust);
		if (region == NULL) {
			return DHMEM_NO_SPACE;
		}
		if (!creates) {
			outcome = open_existing(path, options, region, &code);
		}
		if (outcome == ABSENT && must_exist) {
			code = fail(DHMEM_NOT_FOUND, "There is no region at %s; create it, or check DHMEM_DIR", path);
			outcome = FAILED;
		} else if (outcome == ABSENT) {
			code = options->mode == DHMEM_CREATE ? remove_abandoned(path, options->trust, true) : DHMEM_OK;
			outcome = code != DHMEM_OK ? FAILED : create(path, options, region, &code);
			if (outcome == ABSENT && options->mode == DHMEM_CREATE) {
				code =
					fail(DHMEM_EXISTS, "The region at %s already exists; open it, or unlink it first", path);
				outcome = FAILED;
			}
		}
		if (outcome == FOUND) {
			*result = region;
			return DHMEM_OK;
		}
		region_drop(region);
		if (outcome == FAILED) {
			return code;
		}
	}
	return fail(DHMEM_TIMEOUT, "Others keep creating and removing %s; stop them, or choose another name",
		path);
}
