/*
 * A participant in C that a test drives: it reads a command from each line, and answers with a line. Errors are
 * answered with their code and text.
 *
 *	open PATH LABEL		open-as PATH MODE		create PATH GIBIBYTES		close
 *	unlink PATH		unlink-own
 *	trim			patience MILLISECONDS	(of push, pop, and so on)
 *	producer QUEUE CAPACITY	consumer QUEUE CAPACITY		leave QUEUE
 *	send QUEUE TEXT		reserve QUEUE TEXT		end QUEUE
 *	block QUEUE LENGTH BYTE TEXT	(sends TEXT with a block of LENGTH times BYTE)
 *	large QUEUE LENGTH BYTE	(sends a message of LENGTH times BYTE)
 *	receive QUEUE TIMEOUT	hold QUEUE TIMEOUT		take QUEUE TIMEOUT
 *	count QUEUE		(receives to the end, and answers with the number of messages and of their bytes)
 *	flood QUEUE COUNT LENGTH	(sends that many messages)
 *	send-many QUEUE COUNT	(messages at once, of "message" and a number)
 *	receive-many QUEUE COUNT	(up to so many that are there; answers with them)
 *	lock MUTEX TIMEOUT	unlock MUTEX			remove NAME
 *	die
 *
 * With mailboxes and records:
 *
 *	mail-producer QUEUE KEEP	mail-consumer QUEUE KEEP	(0 for the latest message)
 *	push-to QUEUE TYPE	(opens the producer; pop-from the consumer)
 *	push QUEUE FIRST COUNT	(numbers of f64, from FIRST on)
 *	wait-room QUEUE		wait-records QUEUE
 *	pop QUEUE COUNT		(answers with the sum of that many numbers)
 *	push-struct QUEUE ID X	(a struct { id: u32, x: f64 })
 *	pop-struct QUEUE
 *	end-records QUEUE	leave-records QUEUE
 *
 * With structs, arrays, blocks and tokens:
 *
 *	struct NAME TYPE	array NAME TYPE			(TYPE may be left out)
 *	get NAME INDEX		set NAME INDEX VALUE		(a f64)
 *	token NAME		load NAME TOKEN
 *	allocate NAME LENGTH BYTE	(a block of LENGTH times BYTE)
 *	clone NAME COPY		free NAME			bytes NAME
 *	save NAME		load-block NAME TOKEN		free-saved TOKEN
 *	send-clone NAME QUEUE
 *
 * With vectors, maps and conditions:
 *
 *	vector NAME DTYPE	append NAME FIRST COUNT		(numbers of f64)
 *	sum NAME		pop-back NAME			resize NAME LENGTH
 *	map NAME KEY VALUE	put NAME KEY VALUE		look NAME KEY		delete NAME KEY
 *	count-up NAME KEY COUNT	(adds 1 so often, with the map's mutex)		entries NAME
 *	await CONDITION VALUE	(until the first number of the struct "state" is VALUE, with the mutex "turn")
 *	watch CONDITION		(adds 1 to that number whenever it looks, until that is below 0)
 *	change CONDITION VALUE	(of that struct, and notifies)
 *
 * With other processes (peer-chaos.c, peer-forks.c):
 *
 *	chaos OUT IN		fork QUEUE
 *
 * With the descriptor for event loops:
 *
 *	poll QUEUE COUNT	(receives that many messages, and answers with the last one)
 *	echo QUEUE COUNT	(receives that many messages, and sends each back through QUEUE-back)
 *	poll-lock MUTEX
 *	poll-turns CONDITION COUNT	(so often, waits until the first number of the struct "state" is odd, and adds 1)
 *
 * With two threads (peer-threads.c):
 *
 *	await-beside CONDITION VALUE	(one thread awaits what the other changes, with the mutex "turn")
 */
#include "peer.h"

#include <poll.h>
#include <signal.h>

#define MOST 16

dhmem_region *region;
double patience = 10000;
static struct named things[MOST];

struct named *thing(const char *name) {
	for (int i = 0; i < MOST; i++) {
		if (strcmp(things[i].name, name) == 0) {
			return &things[i];
		}
		if (things[i].name[0] == '\0') {
			snprintf(things[i].name, sizeof things[i].name, "%s", name);
			return &things[i];
		}
	}
	abort();
}

void answer(int code, const char *text) {
	if (code < 0) {
		printf("%s %s\n", dhmem_code_name(code), dhmem_error());
	} else {
		printf("%s\n", code == DHMEM_END ? "end" : text);
	}
}

