/* Prints the tightest limit of memory, and what is left of it, where the folder $1 contains proc and sys. */
#include "internal.h"

#include <inttypes.h>
#include <stdio.h>

int main(int count, char **arguments) {
	struct memory_limit limit;
	if (count == 2 && find_memory_limit(arguments[1], &limit)) {
		printf("%" PRIu64 " %" PRIu64 "\n", limit.limit, limit.left);
	}
	return count != 2;
}
