/* Records a failure: the system call and its errno. */
#include "internal.h"

bool failed_with(struct failure *failure, const char *syscall, int error) {
	failure->error = error;
	failure->syscall = syscall;
	return false;
}

bool failed(struct failure *failure, const char *syscall) {
	return failed_with(failure, syscall, -errno);
}
