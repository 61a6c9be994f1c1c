// The workflow shapes over Open MPI: mpirun -np TASKS shapes simple|long|wide MIDDLE ITERATIONS SPOILT BYTES
//
//   simple  start ─▶ end
//   long    start ─▶ 1 ─▶ … ─▶ MIDDLE ─▶ end
//   wide    start ─▶ each of 1 … MIDDLE ─▶ end
//
// In each step, a task receives a message from each task that sends to it, checks all of it, and then writes a message
// and sends it to all its receivers. Prints the seconds from when all tasks are ready to when all are done.
#include <mpi.h>

#include "pattern.hpp"

struct Link {
	int from, to;
};

static std::vector<Link> linksOf(const char* shape, int middle) {
	std::vector<Link> links;
	int end = middle + 1;
	if (std::strcmp(shape, "simple") == 0) links.push_back({0, 1});
	else if (std::strcmp(shape, "long") == 0) {
		for (int task = 0; task < end; task++) links.push_back({task, task + 1});
	} else {
		for (int task = 1; task < end; task++) links.push_back({0, task}), links.push_back({task, end});
	}
	return links;
}

[[noreturn]] static void abort(int task, int64_t step) {
	std::fprintf(stderr, "The message of task %d in step %lld is wrong\n", task, static_cast<long long>(step));
	MPI_Abort(MPI_COMM_WORLD, 1);
	std::exit(1);
}

int main(int argc, char** argv) {
	MPI_Init(&argc, &argv);
	Job job(argc, argv);
	int me;
	MPI_Comm_rank(MPI_COMM_WORLD, &me);
	std::vector<int> inputs, outputs;
	for (auto [from, to] : linksOf(argv[1], std::atoi(argv[2]))) {
		if (to == me) inputs.push_back(from);
		if (from == me) outputs.push_back(to);
	}
	Pattern pattern;
	std::vector<char> message(job.size);
	int length = static_cast<int>(job.size);
	MPI_Barrier(MPI_COMM_WORLD);
	double started = now();
	for (int64_t step = 0; step < job.count; step++) {
		for (int from : inputs) {
			MPI_Recv(message.data(), length, MPI_BYTE, from, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
			if (!pattern.matches(message, from, step)) abort(from, step);
		}
		if (outputs.empty()) continue;
		pattern.fill(message, me, step, job);
		for (int to : outputs) MPI_Send(message.data(), length, MPI_BYTE, to, 1, MPI_COMM_WORLD);
	}
	MPI_Barrier(MPI_COMM_WORLD);
	double took = now() - started;
	if (me == 0) std::printf("%g\n", took);
	MPI_Finalize();
}
