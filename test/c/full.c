/*
 * Allocates blocks in the region at the path $1, although the file system has no room for them, and prints the blocks of 512
 * bytes that the file has before, after the failures, and after giving memory back. statfs() tells of much room, as it does
 * when another program takes the room just after it.
 */
#include "dhmem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int statfs(const char *path, struct statfs *system) {
	(void)path;
	*system = (struct statfs){ .f_bsize = 4096, .f_blocks = 1ul << 40, .f_bavail = 1ul << 40 };
	return 0;
}

static long long pages_of(const dhmem_region *region) {
	struct stat status;
	return stat(dhmem_path(region), &status) == 0 ? (long long)status.st_blocks : -1;
}

int main(int count, char **arguments) {
	const struct dhmem_options options = { .mode = DHMEM_OPEN };
	dhmem_region *region;
	if (count < 3 || dhmem_open(arguments[1], &options, &region) != DHMEM_OK) {
		fprintf(stderr, "%s\n", dhmem_error());
		return 1;
	}
	for (int i = 2; i < count; i++) {
		struct dhmem_block block;
		/* The first one may make tables, which stay. */
		for (int turn = 0; turn < 3; turn++) {
			const int code = dhmem_allocate(region, strtoull(arguments[i], NULL, 10), &block);
			printf("%s %lld\n", code == DHMEM_NO_SPACE ? "refused" : "allocated", pages_of(region));
		}
	}
	dhmem_trim(region, NULL);
	printf("trimmed %lld\n", pages_of(region));
	dhmem_close(region);
	return 0;
}
