// The workflow shapes over Open MPI: mpirun -np TASKS shapes simple|long|wide MIDDLE ITERATIONS SPOILT BYTES
//
//   simple  start ─▶ end
//   long    start ─▶ 1 ─▶ … ─▶ MIDDLE ─▶ end
//   wide    start ─▶ each of 1 … MIDDLE ─▶ end
//
// A task waits for a message on each of its inputs, checks every number of it, then fills a message for each of its
// outputs and sends it. Prints the seconds from when all are there to when all are done.
#include <mpi.h>

#include "steps.hpp"

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

static void check(const std::vector<int32_t>& values, int64_t step, int64_t link) {
	if (isStep(values, step, link)) return;
	std::fprintf(stderr, "The message of step %lld on link %lld is wrong\n", static_cast<long long>(step),
				 static_cast<long long>(link));
	MPI_Abort(MPI_COMM_WORLD, 1);
}

int main(int argc, char** argv) {
	MPI_Init(&argc, &argv);
	Job job(argc, argv);
	auto links = linksOf(argv[1], std::atoi(argv[2]));
	int me;
	MPI_Comm_rank(MPI_COMM_WORLD, &me);
	std::vector<int32_t> values(job.size / 4);
	int count = static_cast<int>(values.size());
	MPI_Barrier(MPI_COMM_WORLD);
	double started = now();
	for (int64_t step = 0; step < job.count; step++) {
		for (size_t link = 0; link < links.size(); link++) {
			if (links[link].to != me) continue;
			MPI_Recv(values.data(), count, MPI_INT, links[link].from, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
			check(values, step, static_cast<int64_t>(link));
		}
		for (size_t link = 0; link < links.size(); link++) {
			if (links[link].from != me) continue;
			fillStep(values, step, static_cast<int64_t>(link), job);
			MPI_Send(values.data(), count, MPI_INT, links[link].to, 1, MPI_COMM_WORLD);
		}
	}
	MPI_Barrier(MPI_COMM_WORLD);
	double took = now() - started;
	if (me == 0) std::printf("%g\n", took);
	MPI_Finalize();
}
