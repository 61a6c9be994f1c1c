// The costs of filling, copying and checking in one process:
//   copy records …         f64 records in batches of 4096 into a ring and out of it, in millions a second
//   copy compare …         messages of SIZE bytes: memcpy into a ring of eight, memcmp, in GB/s
//   copy sized …           the same, in microseconds for each message
//   copy steps FILLS CHECKS …
//                          COUNT steps of a workflow shape, by two threads in turn: FILLS messages of SIZE bytes are
//                          filled, each is checked, and the first as often as makes CHECKS; in seconds
//   copy there-and-back …  a block of SIZE bytes copied and copied back, in microseconds
#include "pattern.hpp"

#include <thread>

static double records(const Job& job) {
	constexpr int64_t batch = 4096;
	constexpr int64_t slots = 4 * batch;
	std::vector<double> ring(slots), in(batch), out(batch);
	double started = now();
	for (int64_t first = 0; first < job.count; first += batch) {
		int64_t part = job.count - first < batch ? job.count - first : batch;
		for (int64_t i = 0; i < part; i++) fill(in[i], first + i, job);
		double* at = &ring[first % slots];
		std::memcpy(at, in.data(), part * sizeof(double));
		std::memcpy(out.data(), at, part * sizeof(double));
		for (int64_t i = 0; i < part; i++) check(out[i], first + i);
	}
	return static_cast<double>(job.count) / (now() - started) / 1e6;
}

// Seconds for each message.
static double compare(const Job& job) {
	constexpr int64_t fit = 8, patterns = 3;
	// The message is compared with other memory than it was copied from, as between two processes.
	std::vector<char> ring(fit * job.size);
	std::vector<std::vector<double>> sources, expected;
	for (int64_t i = 0; i < patterns; i++) {
		sources.emplace_back(job.size / 8, static_cast<double>(i) + 1.5);
		expected.push_back(sources.back());
	}
	Job shifted = job;
	if (job.spoilt >= 0) shifted.spoilt += fit;
	double started = 0;
	for (int64_t n = 0; n < job.count + fit; n++) {
		// The first round touches the ring's pages, and is not counted.
		if (n == fit) started = now();
		auto& source = sources[n % patterns];
		auto& wanted = expected[n % patterns];
		fill(source.back(), n, shifted);
		wanted.back() = static_cast<double>(n) + 0.5;
		char* at = &ring[n % fit * job.size];
		std::memcpy(at, source.data(), job.size);
		if (std::memcmp(at, wanted.data(), job.size) != 0) fail("Message", n - fit);
	}
	return (now() - started) / static_cast<double>(job.count);
}

static double steps(const Job& job, int fills, int checks) {
	const Pattern pattern;
	// Messages of two steps, as in the workflow, so that they are mostly out of the caches when they are checked.
	std::vector<std::vector<char>> even(fills, std::vector<char>(job.size)), odd = even;
	auto half = [&](int64_t first, std::vector<std::vector<char>>& messages) {
		for (int64_t step = first; step < job.count; step += 2) {
			for (int task = 0; task < fills; task++) pattern.fill(messages[task], task, step, job);
			for (int check = 0; check < checks; check++) {
				const int task = std::max(0, check - (checks - fills));
				if (!pattern.matches(messages[task], task, step)) fail("Step", step);
			}
		}
	};
	double started = now();
	std::thread other(half, 1, std::ref(odd));
	half(0, even);
	other.join();
	return now() - started;
}

static double thereAndBack(const Job& job) {
	int64_t words = job.size / 8;
	std::vector<double> block(words, 7.5), copy(words, 0);
	double started = now();
	for (int64_t sequence = 0; sequence < job.count; sequence++) {
		fill(block[0], sequence, job);
		fill(block[words - 1], sequence, job);
		std::memcpy(copy.data(), block.data(), job.size);
		copy[0] += 1;
		copy[words - 1] += 1;
		std::memcpy(block.data(), copy.data(), job.size);
		check(block[0], sequence + 1);
		check(block[words - 1], sequence + 1);
	}
	return (now() - started) * 1e6 / static_cast<double>(job.count);
}

int main(int argc, char** argv) {
	Job job(argc, argv);
	const char* what = argv[1];
	double figure = std::strcmp(what, "records") == 0   ? records(job)
					: std::strcmp(what, "compare") == 0 ? static_cast<double>(job.size) / compare(job) / 1e9
					: std::strcmp(what, "sized") == 0   ? compare(job) * 1e6
						: std::strcmp(what, "steps") == 0   ? steps(job, std::atoi(argv[2]), std::atoi(argv[3]))
														: thereAndBack(job);
	std::printf("%g\n", figure);
}
