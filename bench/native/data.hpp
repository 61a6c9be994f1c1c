// The data that is sent and its check, as in bench/data.ts, and other common parts of the programs here.
#pragma once
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

// The last arguments of each program: COUNT SPOILT SIZE.
struct Job {
	int64_t count, spoilt, size;

	Job(int argc, char** argv) {
		if (argc < 4) {
			std::fprintf(stderr, "usage: %s … COUNT SPOILT SIZE\n", argv[0]);
			std::exit(2);
		}
		count = std::atoll(argv[argc - 3]);
		spoilt = std::atoll(argv[argc - 2]);
		size = std::atoll(argv[argc - 1]);
	}
};

[[noreturn]] inline void fail(const char* what, int64_t which) {
	std::fprintf(stderr, "%s %lld is wrong\n", what, static_cast<long long>(which));
	std::exit(1);
}

struct Message {
	uint32_t words[16];
};

inline void fill(Message& message, int64_t sequence, const Job& job) {
	for (int i = 0; i < 16; i++) message.words[i] = static_cast<uint32_t>(sequence + i);
	if (sequence == job.spoilt) message.words[15] = static_cast<uint32_t>(sequence);
}

inline void check(const Message& message, int64_t sequence) {
	for (int i = 0; i < 16; i++) {
		if (message.words[i] != static_cast<uint32_t>(sequence + i)) fail("Message", sequence);
	}
}

inline void fill(double& record, int64_t sequence, const Job& job) {
	record = sequence == job.spoilt ? -1 : static_cast<double>(sequence) + 0.5;
}

inline void check(double record, int64_t sequence) {
	if (record != static_cast<double>(sequence) + 0.5) fail("Record", sequence);
}

// Seconds.
inline double now() {
	return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Counts from the first arrival, as Meter in bench/data.ts.
struct Meter {
	double started = 0;

	void first() { started = now(); }
	double millions(int64_t count) const { return static_cast<double>(count - 1) / (now() - started) / 1e6; }
};

// Waits in a busy loop. With a core for each process, the wait is over long before the first yield.
template <typename Condition>
void spinUntil(Condition isMet) {
	for (int spins = 1; !isMet(); spins++) {
		if (spins % 65536 == 0) sched_yield();
	}
}

// Creates an object in memory that this process shares with the processes that it forks.
template <typename T, typename... Args>
T* shared(Args... args) {
	void* at = mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) std::perror("mmap"), std::exit(1);
	return new (at) T(args...);
}

// Runs `task` in another process, which ends when this one does.
template <typename Task>
pid_t other(Task task) {
	pid_t child = fork();
	if (child != 0) return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	task();
	_exit(0);
}

inline void await(pid_t child) {
	int status = 0;
	waitpid(child, &status, 0);
	if (status != 0) std::exit(1);
}
