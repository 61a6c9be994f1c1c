/* Records a failure: the system call and its errno. */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool failed_with(struct failure *failure, const char *syscall, int error) {
	failure->error = error;
	failure->syscall = syscall;
	return false;
}

bool failed(struct failure *failure, const char *syscall) {
	return failed_with(failure, syscall, -errno);
}

void must_succeed(int error) {
	if (error != 0) {
		dprintf(2, "dhmem: a lock or thread failed: %s\n", strerror(error));
		abort();
	}
}
