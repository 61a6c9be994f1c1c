// Allocating and freeing 64 B, 64 blocks alive at a time: allocate rbtree|rbtree-two|malloc …
// In nanoseconds; for two processes at once in millions a second.
#include "data.hpp"

#include <boost/interprocess/managed_shared_memory.hpp>
#include <string>

namespace ipc = boost::interprocess;

// boost's default, spelt out.
using Segment = ipc::basic_managed_shared_memory<char, ipc::rbtree_best_fit<ipc::mutex_family>, ipc::iset_index>;

struct Shared {
	Segment& segment;
	unsigned char* allocate() { return static_cast<unsigned char*>(segment.allocate(64)); }
	void free(unsigned char* block) { segment.deallocate(block); }
};

struct Own {
	unsigned char* allocate() {
		void* block = std::malloc(64);
		// Otherwise the compiler sees that the block is not used, and removes both calls.
		asm volatile("" : "+r"(block) : : "memory");
		return static_cast<unsigned char*>(block);
	}
	void free(unsigned char* block) { std::free(block); }
};

template <typename Allocator>
class Churn {
	static constexpr int64_t kLive = 64;
	Allocator allocator;
	unsigned char* live[kLive] = {};

	void release(int64_t sequence) {
		unsigned char* block = live[sequence % kLive];
		auto expected = static_cast<unsigned char>(sequence);
		if (block[0] != expected || block[63] != expected) fail("Block", sequence);
		allocator.free(block);
	}

public:
	explicit Churn(Allocator allocator) : allocator(allocator) {}

	void step(int64_t sequence, const Job& job) {
		if (sequence >= kLive) release(sequence - kLive);
		unsigned char* block = allocator.allocate();
		block[0] = static_cast<unsigned char>(sequence);
		block[63] = static_cast<unsigned char>(sequence == job.spoilt ? sequence + 1 : sequence);
		live[sequence % kLive] = block;
	}

	void end(int64_t count) {
		for (int64_t sequence = count > kLive ? count - kLive : 0; sequence < count; sequence++) release(sequence);
	}
};

// Seconds.
template <typename Allocator>
double churn(Allocator allocator, const Job& job) {
	Churn<Allocator> blocks(allocator);
	double started = now();
	for (int64_t sequence = 0; sequence < job.count; sequence++) blocks.step(sequence, job);
	blocks.end(job.count);
	return now() - started;
}

struct Agreement {
	alignas(128) std::atomic<bool> running{true};
	alignas(128) std::atomic<int64_t> done{0};
};

// The rate of both processes together.
static double two(Shared allocator, const Job& job) {
	auto* agreement = shared<Agreement>();
	pid_t second = other([&] {
		Churn<Shared> blocks(allocator);
		Job whole = job;
		whole.spoilt = -1;
		int64_t count = 0;
		while (agreement->running || count == 0) {
			for (int i = 0; i < 64; i++) blocks.step(count++, whole);
			agreement->done = count;
		}
		blocks.end(count);
	});
	spinUntil([&] { return agreement->done != 0; });
	int64_t before = agreement->done;
	double took = churn(allocator, job);
	double millions = static_cast<double>(job.count + agreement->done - before) / took / 1e6;
	agreement->running = false;
	await(second);
	return millions;
}

int main(int argc, char** argv) {
	Job job(argc, argv);
	std::string name = "dhmem-bench-" + std::to_string(getpid());
	Segment segment(ipc::create_only, name.c_str(), 64 << 20);
	ipc::shared_memory_object::remove(name.c_str());
	bool isMalloc = std::strcmp(argv[1], "malloc") == 0;
	bool isTwo = std::strcmp(argv[1], "rbtree-two") == 0;
	double figure = isTwo ? two({segment}, job)
						  : (isMalloc ? churn(Own{}, job) : churn(Shared{segment}, job)) * 1e9 / job.count;
	std::printf("%g\n", figure);
}