void describe_bytes(const unsigned char *bytes, size_t length, char into[40]) {
	for (size_t i = 1; i < length; i++) {
		if (bytes[i] != bytes[0]) {
			strcpy(into, "mixed");
			return;
		}
	}
	snprintf(into, 40, "%zu times %d", length, length == 0 ? 0 : bytes[0]);
}

int wait_at_descriptor(void) {
	int fd, code = dhmem_fd(region, &fd);
	if (code == DHMEM_OK) {
		struct pollfd polled = { .fd = fd, .events = POLLIN };
		poll(&polled, 1, -1);
		code = dhmem_fd_clear(region);
	}
	return code;
}

static void run_open(const struct line *line) {
	const struct dhmem_options options = { .label = line->rest, .size = 16 << 20 };
	answer(dhmem_open(line->name, &options, &region), "open");
}

static void run_open_as(const struct line *line) {
	const struct dhmem_options options = { .mode = (enum dhmem_mode)line->number, .size = 16 << 20 };
	answer(dhmem_open(line->name, &options, &region), "open");
}

static void run_create(const struct line *line) {
	const struct dhmem_options options = { .mode = DHMEM_CREATE, .size = (uint64_t)line->number << 30 };
	answer(dhmem_open(line->name, &options, &region), "open");
}

static void run_unlink(const struct line *line) {
	answer(dhmem_unlink(line->name, NULL), "unlinked");
}

static void run_unlink_own(const struct line *line) {
	(void)line;
	answer(dhmem_unlink_region(region), "unlinked");
}

static void run_patience(const struct line *line) {
	patience = atof(line->name);
	answer(0, "patient");
}

static void run_trim(const struct line *line) {
	(void)line;
	answer(dhmem_trim(region, NULL), "trimmed");
}

static void run_close(const struct line *line) {
	(void)line;
	dhmem_close(region);
	answer(0, "closed");
}

static int lock(const struct line *line, double timeout, bool *abandoned) {
	struct named *it = line->it;
	const int code = it->mutex == NULL ? dhmem_mutex_open(region, line->name, &it->mutex) : DHMEM_OK;
	return code == DHMEM_OK ? dhmem_lock(it->mutex, timeout, abandoned) : code;
}

static void run_lock(const struct line *line) {
	bool abandoned = false;
	const int code = lock(line, line->number, &abandoned);
	answer(code, abandoned ? "abandoned" : "locked");
}

static void run_poll_lock(const struct line *line) {
	int fd, code = dhmem_fd(region, &fd);
	while (code == DHMEM_OK && (code = lock(line, 0, NULL)) == DHMEM_TIMEOUT) {
		code = wait_at_descriptor();
	}
	answer(code, "locked");
}

static void run_unlock(const struct line *line) {
	answer(dhmem_unlock(line->it->mutex), "unlocked");
}

static void run_remove(const struct line *line) {
	bool removed;
	const int code = dhmem_remove(region, line->name, &removed);
	answer(code, code == DHMEM_OK && removed ? "removed" : "not there");
}

static void run_die(const struct line *line) {
	(void)line;
	raise(SIGKILL);
}

static const struct command commands[] = { { "open", run_open }, { "open-as", run_open_as },
	{ "create", run_create }, { "unlink", run_unlink }, { "unlink-own", run_unlink_own },
	{ "trim", run_trim }, { "patience", run_patience }, { "close", run_close }, { "lock", run_lock },
	{ "poll-lock", run_poll_lock }, { "unlock", run_unlock }, { "remove", run_remove }, { "die", run_die },
	{ NULL, NULL } };

static bool run(const struct command *among, const char *name, const struct line *line) {
	for (; among->name != NULL; among++) {
		if (strcmp(among->name, name) == 0) {
			among->run(line);
			return true;
		}
	}
	return false;
}

int main(void) {
	static const struct command *const all[] = { commands, queue_commands, record_commands, memory_commands,
		collection_commands, process_commands, fork_commands, thread_commands };
	char text[4096];
	while (fgets(text, sizeof text, stdin) != NULL) {
		struct line line = { .rest = "", .text = "" };
		char name[32] = "";
		bool done = false;
		text[strcspn(text, "\n")] = '\0';
		int end = 0, more = 0;
		sscanf(text, "%31s %2047s%n", name, line.name, &end);
		if (text[end] == ' ') {
			line.rest = text + end + 1;
		}
		sscanf(line.rest, "%lf %lf %n", &line.number, &line.second, &more);
		line.text = line.rest + more;
		line.it = thing(line.name);
		for (size_t i = 0; i < sizeof all / sizeof *all && !done; i++) {
			done = run(all[i], name, &line);
		}
		if (!done) {
			printf("unknown command %s\n", name);
		}
		fflush(stdout);
	}
	return 0;
}
