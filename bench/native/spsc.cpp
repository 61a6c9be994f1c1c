// boost::lockfree::spsc_queue in shared memory between two processes, one by one: spsc records|messages …
#include "data.hpp"

#include <boost/lockfree/spsc_queue.hpp>

// As many bytes as dhmem's rings hold: 16,384 records, or 1 MiB of messages.
template <typename T>
using Queue = boost::lockfree::spsc_queue<T, boost::lockfree::capacity<16384>>;

template <typename T>
double rate(const Job& job) {
	auto* queue = shared<Queue<T>>();
	pid_t producer = other([&] {
		T value;
		for (int64_t sequence = 0; sequence < job.count; sequence++) {
			fill(value, sequence, job);
			spinUntil([&] { return queue->push(value); });
		}
	});
	Meter meter;
	T value;
	for (int64_t sequence = 0; sequence < job.count; sequence++) {
		spinUntil([&] { return queue->pop(value); });
		check(value, sequence);
		if (sequence == 0) meter.first();
	}
	double millions = meter.millions(job.count);
	await(producer);
	return millions;
}

int main(int argc, char** argv) {
	Job job(argc, argv);
	bool records = std::strcmp(argv[1], "records") == 0;
	std::printf("%g\n", records ? rate<double>(job) : rate<Message>(job));
}
