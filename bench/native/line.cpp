// A round trip between two processes that spin, each on a cache line that the other writes: microseconds.
#include "data.hpp"

struct Lines {
	// Lines are fetched in pairs.
	alignas(128) std::atomic<int64_t> ping{-1};
	alignas(128) std::atomic<int64_t> pong{-1};
};

int main(int argc, char** argv) {
	Job job(argc, argv);
	auto* lines = shared<Lines>();
	pid_t echo = other([&] {
		for (int64_t sequence = 0; sequence < job.count; sequence++) {
			int64_t seen;
			spinUntil([&] { return (seen = lines->ping.load(std::memory_order_acquire)) >= sequence; });
			lines->pong.store(seen, std::memory_order_release);
		}
	});
	double started = 0;
	for (int64_t sequence = 0; sequence < job.count; sequence++) {
		lines->ping.store(sequence == job.spoilt ? sequence + 1 : sequence, std::memory_order_release);
		int64_t seen;
		spinUntil([&] { return (seen = lines->pong.load(std::memory_order_acquire)) >= sequence; });
		if (seen != sequence) fail("Trip", sequence);
		if (sequence == 0) started = now();
	}
	double each = (now() - started) * 1e6 / static_cast<double>(job.count - 1);
	await(echo);
	std::printf("%g\n", each);
}
