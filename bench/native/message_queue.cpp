// boost::interprocess::message_queue between two processes, messages of 64 B.
#include "data.hpp"

#include <boost/interprocess/ipc/message_queue.hpp>
#include <string>

namespace ipc = boost::interprocess;

int main(int argc, char** argv) {
	Job job(argc, argv);
	std::string name = "dhmem-bench-" + std::to_string(getpid());
	// 1 MiB of messages, like dhmem's ring. The child inherits the mapping, so the name is removed at once.
	ipc::message_queue queue(ipc::create_only, name.c_str(), 16384, sizeof(Message));
	ipc::message_queue::remove(name.c_str());
	pid_t producer = other([&] {
		Message message;
		for (int64_t sequence = 0; sequence < job.count; sequence++) {
			fill(message, sequence, job);
			queue.send(&message, sizeof message, 0);
		}
	});
	Meter meter;
	for (int64_t sequence = 0; sequence < job.count; sequence++) {
		Message message;
		ipc::message_queue::size_type length;
		unsigned priority;
		queue.receive(&message, sizeof message, length, priority);
		if (length != sizeof message) fail("The length of message", sequence);
		check(message, sequence);
		if (sequence == 0) meter.first();
	}
	double millions = meter.millions(job.count);
	await(producer);
	std::printf("%g\n", millions);
}
