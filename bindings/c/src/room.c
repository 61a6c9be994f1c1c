/*
 * Whether there is room for many pages, before any of them is committed: in the file system, and in the control groups
 * (cgroups) of this process. The kernel kills a program that uses more memory than those allow. Pages in a tmpfs count for
 * the group that touches them first.
 */
#include "internal.h"

#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

/* Before committing more than this, it is worth asking. */
#define MUCH (1u << 24)
#define MIB (1u << 20)
/* The kernel's tables for pages take this share of them. */
#define TABLES 128
/* A missing limit is "max", or larger than any machine. */
#define UNLIMITED (1ull << 60)
#define MOST_RECLAIMABLE 3

/* Where the two versions of cgroups keep what. */
static const struct version {
	const char *folder;
	const char *limit;
	const char *usage;
	/* What the kernel could take back. */
	const char *reclaimable[MOST_RECLAIMABLE];
} versions[] = {
	{ "sys/fs/cgroup", "memory.max", "memory.current",
		{ "inactive_file", "active_file", "slab_reclaimable" } },
	{ "sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
		{ "total_inactive_file", "total_active_file", NULL } },
};

struct text {
	char bytes[16384];
};

/* False, and an empty text, if there is no such file. */
static bool read_text(struct text *text, const char *root, const char *folder, const char *name) {
	char path[4096];
	const int length = snprintf(path, sizeof path, "%s/%s/%s", root, folder, name);
	FILE *file = length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
	const size_t done = file == NULL ? 0 : fread(text->bytes, 1, sizeof text->bytes - 1, file);
	text->bytes[done] = '\0';
	if (file != NULL) {
		fclose(file);
	}
	return done > 0;
}

/* False if the file has no number. */
static bool read_number(const char *root, const char *folder, const char *name, uint64_t *number) {
	struct text text;
	char *end = text.bytes;
	if (read_text(&text, root, folder, name)) {
		*number = strtoull(text.bytes, &end, 10);
	}
	return end != text.bytes;
}

/* The number behind a name, in a text with one of each on a line; 0 if there is none. */
static uint64_t figure(const struct text *text, const char *name) {
	const size_t length = strlen(name);
	for (const char *line = text->bytes; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, length) == 0 && line[length] == ' ') {
			return strtoull(line + length, NULL, 10);
		}
	}
	return 0;
}

/* Keeps the limit of a group if it leaves less than `tightest`. */
static void look_at_group(const char *root, const char *group, struct memory_limit *tightest) {
	for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
		const struct version *version = &versions[i];
		char folder[4096];
		uint64_t limit = 0, used = 0, back = 0;
		struct text figures;
		const int length = snprintf(folder, sizeof folder, "%s%s", version->folder, group);
		if (length >= (int)sizeof folder || !read_number(root, folder, version->limit, &limit) ||
			limit >= UNLIMITED || !read_number(root, folder, version->usage, &used)) {
			continue;
		}
		read_text(&figures, root, folder, "memory.stat");
		for (int each = 0; each < MOST_RECLAIMABLE && version->reclaimable[each] != NULL; each++) {
			back += figure(&figures, version->reclaimable[each]);
		}
		const uint64_t left = used > limit + back ? 0 : limit + back - used;
		if (left < tightest->left) {
			*tightest = (struct memory_limit){ .limit = limit, .left = left };
		}
	}
}

static bool has_memory(const char *controllers, size_t length) {
	const size_t word = strlen("memory");
	for (const char *at = controllers; at < controllers + length; at += strcspn(at, ",:") + 1) {
		if (strncmp(at, "memory", word) == 0 && (at[word] == ',' || at[word] == ':')) {
			return true;
		}
	}
	return length == 0;
}

bool find_memory_limit(const char *root, struct memory_limit *tightest) {
	struct text text;
	char *rest = NULL;
	*tightest = (struct memory_limit){ .left = UINT64_MAX };
	read_text(&text, root, "proc/self", "cgroup");
	/* In a container the paths may be those of the host, while only its own group is mounted, as the root. */
	look_at_group(root, "", tightest);
	for (char *line = strtok_r(text.bytes, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		const char *controllers = strchr(line, ':');
		char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
		if (group == NULL || !has_memory(controllers + 1, (size_t)(group - controllers - 1))) {
			continue;
		}
		group++;
		for (size_t length = strlen(group); length > 1; length = (size_t)(strrchr(group, '/') - group)) {
			group[length] = '\0';
			look_at_group(root, group, tightest);
			if (strchr(group, '/') == NULL) {
				break;
			}
		}
	}
	if (tightest->left == UINT64_MAX) {
		return false;
	}
	read_text(&text, root, "proc", "meminfo");
	tightest->left += figure(&text, "SwapFree:") * 1024;
	return true;
}

static bool is_in_memory(const struct statfs *system) {
	return system->f_type == TMPFS_MAGIC || system->f_type == RAMFS_MAGIC;
}

uint64_t free_room(const char *path) {
	struct statfs system;
	struct memory_limit limit;
	if (statfs(path, &system) != 0) {
		return 0;
	}
	const uint64_t free = (uint64_t)system.f_bsize * system.f_bavail;
	const bool is_limited = is_in_memory(&system) && find_memory_limit("", &limit);
	return is_limited && free + free / TABLES > limit.left ? limit.left : free;
}

int check_room(const char *path, uint64_t bytes) {
	struct statfs system;
	struct memory_limit limit;
	if (bytes <= MUCH || statfs(path, &system) != 0) {
		return DHMEM_OK;
	}
	/* Pages of a file on a disk need not stay in memory. */
	const bool in_memory = is_in_memory(&system);
	const uint64_t free = (uint64_t)system.f_bsize * system.f_bavail;
	if (bytes > free) {
		return fail(DHMEM_NO_SPACE,
			"%s needs %" PRIu64 " more bytes, and its file system has %" PRIu64 " MiB free of %" PRIu64
			" MiB: free some space, or %s",
			path, bytes, free / MIB, (uint64_t)system.f_bsize * system.f_blocks / MIB,
			in_memory ? "enlarge it (in a container, start that with a larger --shm-size)"
					  : "choose a folder in /dev/shm");
	}
	if (in_memory && find_memory_limit("", &limit) && bytes + bytes / TABLES > limit.left) {
		return fail(DHMEM_NO_SPACE,
			"%s needs %" PRIu64 " more bytes: this process may use only %" PRIu64 " MiB more of %" PRIu64
			" MiB of memory, and the kernel would kill it: free some blocks, or raise the limit of its "
			"cgroup "
			"(in a container: --memory)",
			path, bytes, limit.left / MIB, limit.limit / MIB);
	}
	return DHMEM_OK;
}
