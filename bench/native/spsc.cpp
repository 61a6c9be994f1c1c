// boost::lockfree::spsc_queue in shared memory between two processes, one by one, or
// records in batches of 4096, or messages in batches of 256:
// spsc records|messages|batches|message-batches …
#include "data.hpp"

#include <algorithm>
#include <boost/lockfree/spsc_queue.hpp>
#include <vector>

// The same size in bytes as dhmem's rings: 16,384 records, or 1 MiB of messages.
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

template <typename T>
double batches(const Job& job, int64_t batch) {
	auto* queue = shared<Queue<T>>();
	pid_t producer = other([&] {
		std::vector<T> values(batch);
		for (int64_t first = 0; first < job.count; first += batch) {
			int64_t part = std::min(batch, job.count - first), pushed = 0;
			for (int64_t i = 0; i < part; i++) fill(values[i], first + i, job);
			spinUntil([&] { return (pushed += queue->push(&values[pushed], part - pushed)) == part; });
		}
	});
	Meter meter;
	int64_t lead = 0;
	std::vector<T> values(batch);
	for (int64_t sequence = 0; sequence < job.count;) {
		int64_t popped;
		spinUntil([&] { return (popped = queue->pop(values.data(), batch)) > 0; });
		for (int64_t i = 0; i < popped; i++) check(values[i], sequence + i);
		if (sequence == 0) lead = popped, meter.first();
		sequence += popped;
	}
	double millions = meter.millions(job.count - lead + 1);
	await(producer);
	return millions;
}

int main(int argc, char** argv) {
	Job job(argc, argv);
	const char* what = argv[1];
	double figure = std::strcmp(what, "batches") == 0   ? batches<double>(job, 4096)
					: std::strcmp(what, "message-batches") == 0 ? batches<Message>(job, 256)
					: std::strcmp(what, "records") == 0 ? rate<double>(job)
														: rate<Message>(job);
	std::printf("%g\n", figure);
}
