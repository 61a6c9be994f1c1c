/*
 * Named pipes, which wake event loops: an event loop can watch a pipe, but not a futex. A file has one of its own, and
 * opens those of its peers for writing.
 *
 * The owner opens its pipe for reading and writing, so that the pipe never ends while others come and go. A peer opens
 * it only for writing. So while the owner lives the pipe has one reader; when the owner dies it has none, and the
 * kernel says so to every peer that watches it (POLLERR).
 */
#include "internal.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * Those who may write the region may write to the pipe. Nobody else reads it: that would take rings away. Only root may
 * give it to another user, and a user may not be in the region's group; that matters if the group alone may write.
 */
static bool share(const struct file *file, int fd, struct failure *failure) {
	struct stat region, pipe;
	if (status_of(file->fd, &region) != 0 || status_of(fd, &pipe) != 0) {
		return failed(failure, "fstat");
	}
	const mode_t others = region.st_mode & 0022;
	const bool shared = (region.st_uid == pipe.st_uid && region.st_gid == pipe.st_gid) ||
		fchown(fd, region.st_uid, region.st_gid) == 0 || region.st_gid == pipe.st_gid ||
		fchown(fd, (uid_t)-1, region.st_gid) == 0;
	if (!shared && others == 0020) {
		return failed(failure, "fchown");
	}
	return fchmod(fd, 0600 | others) == 0 || failed(failure, "fchmod");
}

static bool is_at(int fd, const char *path) {
	struct stat ours, named;
	return status_of(fd, &ours) == 0 && S_ISFIFO(ours.st_mode) && status_of_path(path, &named) == 0 &&
		ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

/*
 * Without a reader it looks like a dead process's for a moment, and another process may remove it. Then it is not at its
 * path: -ENOENT.
 */
bool pipe_make(struct file *file, const char *path, struct failure *failure) {
	char *copy = strdup(path);
	if (copy == NULL) {
		return failed_with(failure, "malloc", -ENOMEM);
	}
	if (mkfifo(path, 0600) != 0) {
		free(copy);
		return failed(failure, "mkfifo");
	}
	bool done = forks_hold(failure);
	file->pipe_path = copy;
	if (done) {
		file->pipe_fd = open_descriptor(path, O_RDWR | O_NOFOLLOW);
		done = file->pipe_fd >= 0 || failed(failure, "open");
		forks_release();
	}
	done = done && share(file, file->pipe_fd, failure);
	done = done && (is_at(file->pipe_fd, path) || failed_with(failure, "lstat", -ENOENT));
	if (!done) {
		pipe_remove(file);
	}
	return done;
}

void pipe_drain(const struct file *file) {
	char bytes[512];
	ssize_t got;
	do {
		got = read(file->pipe_fd, bytes, sizeof bytes);
	} while (got == (ssize_t)sizeof bytes || (got < 0 && errno == EINTR));
}

void pipe_remove(struct file *file) {
	if (file->pipe_path == NULL) {
		return;
	}
	if (!file->inherited) {
		unlink(file->pipe_path);
	}
	struct failure ignored;
	const bool held = forks_hold(&ignored);
	free(file->pipe_path);
	file->pipe_path = NULL;
	if (held) {
		forks_release();
	}
	forks_close_descriptor(&file->pipe_fd);
}

static void remove_name(const struct file *file) {
	if (file->pipe_path != NULL) {
		unlink(file->pipe_path);
	}
}

/* Files that are open at exit() are not closed: Node does not close them if a program calls process.exit(). */
__attribute__((destructor)) static void remove_names(void) {
	forks_each(remove_name);
}

bool pipe_connect(struct file *file, uint32_t index, const char *path, struct stat *status,
	struct failure *failure) {
	pipe_disconnect(file, index);
	if (!forks_hold(failure)) {
		return false;
	}
	const int fd = open_descriptor(path, O_WRONLY | O_NOFOLLOW);
	const int number = errno;
	file->peer_fds[index] = fd;
	forks_release();
	if (fd < 0) {
		return failed_with(failure, "open", -number);
	}
	bool done = status_of(fd, status) == 0 || failed(failure, "fstat");
	done = done && (S_ISFIFO(status->st_mode) || failed_with(failure, "open", NOT_REGULAR));
	if (!done) {
		pipe_disconnect(file, index);
	}
	return done;
}

void pipe_disconnect(struct file *file, uint32_t index) {
	if (file->peer_fds[index] >= 0) {
		forks_close_descriptor(&file->peer_fds[index]);
	}
}

/*
 * A process must not die of SIGPIPE because a peer has died, and a program's own handler for that signal must not run.
 * The signal is sent to this thread, so it can be taken back.
 */
static ssize_t write_quietly(int fd) {
	sigset_t pipes, before;
	sigemptyset(&pipes);
	sigaddset(&pipes, SIGPIPE);
	must_succeed(pthread_sigmask(SIG_BLOCK, &pipes, &before));
	ssize_t written;
	do {
		written = write(fd, "", 1);
	} while (written < 0 && errno == EINTR);
	const int number = errno;
	if (!sigismember(&before, SIGPIPE)) {
		const struct timespec now = { 0 };
		if (written < 0 && number == EPIPE) {
			sigtimedwait(&pipes, NULL, &now);
		}
		must_succeed(pthread_sigmask(SIG_SETMASK, &before, NULL));
	}
	errno = number;
	return written;
}

bool pipe_ring(const struct file *file, uint32_t index, bool *rung, struct failure *failure) {
	if (file->peer_fds[index] < 0) {
		*rung = false;
		return true;
	}
	/* A full pipe is a ring that its reader has not seen yet. */
	*rung = write_quietly(file->peer_fds[index]) == 1 || errno == EAGAIN;
	return *rung || errno == EPIPE || failed(failure, "write");
}

bool pipe_remove_litter(const char *path, bool *removed, struct failure *failure) {
	struct stat status;
	*removed = false;
	int fd = open_descriptor(path, O_WRONLY | O_NOFOLLOW);
	if (fd >= 0) {
		close(fd);
		return true;
	}
	if (errno != ENXIO) {
		return errno == ENOENT || failed(failure, "open");
	}
	/* A socket gives ENXIO too. */
	if (status_of_path(path, &status) != 0 || !S_ISFIFO(status.st_mode)) {
		return true;
	}
	*removed = unlink(path) == 0;
	return *removed || errno == ENOENT || failed(failure, "unlink");
}
